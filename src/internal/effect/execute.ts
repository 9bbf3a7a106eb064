/** Where Effect meets the engine: one request as an interruptible Effect. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { AioBadArgument, AioError } from "../../AioError.ts"
import { BadArgument } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { closeAtOnce } from "../engine/openDescriptor.ts"
import { type Entry, type Operation, PENDING } from "../engine/operation.ts"
import { IDLE, Request } from "../engine/request.ts"
import type { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import { close } from "../operation/catalogue.ts"
import { isInterrupted } from "./fiber.ts"
import { priorityOf } from "./priority.ts"
import { inSpan, wantsSpan } from "./spans.ts"
import { type Failure, inStages, losePatience, type Restore, type Resume, settle, type Task } from "./wait.ts"

/** The failure of a request with a (positive) error number. What the end of the Layer has cancelled says so. */
export const failureOf = (engine: Engine, number: number, operation: string, input: any): AioError =>
  AioError.fromErrno(
    number,
    operation,
    input,
    number === errno.ECANCELED && engine.closed ? "the Layer of this Aio has ended" : undefined
  )

/** What a result means to the fiber that waits for it. */
export const outcome = <A>(
  engine: Engine,
  entry: Entry<any, A>,
  input: any,
  result: number,
  memory: Submission | null
): Exit.Exit<A, AioError> => {
  if (result < 0) return Exit.fail(failureOf(engine, -result, entry.name, input))
  try {
    return Exit.succeed(entry.decode(memory!, result, input))
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** What was found wrong before anything was handed to a kernel. */
export const badArgument = (operation: string, problem: unknown): Exit.Exit<never, AioBadArgument> =>
  problem instanceof BadArgument
    ? Exit.fail(new AioBadArgument({ operation, argument: problem.argument, description: problem.description }))
    : Exit.die(problem)

/** A request whose end a fiber waits for. */
export class Call<A> extends Request implements Task<A> {
  exit: Exit.Exit<A, Failure> | undefined = undefined
  resume: Resume<A> | undefined = undefined
  restore: Restore | undefined = undefined
  /** It is part of the end of a fiber that was interrupted. */
  private readonly isOfInterrupted: boolean

  constructor(
    readonly engine: Engine,
    operation: Operation<A>,
    fiber: Fiber.RuntimeFiber<any, any>
  ) {
    super(operation)
    this.priority = priorityOf(fiber)
    this.isOfInterrupted = engine.observer !== null && isInterrupted(fiber)
  }

  get started(): boolean {
    return this.state !== IDLE
  }

  start(): void {
    const { file } = this.input
    if (file !== undefined) file.users++
    if (this.engine.closed) this.settledAfterClose()
    else {
      this.engine.submit(this)
      if (this.isOfInterrupted) this.engine.hurry(this)
    }
  }

  /** No backend is left to run it. A descriptor can and must still be closed. */
  private settledAfterClose(): void {
    if (this.entry === close.entry) this.problem = closeAtOnce(this.engine.descriptors, this.input.fd)
    this.result = this.entry === close.entry ? 0 : -errno.ECANCELED
    this.settled(null)
  }

  cancel(): void {
    this.engine.cancel(this)
  }

  override settled(memory: Submission | null): void {
    const { file } = this.input
    if (file !== undefined && --file.users === 0) file.onUnused?.()
    settle(
      this,
      this.problem === undefined
        ? outcome<A>(this.engine, this.entry, this.input, this.result, memory)
        : badArgument(this.entry.name, this.problem)
    )
  }

  override died(defect: unknown): void {
    if (this.exit === undefined) settle(this, Exit.die(defect))
  }

  override get ownsDescriptor(): boolean {
    return true
  }

  override get hasPatience(): boolean {
    return this.restore !== undefined
  }

  override overdue(): void {
    losePatience(this)
  }

  releaseOrphan(): Effect.Effect<void> {
    if (this.exit === undefined || this.result < 0) return Effect.void
    const undo = this.entry.producesDescriptor === true ? close(this.result) : this.entry.undo?.(this.input)
    return undo === undefined ? Effect.void : Effect.ignore(executeUninterruptibly(this.engine, undo))
  }
}

const waitFor = <A>(call: Call<A>, restore: Restore): Effect.Effect<A, Failure> =>
  inStages(call, restore, () => call.start())

/** Runs the operation in an uninterruptible region whose `restore` is given: how a Scope's acquisition stays interruptible. */
export const executeMasked = <A>(
  engine: Engine,
  operation: Operation<A>,
  restore: Restore
): Effect.Effect<A, Failure> =>
  Effect.withFiberRuntime((fiber) =>
    wantsSpan(fiber)
      ? inSpan(operation, executeMasked(engine, operation, restore))
      : waitFor(new Call(engine, operation, fiber), restore)
  )

/** Runs the operation to its end, whatever happens to the fiber. */
export const executeUninterruptibly = <A>(engine: Engine, operation: Operation<A>): Effect.Effect<A, Failure> =>
  Effect.uninterruptible(executeMasked(engine, operation, (effect) => effect))

/**
 * The end of an operation that can be finished without waiting, or `undefined`. For entries with an inline form, while the engine's
 * budget lasts. `bytes`: as in `Submission.encode`.
 */
export const finishInline = <A>(
  engine: Engine,
  { entry, input }: Operation<A>,
  bytes?: number
): Exit.Exit<A, Failure> | undefined => {
  try {
    const result = engine.tryInline(entry, input, bytes)
    if (result === PENDING) return undefined
    const exit = outcome<A>(engine, entry, input, result, engine.scratch)
    engine.countInline()
    return exit
  } catch (error) {
    return badArgument(entry.name, error)
  }
}

/** Runs the operation. Interruption cancels it; the fiber ends when nothing touches its memory any more. */
export const execute = <A>(engine: Engine, operation: Operation<A>): Effect.Effect<A, Failure> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<A, Failure> => {
    if (wantsSpan(fiber)) return inSpan(operation, execute(engine, operation))
    const tried = operation.entry.inline !== undefined && engine.mayInline
    return (
      (tried ? finishInline(engine, operation) : undefined) ?? executeQueued(new Call(engine, operation, fiber), tried)
    )
  })

/** Runs an operation that needs a request; `tried`: because it could not be finished without waiting. */
export const executeQueued = <A>(call: Call<A>, tried: boolean): Effect.Effect<A, Failure> =>
  Effect.uninterruptibleMask((restore) => {
    call.triedInline = tried
    const wait = waitFor(call, restore)
    return call.entry.producesDescriptor === true || call.entry.undo !== undefined
      ? Effect.flatMap(wait, (value) => handOver(call, restore, value))
      : wait
  })

/** It is the program's from here on. */
const handOut = <A>({ engine, entry, result }: Call<A>): void => {
  if (entry.producesDescriptor === true) engine.descriptors.disown(result)
}

/**
 * A descriptor, or a lock, is handed over only to a fiber that goes on: one that was interrupted while it arrived gives it back. The fiber has
 * just been resumed, so it will not yield between this look and the end of the uninterruptible region.
 */
const handOver = <A>(call: Call<A>, restore: Restore, value: A): Effect.Effect<A> =>
  Effect.matchCauseEffect(restore(Effect.void), {
    onFailure: (cause) => Effect.zipRight(call.releaseOrphan(), Effect.failCause(cause)),
    onSuccess: () => {
      handOut(call)
      return Effect.succeed(value)
    }
  })
