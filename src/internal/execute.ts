/**
 * Where Effect meets the engine: one request as an interruptible Effect.
 *
 * A request that needs no waiting is finished on the spot. Any other runs in two stages inside one uninterruptible region:
 *
 * 1. Wait for the end of the turn in which it was submitted, without a canceler. What the kernel answers from its caches is
 *    complete by then, and a turn of the event loop is no wait: most requests end here, at half the price of a cancelable one.
 * 2. What is still under way is waited for interruptibly. An interrupt asks the engine to cancel, and then waits, again
 *    uninterruptibly, for the completion: only then is the fiber allowed to end, and its buffers are its own again.
 *
 * `Effect.async` with a canceler in an interruptible region would not do: the fiber may yield, and be interrupted, between the
 * registration (which submits) and the installation of the canceler.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { AioBadArgument, AioError } from "../AioError.ts"
import type { Engine } from "./engine/engine.ts"
import { Request } from "./engine/request.ts"
import { errno } from "./native/errno.ts"
import { syscall } from "./native/libc.ts"
import { BadArgument } from "./operation/arguments.ts"
import { close } from "./operation/catalogue.ts"
import type { Operation } from "./operation/operation.ts"

type Failure = AioError | AioBadArgument
type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

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

/** A request whose end somebody's fiber waits for. */
class Call<A> extends Request {
  exit: Exit.Exit<A, AioError> | undefined
  resume: ((effect: Effect.Effect<any, any>) => void) | undefined
  restore: Restore | undefined

  constructor(
    readonly engine: Engine,
    operation: Operation<A>
  ) {
    super(operation)
  }

  override settled(): void {
    const { resume } = this
    this.exit = outcome(this)
    if (resume !== undefined) {
      this.resume = undefined
      resume(this.exit)
    }
  }

  override flushed(): void {
    const resume = this.resume!
    this.resume = undefined
    resume(inFlight(this))
  }
}

/** Stage two: the request outlives the turn. Runs in the uninterruptible region. */
const inFlight = <A>(call: Call<A>): Effect.Effect<A, AioError> =>
  Effect.matchCauseEffect(call.restore!(completion(call)), {
    onFailure: (cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.zipRight(cancelled(call), Effect.failCause(cause))
        : Effect.failCause(cause),
    onSuccess: Effect.succeed
  })

const completion = <A>(call: Call<A>): Effect.Effect<A, AioError> =>
  Effect.async((resume) => {
    if (call.exit === undefined) call.resume = resume
    else resume(call.exit)
  })

/** Cancels, waits for the completion, releases what it produced. Uninterruptible, like its caller. */
const cancelled = <A>(call: Call<A>): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.async<void>((resume) => {
      if (call.exit !== undefined) return resume(Effect.void)
      call.resume = () => resume(Effect.void)
      call.engine.cancel(call)
    }),
    () => (call.entry.producesDescriptor === true && call.result >= 0 ? releaseOrphan(call.engine, call.result) : Effect.void)
  )

/** Closes a descriptor that a completed request produced and that its interrupted fiber will never see. */
const releaseOrphan = (engine: Engine, fd: number): Effect.Effect<void> =>
  Effect.ignore(Effect.uninterruptibleMask((restore) => executeMasked(engine, close(fd), restore)))

/**
 * A descriptor is handed over only to a fiber that goes on: one that was interrupted while it arrived gives it back. The fiber has
 * just been resumed, so it will not yield between this look and the end of the uninterruptible region.
 */
const handOver = <A>(call: Call<A>, restore: Restore, value: A): Effect.Effect<A> =>
  Effect.matchCauseEffect(restore(Effect.void), {
    onFailure: (cause) => Effect.zipRight(releaseOrphan(call.engine, call.result), Effect.failCause(cause)),
    onSuccess: () => Effect.succeed(value)
  })

/** Both stages for an encoded request. Runs in the uninterruptible region that `restore` belongs to. */
const submitted = <A>(call: Call<A>, restore: Restore): Effect.Effect<A, AioError> =>
  Effect.async((resume) => {
    call.restore = restore
    call.resume = resume
    if (call.engine.closed) {
      // No backend is left to run it. A descriptor can and must still be closed.
      call.result = call.entry === close.entry ? syscall(call.nr, call.a0) : -errno.ECANCELED
      call.settled()
      call.release()
    } else call.engine.submit(call)
  })

const badArgument = (call: Call<any>, error: unknown): Effect.Effect<never, AioBadArgument> => {
  call.release()
  if (!(error instanceof BadArgument)) return Effect.die(error)
  return Effect.fail(
    new AioBadArgument({ operation: call.entry.name, argument: error.argument, description: error.description })
  )
}

/** Runs the operation in an uninterruptible region whose `restore` is given: how a Scope's acquisition stays interruptible. */
export const executeMasked = <A>(
  engine: Engine,
  operation: Operation<A>,
  restore: Restore
): Effect.Effect<A, Failure> =>
  Effect.suspend((): Effect.Effect<A, Failure> => {
    const call = new Call(engine, operation)
    try {
      call.encode()
    } catch (error) {
      return badArgument(call, error)
    }
    return submitted(call, restore)
  })

/** Runs the operation. Interruption cancels it; the fiber ends when nothing touches its memory any more. */
export const execute = <A>(engine: Engine, operation: Operation<A>): Effect.Effect<A, Failure> =>
  Effect.suspend((): Effect.Effect<A, Failure> => {
    const call = new Call(engine, operation)
    try {
      call.encode()
    } catch (error) {
      return badArgument(call, error)
    }
    if (engine.tryInline(call)) {
      const exit = outcome<A>(call)
      call.release()
      return exit
    }
    return call.entry.producesDescriptor === true
      ? Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(submitted(call, restore), (value) => handOver(call, restore, value))
        )
      : Effect.uninterruptibleMask((restore) => submitted(call, restore))
  })
