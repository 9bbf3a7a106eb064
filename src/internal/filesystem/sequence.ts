/**
 * Several requests, one after the other, as one Effect: each is started by the completion of the one before, below Effect. Between
 * them there is no fiber, so that a small file that is cached costs one turn of the event loop and not one for each request.
 *
 * It keeps the promises of a single request. Interruption cancels the request under way and starts no other but the close of the
 * descriptor; the fiber ends when that is done. The buffers of a request are referenced by its input, the request by the backend.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { isInterrupted } from "../effect/fiber.ts"
import { priorityOf } from "../effect/priority.ts"
import { inSpan, wantsSpan } from "../effect/spans.ts"
import { inStages, losePatience, type Restore, type Resume, settle, type Task } from "../effect/wait.ts"
import { BadArgument, type Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import type { FileState } from "../engine/openDescriptor.ts"
import { type Operation, PENDING } from "../engine/operation.ts"
import { Request } from "../engine/request.ts"
import type { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import { UNASKED } from "../native/trust.ts"
import { close } from "../operation/catalogue.ts"
import { fromWrongArgument, type Subject, syscallOf, systemError } from "./errors.ts"

/** What follows a request that succeeded. */
type Then<Owner, A> = (this: Owner, value: A) => void
/** What follows one that failed, by its error number. */
type Otherwise<Owner> = (this: Owner, errno: number, operation: string) => void

class Step extends Request {
  constructor(
    private readonly owner: Sequence<any, any>,
    operation: Operation<any>,
    readonly then: Then<any, any>,
    readonly otherwise: Otherwise<any>
  ) {
    super(operation)
  }

