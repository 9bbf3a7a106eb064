/**
 * Many requests, one end: what a fiber for each of them would do, at a fraction of the price.
 *
 * Members that need no waiting end in a loop, and leave nothing behind but their values. The others become requests that count down.
 */
import type { Engine } from "../engine/engine.ts"
import { Failed, LATER } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { Member, type Owner, obtains, orphansOf } from "./member.ts"
import { releaseOrphans } from "./orphans.ts"
import type { SubmitContext } from "./submitContext.ts"
import { Task } from "./task.ts"

/** What a batch gives: the values, or the first failure; or how each of them ended (`Failed` in the place of a value). */
export type Mode = "values" | "exits"

export type Results = ReadonlyArray<unknown | Failed>

const isClose = ({ entry }: Member): boolean => entry.finalOnInterrupt === true

export class Batch extends Task<Results> implements Owner<Member> {
  private readonly results: Array<unknown | Failed>
  private members: Array<Member> = []
  /** Members that have not ended. */
  private left = 0
  private failure: Failed | undefined
  private obtained: Array<Member> = []

  constructor(
    readonly engine: Engine,
    private readonly mode: Mode,
    size: number
  ) {
    super()
    this.results = new Array(size)
  }

  /**
   * Ends the members that need no waiting. Nothing is under way after it: the members that are left have not been started. False when none
   * is left. When the batch has failed, the closes in it are left: the caller could not tell whether they were done.
   */
  attempt(operations: ReadonlyArray<Operation<any>>, context: SubmitContext): boolean {
    const { engine } = this
    for (let i = 0; i < operations.length; i++) {
      const operation = operations[i]
      if (this.failure !== undefined && operation.entry.finalOnInterrupt !== true) continue
      const tried = context.startSpan === undefined && engine.mayTry(operation.entry)
      const end = tried ? engine.attempt(operation) : LATER
      if (end === LATER) {
        const member = new Member(this, operation, i, context)
        member.triedInline = tried
        this.members.push(member)
      } else this.put(i, end)
    }
    if (this.failure !== undefined) this.members = this.members.filter(isClose)
    return this.members.length > 0
  }

  /** The result of a batch that `attempt` brought to its end. */
  get attempted(): Results | Failed {
    return this.failure ?? this.results
  }

  /** Whether a member may obtain a descriptor or a lock, which has to be given back. */
  get mayObtain(): boolean {
    return this.members.some(obtains)
  }

  start(): void {
    this.started = true
    // One more than there are members: a member may end while it is started, and must not be the last one then.
    this.left = this.members.length + 1
    for (const member of this.members) {
      // A member that was started has failed already: the others are not handed to the kernel any more.
      if (this.failure === undefined || isClose(member)) member.start()
      else this.left--
    }
    this.countDown()
  }

  ended(member: Member, end: unknown | Failed): void {
    if (member.orphan !== undefined) this.obtained.push(member)
    if (!this.put(member.index, end)) this.cancel()
    this.countDown()
  }

  /** Keeps the end of a member; false when it is the failure that ends the batch. */
  private put(index: number, end: unknown | Failed): boolean {
    if (this.mode === "exits" || !(end instanceof Failed)) this.results[index] = end
    else if (this.failure === undefined) {
      this.failure = end
      return false
    }
    return true
  }

  private countDown(): void {
    if (--this.left > 0) return
    this.members = []
    const { failure } = this
    if (failure === undefined) this.finish(this.results)
    else this.releaseObtained(() => this.finish(failure))
  }

  cancel(): void {
    for (const member of this.members) this.engine.cancel(member)
  }

  override releaseObtained(done: () => void): void {
    releaseOrphans(this.engine, orphansOf(this.obtained.splice(0)), done)
  }

  override handOut(): void {
    for (const member of this.obtained) member.handOut()
  }
}
