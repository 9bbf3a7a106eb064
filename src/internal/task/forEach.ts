/**
 * Many requests that do not depend on each other, a window of them under way at a time. Removing the names of a directory then costs a
 * microsecond of the engine for each name, and not a fiber.
 */
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { Member, type Owner } from "./member.ts"
import type { SubmitContext } from "./submitContext.ts"
import { Task } from "./task.ts"

export interface ForEachOptions {
  readonly count: number
  /** Requests under way at a time, at most. */
  readonly window: number
  readonly operation: (index: number) => Operation<any>
  /** Whether a failure is ignored. */
  readonly forgives: (index: number, errno: number) => boolean
}

/** Ends with the first failure that is not ignored, and starts no more then. */
export class ForEach extends Task<void> implements Owner<Member> {
  private readonly underWay = new Set<Member>()
  private next = 0
  private stopped = false
  private failure: Failed | undefined = undefined

  constructor(
    readonly engine: Engine,
    private readonly options: ForEachOptions,
    private readonly context: SubmitContext
  ) {
    super()
  }

  start(): void {
    this.started = true
    this.fill()
  }

  private fill(): void {
    while (this.underWay.size < this.options.window && this.more());
    if (this.underWay.size === 0) this.finish(this.failure)
  }

  cancel(): void {
    this.stopped = true
    for (const member of this.underWay) this.engine.cancel(member)
  }

  /** Starts the next request, if there is one. */
  private more(): boolean {
    if (this.stopped || this.next === this.options.count) return false
    const index = this.next++
    const member = new Member(this, this.options.operation(index), index, this.context)
    this.underWay.add(member)
    member.start()
    return true
  }

  ended(member: Member, end: unknown | Failed): void {
    this.underWay.delete(member)
    if (end instanceof Failed && (end.errno === 0 || !this.options.forgives(member.index, end.errno))) {
      this.failure ??= end
      this.stopped = true
    }
    // A request that ends while it is started is looked after by the loop that starts it.
    if (!member.isIdle) this.fill()
  }
}
