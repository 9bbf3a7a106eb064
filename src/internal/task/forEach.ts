/**
 * Many requests that do not depend on each other, a window of them under way at a time. Removing the names of a directory then costs a
 * microsecond of the engine for each name, and not a fiber.
 *
 * Where a thread can run several as one request, it does: as many as a program has steps, and only one such program at a time, since what
 * comes here is for one directory, whose lock lets through one at a time anyway. The thread then goes from one to the next without the event
 * loop.
 */
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { isProgram, MAX_STEPS, type ProgramEnd, program } from "../operation/program.ts"
import { Member, type Owner } from "./member.ts"
import { runsPrograms } from "./stepByStep.ts"
import type { SubmitContext } from "./submitContext.ts"
import { Task } from "./task.ts"

export interface ForEachOptions {
  readonly count: number
  /** Requests under way at a time, at most, where each operation is one. */
  readonly window: number
  /** They obtain nothing: no descriptors and no locks. */
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
  private readonly inPrograms: boolean

  constructor(
    readonly engine: Engine,
    private readonly options: ForEachOptions,
    private readonly context: SubmitContext
  ) {
    super()
    this.inPrograms = runsPrograms(engine)
  }

  start(): void {
    this.started = true
    this.fill()
  }

  private fill(): void {
    const window = this.inPrograms ? 1 : this.options.window
    while (this.underWay.size < window && this.more());
    if (this.underWay.size === 0) this.finish(this.failure)
  }

  cancel(): void {
    this.stopped = true
    for (const member of this.underWay) this.engine.cancel(member)
  }

  /** Starts the next request, if there is one. */
  private more(): boolean {
    const { count, operation } = this.options
    if (this.stopped || this.next === count) return false
    const index = this.next
    // A single one is an ordinary request: the mechanism may have a faster way for it.
    const steps = this.inPrograms ? Math.min(count - index, MAX_STEPS) : 1
    this.next += steps
    const first = operation(index)
    const member = new Member(this, steps === 1 ? first : this.program(first, index, steps), index, this.context)
    this.underWay.add(member)
    member.start()
    return true
  }

  private program(first: Operation<any>, index: number, length: number): Operation<any> {
    const steps = Array.from({ length }, (_, step) => ({
      operation: step === 0 ? first : this.options.operation(index + step)
    }))
    return program(first.entry.name, steps)
  }

  ended(member: Member, end: unknown | Failed): void {
    this.underWay.delete(member)
    if (end instanceof Failed) this.failed(member.index, end)
    else if (isProgram(member)) this.programEnded(member.index, end as ProgramEnd)
    // A request that ends while it is started is looked after by the loop that starts it.
    if (!member.isIdle) this.fill()
  }

  /** The program has stopped at a failure: what comes behind one that is ignored is for the next program. */
  private programEnded(index: number, { ends, stoppedAt }: ProgramEnd): void {
    if (stoppedAt === ends.length) return
    this.failed(index + stoppedAt, ends[stoppedAt] as Failed)
    this.next = index + stoppedAt + 1
  }

  private failed(index: number, failure: Failed): void {
    if (failure.errno !== 0 && this.options.forgives(index, failure.errno)) return
    this.failure ??= failure
    this.stopped = true
  }
}
