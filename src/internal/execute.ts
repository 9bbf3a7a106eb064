/** Where Effect meets the engine: one request as an interruptible Effect. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { AioBadArgument, AioError } from "../AioError.ts"
import type { Engine } from "./engine/engine.ts"
import { IDLE, Request } from "./engine/request.ts"
import { errno } from "./native/errno.ts"
import { syscall } from "./native/libc.ts"
import { BadArgument } from "./operation/arguments.ts"
import { close } from "./operation/catalogue.ts"
import type { Operation } from "./operation/operation.ts"
import { inOneStage, inStages, outliveTurn, type Restore, type Resume, settle, type Task } from "./wait.ts"

type Failure = AioError | AioBadArgument

/** What a completed request means to its fiber. */
const outcome = <A>(request: Request): Exit.Exit<A, AioError> => {
  const { entry, input, result } = request
  if (result < 0) return Exit.fail(AioError.fromErrno(-result, entry.name, input))
  try {
    return Exit.succeed(entry.decode(request, input))
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** A request whose end a fiber waits for. */
class Call<A> extends Request implements Task<A> {
  exit: Exit.Exit<A, AioError> | undefined
  resume: Resume<A> | undefined
  restore: Restore | undefined

  constructor(
    readonly engine: Engine,
    operation: Operation<A>
  ) {
    super(operation)
  }

  get started(): boolean {
    return this.state !== IDLE
  }

  start(): void {
    if (this.engine.closed) {
      // No backend is left to run it. A descriptor can and must still be closed.
      this.result = this.entry === close.entry ? syscall(this.nr, this.a0) : -errno.ECANCELED
      this.settled()
      this.release()
    } else this.engine.submit(this)
  }

  cancel(): void {
    this.engine.cancel(this)
  }

  override settled(): void {
    settle(this, outcome<A>(this))
  }

  override flushed(): void {
    outliveTurn(this)
  }

  releaseOrphan(): Effect.Effect<void> {
    return this.entry.producesDescriptor === true && this.exit !== undefined && this.result >= 0
      ? Effect.ignore(executeUninterruptibly(this.engine, close(this.result)))
      : Effect.void
  }
}

/** Encodes and then runs; what is wrong with the arguments becomes an error before anything is handed to the engine. */
const prepared = <A>(
  engine: Engine,
  operation: Operation<A>,
  run: (call: Call<A>) => Effect.Effect<A, Failure>
): Effect.Effect<A, Failure> => {
  const call = new Call(engine, operation)
  try {
    call.encode()
  } catch (error) {
    call.release()
    if (!(error instanceof BadArgument)) return Effect.die(error)
    const { argument, description } = error
    return Effect.fail(new AioBadArgument({ operation: call.entry.name, argument, description }))
  }
  return run(call)
}

/** Runs the operation in an uninterruptible region whose `restore` is given: how a Scope's acquisition stays interruptible. */
export const executeMasked = <A>(
  engine: Engine,
  operation: Operation<A>,
  restore: Restore
): Effect.Effect<A, Failure> =>
  Effect.suspend(() => prepared(engine, operation, (call) => inStages(call, restore, () => call.start())))

/** Runs the operation to its end, whatever happens to the fiber. */
export const executeUninterruptibly = <A>(engine: Engine, operation: Operation<A>): Effect.Effect<A, Failure> =>
  Effect.uninterruptible(
    Effect.suspend(() => prepared(engine, operation, (call) => inStages(call, (effect) => effect, () => call.start())))
  )

/** Runs an operation that is known to wait, for a device without a cache in front of it. */
export const executeWaiting = <A>(engine: Engine, operation: Operation<A>): Effect.Effect<A, Failure> =>
  Effect.uninterruptibleMask((restore) =>
    prepared(engine, operation, (call) => inOneStage(call, restore, () => call.start()))
  )

/** Runs the operation. Interruption cancels it; the fiber ends when nothing touches its memory any more. */
export const execute = <A>(engine: Engine, operation: Operation<A>): Effect.Effect<A, Failure> =>
  Effect.suspend(() => prepared(engine, operation, tryThenWait))

const tryThenWait = <A>(call: Call<A>): Effect.Effect<A, Failure> => {
  if (call.engine.tryInline(call)) {
    const exit = outcome<A>(call)
    call.release()
    return exit
  }
  return Effect.uninterruptibleMask((restore) => {
    const wait = inStages(call, restore, () => call.start())
    return call.entry.producesDescriptor === true
      ? Effect.flatMap(wait, (value) => handOver(call, restore, value))
      : wait
  })
}

/**
 * A descriptor is handed over only to a fiber that goes on: one that was interrupted while it arrived gives it back. The fiber has
 * just been resumed, so it will not yield between this look and the end of the uninterruptible region.
 */
const handOver = <A>(call: Call<A>, restore: Restore, value: A): Effect.Effect<A> =>
  Effect.matchCauseEffect(restore(Effect.void), {
    onFailure: (cause) => Effect.zipRight(call.releaseOrphan(), Effect.failCause(cause)),
    onSuccess: () => Effect.succeed(value)
  })
