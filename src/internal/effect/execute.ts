/** Where Effect meets the engine: one request as an interruptible Effect. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { AioFailure } from "../../AioError.ts"
import type { Engine } from "../engine/engine.ts"
import { LATER } from "../engine/failed.ts"
import { known } from "../engine/known.ts"
import type { Operation } from "../engine/operation.ts"
import { Request } from "../engine/request.ts"
import type { Submission } from "../engine/submission.ts"
import { close } from "../operation/catalogue.ts"
import { exitOf } from "./exits.ts"
import { isInterrupted } from "./fiber.ts"
import { priorityOf } from "./priority.ts"
import { inSpan, wantsSpan } from "./spans.ts"
import { becomeInterruptible, handOver, inStages, type Restore, type Resume, settle, type Waiting } from "./wait.ts"

/** A request whose end a fiber waits for. */
export class Call<A> extends Request implements Waiting<A> {
  exit: Exit.Exit<A, AioFailure> | undefined = undefined
  resume: Resume<A> | undefined = undefined
  restore: Restore | undefined = undefined

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
    return !this.isIdle
  }

  start(): void {
    this.engine.submit(this)
  }

  cancel(): void {
    this.engine.cancel(this)
  }

  override settled(memory: Submission | null): void {
    settle(this, exitOf(this.engine, this.endOf<A>(memory)))
  }

  override died(defect: unknown): void {
    if (this.exit === undefined) settle(this, Exit.die(defect))
  }

  override get mayBecomeOverdue(): boolean {
    return this.restore !== undefined
  }

  override overdue(): void {
    becomeInterruptible(this)
  }

  handOut(): void {
    if (this.entry.producesDescriptor === true) this.engine.descriptors.disown(this.result)
  }

  releaseOrphan(): Effect.Effect<void> {
    if (this.exit === undefined || this.result < 0) return Effect.void
    const undo = this.entry.producesDescriptor === true ? close(this.result) : this.entry.undo?.(this.input)
    return undo === undefined ? Effect.void : Effect.ignore(executeUninterruptibly(this.engine, undo))
  }
}

const waitFor = <A>(call: Call<A>, restore: Restore): Effect.Effect<A, AioFailure> =>
  inStages(call, restore, () => call.start())

/** Runs the operation in an uninterruptible region whose `restore` is given: how a Scope's acquisition stays interruptible. */
export const executeMasked = <A>(
  engine: Engine,
  operation: Operation<A>,
  restore: Restore
): Effect.Effect<A, AioFailure> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<A, AioFailure> => {
    if (wantsSpan(fiber)) return inSpan(operation, executeMasked(engine, operation, restore))
    const tried = engine.mayTry(operation.entry)
    const end = tried ? engine.attempt(operation) : LATER
    if (end !== LATER) return exitOf(engine, end)
    const call = new Call(engine, operation, fiber)
    call.triedInline = tried
    return waitFor(call, restore)
  })

/** Runs the operation to its end, also when the fiber is interrupted. */
export const executeUninterruptibly = <A>(engine: Engine, operation: Operation<A>): Effect.Effect<A, AioFailure> =>
  Effect.uninterruptible(executeMasked(engine, operation, (effect) => effect))

/** The end of an operation that needs no waiting, otherwise `undefined`. */
export const attempt = <A>(engine: Engine, operation: Operation<A>): Exit.Exit<A, AioFailure> | undefined => {
  const end = known(engine, operation)
  return end === LATER ? undefined : exitOf(engine, end)
}

/** Runs the operation. Interruption cancels it. The fiber ends when neither the kernel nor a thread touches its memory any more. */
export const execute = <A>(engine: Engine, operation: Operation<A>): Effect.Effect<A, AioFailure> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<A, AioFailure> => {
    if (wantsSpan(fiber)) return inSpan(operation, execute(engine, operation))
    const tried = engine.mayTry(operation.entry)
    const end = tried ? engine.attempt(operation) : LATER
    return end === LATER ? executeQueued(new Call(engine, operation, fiber), tried) : exitOf(engine, end)
  })

/** Runs an operation that needs a request; `tried`: because it could not be finished without waiting. */
export const executeQueued = <A>(call: Call<A>, tried: boolean): Effect.Effect<A, AioFailure> =>
  Effect.uninterruptibleMask((restore) => {
    call.triedInline = tried
    const wait = waitFor(call, restore)
    return call.entry.producesDescriptor === true || call.entry.undo !== undefined
      ? Effect.flatMap(wait, (value) => handOver(call, restore, value))
      : wait
  })
