/**
 * Many requests that do not depend on each other, a window of them under way at a time, as one Effect: the names of a directory to
 * be removed cost the engine's microsecond each, and not a fiber's.
 *
 * Interruption cancels what is under way and starts nothing more; the fiber ends when all of it has ended.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { badArgument, failureOf } from "../effect/execute.ts"
import { type Origin, originOf } from "../effect/submitContext.ts"
import { type Failure, inStages, losePatience, type Restore, type Resume, settle, type Task } from "../effect/wait.ts"
import type { Engine } from "../engine/engine.ts"
import type { Operation } from "../engine/operation.ts"
import { Member, type Owner } from "../task/member.ts"

class Batch implements Task<void>, Owner<Member> {
  exit: Exit.Exit<void, Failure> | undefined = undefined
  resume: Resume<void> | undefined = undefined
  restore: Restore | undefined = undefined
  started = false
  readonly isPatient = true
  private readonly underWay = new Set<Member>()
  private next = 0
  private stopped = false
  private failure: Exit.Exit<never, Failure> | undefined = undefined

  constructor(
    readonly engine: Engine,
    private readonly count: number,
    private readonly window: number,
    private readonly operation: (index: number) => Operation<any>,
    /** Whether a failure is of no importance. */
    private readonly forgives: (index: number, errno: number) => boolean,
    private readonly origin: Origin
  ) {}

  overdue(): void {
    losePatience(this)
  }

  start(): void {
    this.started = true
    while (this.underWay.size < this.window && this.more());
    if (this.underWay.size === 0) this.finish()
  }

  cancel(): void {
    this.stopped = true
    for (const member of this.underWay) this.engine.cancel(member)
  }

  releaseOrphan(): Effect.Effect<void> {
    return Effect.void
  }

  /** Starts the next one, if there is one. */
  private more(): boolean {
    if (this.stopped || this.next === this.count) return false
    const index = this.next++
    const member = new Member(this, this.operation(index), index, this.origin)
    this.underWay.add(member)
    member.start()
    return true
  }

  ended(member: Member): void {
    this.underWay.delete(member)
    const { entry, index, input, problem, result } = member
    if (problem !== undefined) this.fail(badArgument(entry.name, problem))
    else if (result < 0 && !this.forgives(index, -result))
      this.fail(Exit.fail(failureOf(this.engine, -result, entry.name, input)))
    if (!this.more() && this.underWay.size === 0) this.finish()
  }

  private fail(exit: Exit.Exit<never, Failure>): void {
    this.failure ??= exit
    this.stopped = true
  }

  private finish(): void {
    settle(this, this.failure ?? Exit.void)
  }
}

/** Runs `count` operations, at most `window` at a time. Fails with the first failure that is not forgiven, and starts no more then. */
export const runBatch = (
  engine: Engine,
  count: number,
  window: number,
  operation: (index: number) => Operation<any>,
  forgives: (index: number, errno: number) => boolean
): Effect.Effect<void, Failure> =>
  Effect.withFiberRuntime((fiber) =>
    Effect.uninterruptibleMask((restore) => {
      const task = new Batch(engine, count, window, operation, forgives, originOf(engine, fiber))
      return inStages(task, restore, () => task.start())
    })
  )
