/**
 * Many requests, one suspension: what a fiber for each of them would do, at a fraction of the price.
 *
 * Members that can be finished without waiting are finished in a loop, and leave nothing behind but their values. The others become
 * requests that count down; the last one resumes the fiber.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { badArgument, outcome } from "../effect/execute.ts"
import { type Origin, originOf } from "../effect/submitContext.ts"
import { type Failure, inStages, losePatience, type Restore, type Resume, settle, type Task } from "../effect/wait.ts"
import type { Engine } from "../engine/engine.ts"
import { type Operation, PENDING } from "../engine/operation.ts"
import type { Submission } from "../engine/submission.ts"
import { Member, type Owner, obtains } from "./member.ts"
import { giveBack, givenBack } from "./orphans.ts"

/** What a batch gives: the values, or the first failure; or how each of them ended. */
export type Mode = "values" | "exits"

type Results = ReadonlyArray<unknown>

const isClose = ({ entry }: Member): boolean => entry.finalOnInterrupt === true

class Batch implements Task<Results>, Owner<Member> {
  exit: Exit.Exit<Results, Failure> | undefined = undefined
  resume: Resume<Results> | undefined = undefined
  restore: Restore | undefined = undefined
  started = false

  readonly results: Array<unknown>
  private members: Array<Member> = []
  /** Members that have not ended. */
  private left = 0
  private failure: Exit.Exit<never, Failure> | undefined
  private orphans: Array<Operation<unknown>> = []

  constructor(
    readonly engine: Engine,
    private readonly mode: Mode,
    size: number
  ) {
    this.results = new Array(size)
  }

  get isPatient(): boolean {
    return this.restore !== undefined
  }

  overdue(): void {
    losePatience(this)
  }

  /**
   * Finishes what needs no waiting. Nothing is under way after it: what is left has not been started. False when nothing is left. When
   * it has failed, that is its closes: whoever asked for them could not tell whether they were done.
   */
  finishInline(operations: ReadonlyArray<Operation<any>>, origin: Origin): boolean {
    const { engine, mode, results } = this
    for (let i = 0; i < operations.length; i++) {
      const operation = operations[i]
      const { entry, input } = operation
      if (this.failure !== undefined && entry.finalOnInterrupt !== true) continue
      const tried = entry.inline !== undefined && engine.mayInline && origin.startSpan === undefined
      if (tried) {
        try {
          const result = engine.tryInline(entry, input)
          if (result !== PENDING) {
            if (mode === "values" && result >= 0) {
              results[i] = entry.decode(engine.scratch, result, input)
              engine.countInline()
            } else {
              const exit = outcome(engine, entry, input, result, engine.scratch)
              engine.countInline()
              this.put(i, exit)
            }
            continue
          }
        } catch (error) {
          this.put(i, badArgument(entry.name, error))
          continue
        }
      }
      const member = new Member(this, operation, i, origin)
      member.triedInline = tried
      this.members.push(member)
    }
    if (this.failure !== undefined) this.members = this.members.filter(isClose)
    return this.members.length > 0
  }

  /** What a batch that `finishInline` brought to its end gives. */
  get finished(): Exit.Exit<Results, Failure> {
    return this.failure ?? Exit.succeed(this.results)
  }

  /** Whether a member may obtain what has to be given back. */
  get mayObtain(): boolean {
    return this.members.some(obtains)
  }

  start(): void {
    this.started = true
    // One more than there are: a member may end while it is started, and must not be the last one then.
    this.left = this.members.length + 1
    for (const member of this.members) {
      // One that was started has failed already: these are not for the kernel any more.
      if (this.failure === undefined || isClose(member)) member.start()
      else this.left--
    }
    this.countDown()
  }

  ended(member: Member, memory: Submission | null): void {
    const { index, orphan } = member
    if (orphan !== undefined) this.orphans.push(orphan)
    if (!this.putDecoded(member, memory) && !this.put(index, member.exitOf(memory))) this.cancel()
    this.countDown()
  }

  /** Keeps a value without an Exit around it, where that is all there is to keep. */
  private putDecoded({ entry, index, input, problem, result }: Member, memory: Submission | null): boolean {
    if (this.mode === "exits" || result < 0 || problem !== undefined) return false
    try {
      this.results[index] = entry.decode(memory!, result, input)
      return true
    } catch {
      return false
    }
  }

  /** Keeps a result; false when it is the failure that ends the batch. */
  private put(index: number, exit: Exit.Exit<unknown, Failure>): boolean {
    if (this.mode === "exits") this.results[index] = exit
    else if (Exit.isSuccess(exit)) this.results[index] = exit.value
    else if (this.failure === undefined) {
      this.failure = exit as Exit.Exit<never, Failure>
      return false
    }
    return true
  }

  private countDown(): void {
    if (--this.left > 0) return
    this.members = []
    if (this.failure === undefined) settle(this, Exit.succeed(this.results))
    else giveBack(this.engine, this.orphans.splice(0), () => settle(this, this.failure!))
  }

  cancel(): void {
    for (const member of this.members) this.engine.cancel(member)
  }

  releaseOrphan(): Effect.Effect<void> {
    return Effect.suspend(() => givenBack(this.engine, this.orphans.splice(0)))
  }
}

/** Descriptors and locks are handed over only to a fiber that goes on: see `handOver` in execute.ts. */
const handOver = (batch: Batch, restore: Restore, results: Results): Effect.Effect<Results> =>
  Effect.matchCauseEffect(restore(Effect.void), {
    onFailure: (cause) => Effect.zipRight(batch.releaseOrphan(), Effect.failCause(cause)),
    onSuccess: () => Effect.succeed(results)
  })

/** Runs all of them at once; results in their order. */
export const submitAll = (
  engine: Engine,
  operations: ReadonlyArray<Operation<any>>,
  mode: Mode
): Effect.Effect<Results, Failure> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<Results, Failure> => {
    const batch = new Batch(engine, mode, operations.length)
    if (!batch.finishInline(operations, originOf(engine, fiber))) return batch.finished
    return Effect.uninterruptibleMask((restore) => {
      const mayObtain = batch.mayObtain
      const wait = inStages(batch, restore, () => batch.start())
      return mayObtain ? Effect.flatMap(wait, (results) => handOver(batch, restore, results)) : wait
    })
  })