  override settled(memory: Submission | null): void {
    this.owner.stepEnded(this, memory)
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

/** Regular files: they have positions, and none here is opened for direct I/O. */
export const regularFile = (): FileState => ({
  path: undefined,
  // Written out: `fileState` copies a description, which costs a tenth of reading a small file.
  seekable: true,
  alignment: undefined,
  noWait: true,
  way: undefined,
  trust: UNASKED,
  closed: false,
  users: 0,
  onUnused: undefined
})

export abstract class Sequence<A, E> implements Task<A, E> {
  exit: Exit.Exit<A, E> | undefined = undefined
  resume: Resume<A, E> | undefined = undefined
  restore: Restore | undefined = undefined
  started = false
  priority = 0
  /** It is part of the end of a fiber that was interrupted. */
  isOfInterrupted = false

  protected cancelling = false
  /** The descriptors that are closed at the end, or -1. */
  protected fd = -1
  protected secondFd = -1
  /** Whether closing it is known not to wait: only read from, on a file system of this machine's own. */
  protected closesAtOnce = false
  private step: Step | undefined = undefined
  private outcome: Exit.Exit<A, E> | undefined = undefined

  constructor(protected readonly engine: Engine) {}

  /** For its span. */
  abstract readonly label: { readonly name: string; readonly path: Path | undefined }

  /** The failure of a system call with a (positive) error number. */
  protected abstract failure(errno: number, operation: string): E

  /** What was wrong with an argument. */
  protected abstract wrongArgument(problem: BadArgument): E

  /** Runs the first request. */
  protected abstract begin(): void

  start(): void {
    this.started = true
    try {
      this.begin()
    } catch (defect) {
      this.died(defect)
    }
  }

  cancel(): void {
    this.cancelling = true
    // Never the close, which the engine does not cancel: there is nothing to wait for in it, and it must happen.
    if (this.step !== undefined) this.engine.cancel(this.step)
  }

  /** What it opened is closed by then. */
  releaseOrphan(): Effect.Effect<void> {
    return Effect.void
  }

  /** Runs a request: on the spot if that needs no waiting. `then` may run the next one. */
  protected run<B>(
    operation: Operation<B>,
    then: Then<this, B>,
    otherwise: Otherwise<this> = this.failed as Otherwise<this>
  ): void {
    const { engine } = this
    const { entry, input } = operation
    const closing = entry === (close.entry as unknown)
    if (this.cancelling && !closing) return otherwise.call(this, errno.ECANCELED, entry.name)
    const step = new Step(this, operation, then, otherwise)
    step.priority = this.priority
    if (entry.inline !== undefined && engine.mayInline) {
      step.triedInline = true
      let result: number
      try {
        result = engine.tryInline(entry, input)
      } catch (problem) {
        return this.refused(problem)
      }
      if (result !== PENDING) {
        if (result < 0) {
          engine.countInline()
          return otherwise.call(this, -result, entry.name)
        }
        // Decoded, counted and cleared before the next request uses the same scratch memory.
        const value = entry.decode(engine.scratch, result, input)
        engine.countInline()
        return then.call(this, value)
      }
    }
    this.step = step
    if (!engine.closed) {
      engine.submit(step)
      if (this.cancelling || this.isOfInterrupted) engine.hurry(step)
    } else {
      // No backend is left. A descriptor can and must still be closed.
      if (closing) engine.descriptors.close(input.fd)
      step.result = closing ? 0 : -errno.ECANCELED
      this.stepEnded(step, null)
    }
  }

  /** Called by the step under way. */
  stepEnded(step: Step, memory: Submission | null): void {
    this.step = undefined
    const { entry, input, result } = step
    if (step.problem !== undefined) this.refused(step.problem)
    else if (result < 0) step.otherwise.call(this, -result, entry.name)
    else step.then.call(this, entry.decode(memory!, result, input))
  }

  /** What follows a request threw, which is a defect. No request is under way. */
  died(defect: unknown): void {
    if (this.exit === undefined) this.end(Exit.die(defect))
  }

  /** A request failed, and with it the whole. */
  protected failed(errno: number, operation: string): void {
    this.end(Exit.fail(this.failure(errno, operation)))
  }

  private refused(problem: unknown): void {
    this.end(problem instanceof BadArgument ? Exit.fail(this.wrongArgument(problem)) : Exit.die(problem))
  }

  /** Closes what is open, then ends. */
  protected end(exit: Exit.Exit<A, E>): void {
    const { fd, secondFd } = this
    if (secondFd !== -1) {
      this.secondFd = -1
      this.outcome = exit
      return this.run(close(secondFd), this.closed, this.closed)
    }
    if (fd === -1) return settle(this, exit)
    this.fd = -1
    if (this.closesAtOnce) {
      // On a file system that has nobody to tell, close(2) just drops it. io_uring would do the same on this thread, a turn later.
      this.engine.descriptors.close(fd)
      return settle(this, exit)
    }
    this.outcome = exit
    this.run(close(fd), this.closed, this.closed)
  }

  private closed(): void {
    this.end(this.outcome!)
  }
}

/** A sequence that fails as `FileSystem` does. */
export abstract class FileSystemSequence<A> extends Sequence<A, PlatformError> {
  /** What failures are about. */
  protected abstract readonly subject: Subject

  override get label(): { readonly name: string; readonly path: Path | undefined } {
    const { method, path } = this.subject
    return { name: method, path }
  }

  protected override failure(errno: number, operation: string): PlatformError {
    return systemError(errno, syscallOf(operation), this.subject)
  }

  protected override wrongArgument(problem: BadArgument): PlatformError {
    return fromWrongArgument(this.subject.method, problem)
  }
}

/** Runs a sequence in the fiber that asks for it. `make` is called for each run. */
export const runSequence = <A, E>(make: () => Sequence<A, E>): Effect.Effect<A, E> =>
  Effect.withFiberRuntime((fiber: Fiber.RuntimeFiber<A, E>) => {
    if (wantsSpan(fiber)) {
      const { name, path } = make().label
      return inSpan({ entry: { name }, input: { path } }, runSequence(make))
    }
    return Effect.uninterruptibleMask((restore) => {
      const task = make()
      task.priority = priorityOf(fiber)
      task.isOfInterrupted = isInterrupted(fiber)
      return inStages(task, restore, () => task.start())
    })
  })
