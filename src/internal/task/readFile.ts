/**
 * A whole file in one Effect: open, look at its size, read, close, each step started by the completion of the one before. Between
 * the steps there is no fiber, so a small cached file costs one turn of the event loop instead of three.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AioError } from "../../AioError.ts"
import { badArgument, failureOf } from "../effect/execute.ts"
import { isInterrupted } from "../effect/fiber.ts"
import { priorityOf } from "../effect/priority.ts"
import { inSpan, wantsSpan } from "../effect/spans.ts"
import { type Failure, inStages, losePatience, type Restore, type Resume, settle, type Task } from "../effect/wait.ts"
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { type FileState, fileState } from "../engine/openDescriptor.ts"
import { type Entry, type Operation, PENDING } from "../engine/operation.ts"
import { Request } from "../engine/request.ts"
import type { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import { trustOfAnswer } from "../native/trust.ts"
import { close, fstat, open } from "../operation/catalogue.ts"
import { readLast, transfersOfFile } from "../operation/descriptors.ts"
import { decodeFileSize } from "../operation/metadata.ts"
import { WholeFile } from "./wholeFile.ts"

const nothing = Exit.succeed(new Uint8Array(0))

/** One request of the sequence. */
class Step extends Request {
  constructor(
    private readonly owner: ReadFile,
    operation: Operation<any>
  ) {
    super(operation)
  }

  override settled(memory: Submission | null): void {
    this.owner.advance(this.entry, this.result, memory, this.problem)
  }

  override died(defect: unknown): void {
    this.owner.died(defect)
  }

  override get ownsDescriptor(): boolean {
    return true
  }

  override get hasPatience(): boolean {
    return true
  }

  override overdue(): void {
    losePatience(this.owner)
  }
}

class ReadFile implements Task<Uint8Array> {
  exit: Exit.Exit<Uint8Array, Failure> | undefined = undefined
  resume: Resume<Uint8Array> | undefined = undefined
  restore: Restore | undefined = undefined
  started = false

  private step: Step | undefined
  private cancelling = false
  private fd = -1
  private readonly file: FileState = fileState({ seekable: true, alignment: undefined })
  private whole: WholeFile | undefined
  /** What to end with once the descriptor is closed. */
  private outcome: Exit.Exit<Uint8Array, AioError> = nothing
  /** On a file system of this machine's own. */
  private local = false

  constructor(
    private readonly engine: Engine,
    private readonly path: Path,
    private readonly priority: number,
    /** It is part of the end of a fiber that was interrupted. */
    private readonly isOfInterrupted: boolean
  ) {}

  start(): void {
    this.started = true
    this.run(open(this.path))
  }

  cancel(): void {
    this.cancelling = true
    // Never the close, which the engine does not cancel: there is nothing to wait for in it, and it must happen.
    if (this.step !== undefined) this.engine.cancel(this.step)
  }

  /** It produces bytes only; its descriptor is closed by then. */
  releaseOrphan(): Effect.Effect<void> {
    return Effect.void
  }

  /** Runs the next operation: on the spot if that needs no waiting. */
  private run(operation: Operation<any>): void {
    const { engine } = this
    const { entry, input } = operation
    const step = new Step(this, operation)
    step.priority = this.priority
    if (entry.inline !== undefined && engine.mayInline) {
      step.triedInline = true
      const result = engine.tryInline(entry, input)
      if (result !== PENDING) {
        // fstat(2) is answered on the spot only for local file systems, see native/nonblocking.ts.
        if (entry === fstat.entry) {
          this.local = true
          this.file.trust = trustOfAnswer(this.fd, engine.scratch.cell)
        }
        // Decoded at once, counted and cleared before the next step uses the same scratch memory.
        const size = entry === fstat.entry ? decodeFileSize(engine.scratch) : result
        const { atEnd } = engine.scratch
        engine.countInline()
        return entry === fstat.entry ? this.measured(size) : this.hasRead(size, atEnd)
      }
    }
    this.step = step
    if (!engine.closed) {
      engine.submit(step)
      if (this.cancelling || this.isOfInterrupted) engine.hurry(step)
    } else if (entry === close.entry) {
      engine.descriptors.close(input.fd)
      this.advance(entry, 0, null)
    } else this.advance(entry, -errno.ECANCELED, null)
  }

  /** A step has ended: the next one. */
  advance(entry: Entry<any, any>, result: number, memory: Submission | null, problem?: unknown): void {
    this.step = undefined
    if (problem !== undefined) this.finish(badArgument("readFile", problem))
    else if (entry === close.entry) this.finish(this.outcome)
    else if (result < 0) this.end(this.error(-result, entry.name))
    else if (entry === open.entry) this.opened(result)
    else if (entry === fstat.entry) this.measured(decodeFileSize(memory!))
    else this.hasRead(result, false)
  }

  private opened(fd: number): void {
    this.fd = fd
    if (this.cancelling) this.end(this.cancelled())
    else this.run(fstat(fd))
  }

  private measured(size: number): void {
    try {
      this.whole = new WholeFile(size, size > 0 || this.engine.descriptors.takesOffsets(this.fd, false))
    } catch {
      return this.tooLong()
    }
    this.more(this.whole)
  }

  private more(whole: WholeFile): void {
    if (this.cancelling) return this.end(this.cancelled())
    const { options } = whole
    const operation = this.local && whole.isLast ? readLast : transfersOfFile.read
    let into: Uint8Array
    try {
      into = whole.next()
    } catch {
      return this.tooLong()
    }
    this.run(operation(this.fd, into, options, this.file))
  }

  /** RangeError: longer than an array can be, or than there is memory. */
  private tooLong(): void {
    this.whole = undefined
    this.end(this.error(errno.EFBIG, "readFile"))
  }

  private hasRead(count: number, atEnd: boolean): void {
    if (count < 0) return this.end(this.error(-count, "read"))
    const whole = this.whole!
    if (count > 0) whole.took(count)
    if (count === 0 || atEnd) this.end(Exit.succeed(whole.all))
    else this.more(whole)
  }

  /** Closes the descriptor, if there is one, then ends. */
  private end(exit: Exit.Exit<Uint8Array, AioError>): void {
    const { fd } = this
    this.fd = -1
    if (fd === -1) this.finish(exit)
    else if (this.local) {
      // A descriptor that was only read from, on a file system that has nobody to tell: close(2) just drops it. io_uring would do
      // the same on this thread, a turn later.
      this.engine.descriptors.close(fd)
      this.finish(exit)
    } else {
      this.outcome = exit
      this.run(close(fd))
    }
  }

  /** What follows a step threw, which is a defect. No step is under way. */
  died(defect: unknown): void {
    if (this.exit === undefined) this.end(Exit.die(defect))
  }

  private finish(exit: Exit.Exit<Uint8Array, Failure>): void {
    settle(this, exit)
  }

  private error(number: number, operation: string): Exit.Exit<never, AioError> {
    return Exit.fail(failureOf(this.engine, number, operation, { path: this.path }))
  }

  private cancelled(): Exit.Exit<never, AioError> {
    return this.error(errno.ECANCELED, "readFile")
  }
}

/** The bytes of a file. */
export const readFile = (engine: Engine, path: Path): Effect.Effect<Uint8Array, Failure> =>
  Effect.withFiberRuntime((fiber) =>
    wantsSpan(fiber)
      ? inSpan({ entry: { name: "readFile" }, input: { path } }, readFile(engine, path))
      : Effect.uninterruptibleMask((restore) => {
          const task = new ReadFile(engine, path, priorityOf(fiber), isInterrupted(fiber))
          return inStages(task, restore, () => task.start())
        })
  )
