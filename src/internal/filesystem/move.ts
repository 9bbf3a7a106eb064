/** A transfer between a buffer and an open file, as one Effect: one request, or as many as it takes to write everything. */
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { losePatience, type Restore, type Resume, settle, type Task } from "../effect/wait.ts"
import { BadArgument } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Request } from "../engine/request.ts"
import type { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import type { read } from "../operation/catalogue.ts"
import { fromWrongArgument, systemError, writeZero } from "./errors.ts"
import type { OpenFile } from "./openFile.ts"

/** One request of a transfer. Its input, and so the buffer, is referenced until it has ended. */
class Step extends Request {
  constructor(
    private readonly owner: Move<any>,
    operation: { readonly entry: typeof read.entry; readonly input: any }
  ) {
    super(operation)
  }

  override settled(_: Submission | null): void {
    this.owner.stepEnded(this)
  }

  override died(defect: unknown): void {
    if (this.owner.exit === undefined) settle(this.owner, Exit.die(defect))
  }

  override get hasPatience(): boolean {
    return true
  }

  override overdue(): void {
    losePatience(this.owner)
  }
}

export class Move<A> implements Task<A, PlatformError> {
  exit: Exit.Exit<A, PlatformError> | undefined = undefined
  resume: Resume<A, PlatformError> | undefined = undefined
  restore: Restore | undefined = undefined
  started = false
  priority = 0
  /** It is part of the end of a fiber that was interrupted. */
  isOfInterrupted = false
  private step: Step | undefined = undefined
  /** Who runs the step. */
  private engine: Engine | undefined = undefined
  private cancelling = false
  private done = 0

  /** `buffer`: an ordinary one if it is `all` to be moved. `offset` is left out for files that are appended to. */
  constructor(
    private readonly file: OpenFile,
    private readonly operation: typeof read,
    private readonly method: string,
    private readonly buffer: Uint8Array,
    /** Bytes of the buffer. */
    private readonly length: number,
    private readonly offset: number | undefined,
    private readonly all: boolean,
    private readonly finish: (count: number) => A
  ) {}

  start(): void {
    this.started = true
    this.more()
  }

  cancel(): void {
    this.cancelling = true
    if (this.step !== undefined) this.engine!.cancel(this.step)
  }

  releaseOrphan(): Effect.Effect<void> {
    return Effect.void
  }

  private more(): void {
    const { buffer, done, file, offset, operation } = this
    const step = new Step(this, {
      entry: operation.entry,
      input: {
        fd: file.fd,
        buffer: done === 0 ? buffer : buffer.subarray(done),
        offset: offset === undefined ? undefined : offset + done,
        file: file.state
      }
    })
    step.priority = this.priority
    this.step = step
    file.state.users++
    this.engine = file.engine
    this.engine.submit(step)
    if (this.isOfInterrupted) this.engine.hurry(step)
  }

  stepEnded({ problem, result }: Step): void {
    this.step = undefined
    const { state } = this.file
    if (--state.users === 0) state.onUnused?.()
    if (problem !== undefined) {
      return this.end(
        problem instanceof BadArgument ? Exit.fail(fromWrongArgument(this.method, problem)) : Exit.die(problem)
      )
    }
    if (result < 0) return this.fail(-result)
    this.done += result
    if (!this.all || this.done === this.length) return this.end(Exit.succeed(this.finish(this.done)))
    if (result === 0) return this.end(Exit.fail(writeZero(this.method, this.file.fd)))
    if (this.cancelling) return this.fail(errno.ECANCELED)
    this.more()
  }

  private fail(number: number): void {
    const { fd } = this.file
    this.end(Exit.fail(systemError(number, this.operation.entry.name, { method: this.method, of: fd })))
  }

  private end(exit: Exit.Exit<A, PlatformError>): void {
    if (this.offset !== undefined) this.file.moved(this.offset, this.done, this.length)
    settle(this, exit)
  }
}
