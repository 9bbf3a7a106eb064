/**
 * A whole file in one Effect: open, look at its size, read, close, each step started by the completion of the one before. Between
 * the steps there is no fiber, so a small cached file costs one turn of the event loop instead of three.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { AioBadArgument, AioError } from "../AioError.ts"
import type { Engine } from "./engine/engine.ts"
import { Request } from "./engine/request.ts"
import { errno } from "./native/errno.ts"
import { syscall } from "./native/libc.ts"
import { NR } from "./native/syscalls.ts"
import { BadArgument, type Path } from "./operation/arguments.ts"
import { close, fstat, open, read } from "./operation/catalogue.ts"
import type { FileState } from "./operation/descriptors.ts"
import { decodeFileSize } from "./operation/metadata.ts"
import type { Operation } from "./operation/operation.ts"
import { inStages, outliveTurn, type Restore, type Resume, settle, type Task } from "./wait.ts"

/** Bytes of a read where the size is unknown: /proc, pipes. */
const UNKNOWN_SIZE_CHUNK = 65536

const empty = new Uint8Array(0)
const nothing = Exit.succeed(empty)

/** One request of the sequence. */
class Step extends Request {
  constructor(
    private readonly owner: ReadFile,
    operation: Operation<any>
  ) {
    super(operation)
  }

  override settled(): void {
    this.owner.advance(this)
  }

  override flushed(): void {
    outliveTurn(this.owner)
  }
}

class ReadFile implements Task<Uint8Array> {
  exit: Exit.Exit<Uint8Array, AioError> | undefined
  resume: Resume<Uint8Array> | undefined
  restore: Restore | undefined
  started = false

  private step: Step | undefined
  private cancelling = false
  private fd = -1
  private file: FileState = { noWait: true, closed: false, alignment: undefined }
  private bytes: Uint8Array = empty
  /** What to end with once the descriptor is closed. */
  private outcome: Exit.Exit<Uint8Array, AioError> = nothing
  private length = 0
  private sizeKnown = false
  /** On a file system of this machine's own. */
  private local = false

  constructor(
    private readonly engine: Engine,
    private readonly path: Path
  ) {}

  /** Encodes the first step: throws `BadArgument` before anything has happened. */
  prepare(): void {
    const step = new Step(this, open(this.path))
    try {
      step.encode()
    } catch (error) {
      step.release()
      throw error
    }
    this.step = step
  }

  start(): void {
    this.started = true
    this.submit(this.step!)
  }

  cancel(): void {
    this.cancelling = true
    // Never the close: there is nothing to wait for in it, and it must happen.
    if (this.step !== undefined && this.step.entry !== close.entry) this.engine.cancel(this.step)
  }

  /** It produces bytes only; its descriptor is closed by then. */
  releaseOrphan(): Effect.Effect<void> {
    return Effect.void
  }

  private submit(step: Step): void {
    if (this.engine.closed) {
      step.result = step.entry === close.entry ? syscall(step.nr, step.a0) : -errno.ECANCELED
      step.settled()
      step.release()
    } else this.engine.submit(step)
  }

  /** Runs a step of our own making: on the spot if that needs no waiting. */
  private run(operation: Operation<any>): void {
    const step = new Step(this, operation)
    step.encode()
    this.step = step
    if (this.engine.tryInline(step)) {
      // fstat(2) is answered on the spot only for local file systems, see native/nonblocking.ts.
      if (step.entry === fstat.entry) this.local = true
      step.settled()
      step.release()
    } else this.submit(step)
  }

  /** A step has ended: the next one. */
  advance(step: Step): void {
    switch (step.entry) {
      case open.entry:
        return this.opened(step)
      case fstat.entry:
        return this.measured(step)
      case read.entry:
        return this.hasRead(step)
      default:
        return this.finish(this.outcome)
    }
  }

  private opened(request: Request): void {
    if (request.result < 0) return this.finish(this.failed(request))
    this.fd = request.result
    if (this.cancelling) this.end(this.cancelled())
    else this.run(fstat(this.fd))
  }

  private measured(request: Request): void {
    if (request.result < 0) return this.end(this.failed(request))
    const size = decodeFileSize(request)
    this.sizeKnown = size > 0
    try {
      this.bytes = new Uint8Array(this.sizeKnown ? size : UNKNOWN_SIZE_CHUNK)
    } catch {
      // RangeError: longer than an array can be.
      return this.end(this.error(errno.EFBIG))
    }
    this.more()
  }

  /** Reads into what is left of the array. */
  private more(): void {
    if (this.cancelling) return this.end(this.cancelled())
    if (this.length === this.bytes.length) {
      if (this.sizeKnown) return this.end(Exit.succeed(this.bytes))
      const grown = new Uint8Array(this.bytes.length * 2)
      grown.set(this.bytes)
      this.bytes = grown
    }
    const into = this.length === 0 ? this.bytes : this.bytes.subarray(this.length)
    // Without a size it may be a pipe, which has no offsets.
    const options = this.sizeKnown ? { offset: this.length } : undefined
    this.run(read(this.fd, into, options, this.file))
  }

  private hasRead(request: Request): void {
    if (request.result < 0) return this.end(this.failed(request))
    if (request.result === 0) return this.end(Exit.succeed(this.bytes.slice(0, this.length)))
    this.length += request.result
    this.more()
  }

  /** Closes the descriptor, then ends. */
  private end(exit: Exit.Exit<Uint8Array, AioError>): void {
    if (this.local) {
      // A descriptor that was only read from, on a file system that has nobody to tell: close(2) just drops it. io_uring would do
      // the same on this thread, a turn later.
      syscall(NR.close, this.fd)
      this.finish(exit)
    } else {
      this.outcome = exit
      this.run(close(this.fd))
    }
  }

  private finish(exit: Exit.Exit<Uint8Array, AioError>): void {
    this.step = undefined
    settle(this, exit)
  }

  private failed(request: Request): Exit.Exit<never, AioError> {
    return Exit.fail(AioError.fromErrno(-request.result, request.entry.name, { path: this.path }))
  }

  private error(number: number): Exit.Exit<never, AioError> {
    return Exit.fail(AioError.fromErrno(number, "readFile", { path: this.path }))
  }

  private cancelled(): Exit.Exit<never, AioError> {
    return this.error(errno.ECANCELED)
  }
}

/** The bytes of a file. */
export const readFile = (engine: Engine, path: Path): Effect.Effect<Uint8Array, AioError | AioBadArgument> =>
  Effect.uninterruptibleMask((restore): Effect.Effect<Uint8Array, AioError | AioBadArgument> => {
    const task = new ReadFile(engine, path)
    try {
      task.prepare()
    } catch (error) {
      if (!(error instanceof BadArgument)) return Effect.die(error)
      const { argument, description } = error
      return Effect.fail(new AioBadArgument({ operation: "readFile", argument, description }))
    }
    return inStages(task, restore, () => task.start())
  })
