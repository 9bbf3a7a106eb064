/**
 * A program without a thread that runs it: each step is a request of its own, started by the end of the one before. On the mock, and where no
 * pool can be had. The ends are the same.
 */
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import { plainView } from "../native/views.ts"
import { close } from "../operation/catalogue.ts"
import {
  type CallStep,
  goesOnAfter,
  hasFound,
  isMet,
  notRun,
  numberIn,
  type Program,
  type ProgramEnd,
  RANGE,
  unmet
} from "../operation/program.ts"

/** Whether programs are requests: where there is a pool of threads, which is the last of the mechanisms. */
export const runsPrograms = ({ backends }: Engine): boolean => backends[backends.length - 1].runsPrograms === true

/** A sequence that runs requests. After it was cancelled, every request but a close fails with ECANCELED. */
export interface Steps {
  readonly run: (operation: Operation<any>, done: (end: unknown | Failed) => void) => void
  readonly isCancelled: () => boolean
}

/** What a program in a thread refuses before it begins is refused here before the first step. */
const problemOf = ({ entry, input }: Program): unknown => {
  const submission = new Submission()
  try {
    submission.encode(entry, input)
    return undefined
  } catch (problem) {
    return problem
  } finally {
    submission.clear()
  }
}

export class StepByStep {
  private readonly ends: Array<unknown>
  /** Descriptors that are open, by the step that opened them. */
  private readonly open = new Map<number, number>()
  private stoppedAt: number

  /** `done` is given the end of the program, or `Failed`: it was cancelled, and has closed everything, or refused. */
  constructor(
    private readonly program: Program,
    private readonly steps: Steps,
    private readonly done: (end: ProgramEnd | Failed) => void
  ) {
    const { length } = program.input.steps
    this.ends = new Array(length).fill(notRun)
    this.stoppedAt = length
  }

  start(): void {
    const problem = problemOf(this.program)
    if (problem !== undefined) this.done(new Failed(this.program.entry.name, undefined, 0, problem))
    else this.from(0)
  }

  private get hasStopped(): boolean {
    return this.stoppedAt < this.ends.length
  }

  private from(index: number): void {
    const { ends, program, steps } = this
    if (index === ends.length) {
      return this.done({ ends, stoppedAt: this.stoppedAt, open: [...this.open.values()] })
    }
    const step = program.input.steps[index]
    if ("expect" in step) {
      if (!this.hasStopped) {
        const met = isMet(ends, step)
        ends[index] = met ? undefined : unmet
        if (!met) this.stoppedAt = index
      }
      return this.from(index + 1)
    }
    const input = this.hasStopped && step.always !== true ? undefined : this.inputOf(step)
    if (input === undefined) return this.from(index + 1)
    const { entry } = step.operation
    const ended = (end: unknown | Failed, isShort: boolean): void => {
      if (end instanceof Failed && steps.isCancelled()) return this.closeAll()
      ends[index] = end
      if (entry.finalOnInterrupt === true && step.fd !== undefined) this.open.delete(step.fd)
      if (entry.producesDescriptor === true && !(end instanceof Failed)) this.open.set(index, end as number)
      if (!goesOnAfter(step, end, isShort) && !this.hasStopped) this.stoppedAt = index
      this.from(index + 1)
    }
    if (step.whole === true) this.move({ entry, input }, Number(input.length ?? input.buffer.length), 0, ended)
    else steps.run({ entry, input }, (end) => ended(end, false))
  }

  /** The operation's input with what earlier steps have found, unless one of these has failed. */
  private inputOf({ fd, length, mode, operation, to }: CallStep): any {
    const { ends } = this
    const isThere = (step: number | undefined): boolean => step === undefined || typeof ends[step] === "number"
    if (!isThere(fd) || !isThere(to)) return undefined
    if ([length, mode].some((found) => found !== undefined && !hasFound(ends, found))) return undefined
    return {
      ...operation.input,
      ...(fd === undefined ? {} : { fd: ends[fd] }),
      ...(to === undefined ? {} : { to: ends[to] }),
      ...(mode === undefined ? {} : { mode: Number(numberIn(ends, mode)) & 0o7777 }),
      ...(length === undefined ? {} : { length: numberIn(ends, length) })
    }
  }

  /** As `move` of machine.c. */
  private move(
    { entry, input }: Operation<number>,
    length: number,
    moved: number,
    ended: (end: unknown | Failed, isShort: boolean) => void
  ): void {
    const left = length - moved
    const rest =
      "buffer" in input
        ? { ...input, buffer: plainView(input.buffer).subarray(moved) }
        : { ...input, length: Math.min(left, RANGE) }
    this.steps.run({ entry, input: rest }, (end) => {
      if (end instanceof Failed || end === 0) {
        const isCancelled = this.steps.isCancelled()
        return ended(moved > 0 && !isCancelled ? moved : end, end instanceof Failed || moved < length)
      }
      const sum = moved + (end as number)
      if (sum < length) this.move({ entry, input }, length, sum, ended)
      else ended(sum, false)
    })
  }

  /** The last one first. */
  private closeAll(): void {
    const last = [...this.open.keys()].pop()
    if (last === undefined) {
      const end: ProgramEnd = { ends: this.ends, stoppedAt: this.stoppedAt, open: [] }
      return this.done(new Failed(this.program.entry.name, undefined, errno.ECANCELED, end))
    }
    const fd = this.open.get(last)!
    this.open.delete(last)
    this.steps.run(close(fd), () => this.closeAll())
  }
}
