/**
 * Several requests, one after the other: each is started by the completion of the one before. Between them there is no fiber, so that a
 * small file that is cached costs one turn of the event loop and not one for each request.
 *
 * It keeps the promises of a single request. Interruption cancels the request under way, and starts no other but the close of the
 * descriptor. The sequence ends when the close is done. A request's input references its buffers, and the backend the request.
 */
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed, LATER } from "../engine/failed.ts"
import type { OpenDescriptor } from "../engine/openDescriptor.ts"
import type { Operation } from "../engine/operation.ts"
import { Request } from "../engine/request.ts"
import type { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import { close, write } from "../operation/catalogue.ts"
import { closeOpened } from "../operation/descriptors.ts"
import { notBegun, notRun, type Program, type ProgramEnd } from "../operation/program.ts"
import { WriteZero } from "./move.ts"
import { runsPrograms, StepByStep, type Steps } from "./stepByStep.ts"
import { noContext, type SubmitContext } from "./submitContext.ts"
import { Task } from "./task.ts"

/** A program that was cancelled fails as the operation that it was in. */
const nameOf = ({ entry, input: { steps } }: Program, { ends }: ProgramEnd): string => {
  const isEnded = (end: unknown): boolean => end !== notRun && !(end instanceof Failed)
  const reached = steps.find((step, index) => "operation" in step && !(index < ends.length && isEnded(ends[index])))
  return reached !== undefined && "operation" in reached ? reached.operation.entry.name : entry.name
}

/** Called with the result of a request that succeeded. */
type Then<Owner, A> = (this: Owner, value: A) => void
/** Called with the error number of a request that failed. */
type Otherwise<Owner> = (this: Owner, errno: number, operation: string, problem?: unknown) => void
/** Called when a program was cancelled, or could not be begun, with how far it has come. */
type OtherwiseProgram<Owner> = (this: Owner, errno: number, operation: string, end: ProgramEnd) => void

class Step extends Request {
  constructor(
    private readonly owner: Sequence<any>,
    operation: Operation<any>,
    readonly then: Then<any, any>,
    readonly otherwise: Otherwise<any>
  ) {
    super(operation)
  }

  override settled(memory: Submission | null): void {
    this.owner.stepEnded(this, this.endOf(memory))
  }

  override died(defect: unknown): void {
    this.owner.died(defect)
  }

  override get mayBecomeOverdue(): boolean {
    return true
  }

  override overdue(): void {
    this.owner.overdue()
  }
}

export abstract class Sequence<out A> extends Task<A> {
  /** The engine that runs the requests. */
  context: SubmitContext = noContext
  protected cancelling = false
  /** The descriptors that are closed at the end, or -1. */
  protected fd = -1
  protected secondFd = -1
  /** Whether closing it is known not to wait: it was only read from, on a local file system. */
  protected closesAtOnce = false
  /** Whether `fd` was opened for writing; `undefined` where that is not known. */
  protected isForWriting: boolean | undefined = undefined
  private step: Step | undefined = undefined
  private outcome: A | Failed | typeof LATER = LATER

  constructor(readonly engine: Engine) {
    super()
  }

  /** For the span, and for wrong arguments. */
  abstract readonly label: { readonly name: string; readonly path: Path | undefined }

  /** What a failure names: `input` of `Failed`. */
  protected abstract readonly about: unknown

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
    // Never the close, which the engine does not cancel: it does not wait for a peer, and it must happen.
    if (this.step !== undefined) this.engine.cancel(this.step)
  }

  /** Runs a request: on the spot if it needs no waiting. `then` may run the next one. */
  protected run<B>(
    operation: Operation<B>,
    then: Then<this, B>,
    otherwise: Otherwise<this> = this.failed as Otherwise<this>
  ): void {
    const { engine } = this
    const { entry } = operation
    if (this.cancelling && entry.finalOnInterrupt !== true) return otherwise.call(this, errno.ECANCELED, entry.name)
    const tried = engine.mayTry(entry)
    const end = tried ? engine.attempt(operation) : LATER
    if (end !== LATER) this.goOn(end, then, otherwise)
    else this.request(operation, then, otherwise, tried)
  }

  /** As a request. `tried`: on the spot it was not to be had. */
  protected request<B>(operation: Operation<B>, then: Then<this, B>, otherwise: Otherwise<this>, tried: boolean): void {
    const step = new Step(this, operation, then, otherwise)
    step.triedInline = tried
    step.priority = this.context.priority
    step.isOfInterrupted = this.cancelling || this.context.isOfInterrupted
    this.step = step
    this.engine.submit(step)
  }

  /** Writes all of some bytes, with as many requests as it takes: from `offset` on, or at the position of the file. */
  protected writeAll(file: OpenDescriptor, bytes: Uint8Array, offset: number | undefined, then: () => void): void {
    if (bytes.byteLength === 0) return then.call(this)
    this.run(write(file, bytes, offset === undefined ? undefined : { offset }), (count) => {
      const next = offset === undefined ? undefined : offset + count
      if (count > 0) this.writeAll(file, bytes.subarray(count), next, then)
      else this.conclude(new Failed("write", this.about, 0, new WriteZero()))
    })
  }

  /** Whether a program is one request. */
  protected get runsPrograms(): boolean {
    return runsPrograms(this.engine)
  }

  /**
   * Runs several requests as one, where there is a thread that can. `then` gets what has become of them, and the descriptors that they have left
   * open. `otherwise` is called when the program was cancelled, or could not be begun, and nothing is open.
   */
  protected runProgram(
    program: Program,
    then: Then<this, ProgramEnd>,
    otherwise: OtherwiseProgram<this> = this.failed as OtherwiseProgram<this>
  ): void {
    const fail = (number: number, _: string, end: unknown): void => {
      const partial = (end as ProgramEnd | undefined) ?? notBegun
      otherwise.call(this, number, nameOf(program, partial), partial)
    }
    if (this.runsPrograms) {
      return this.run(
        program,
        (end) => {
          // As the engine does for the descriptor of an open.
          for (const fd of end.open) this.engine.descriptors.own(fd)
          then.call(this, end)
        },
        fail
      )
    }
    const steps: Steps = {
      run: ({ entry, input }, done) =>
        this.run({ entry, input }, done, (number) => done(new Failed(entry.name, input, number, undefined))),
      isCancelled: () => this.cancelling
    }
    new StepByStep(program, steps, (end) => this.goOn(end, then, fail)).start()
  }

  /** Called by the request under way. */
  stepEnded({ otherwise, then }: Step, end: unknown | Failed): void {
    this.step = undefined
    this.goOn(end, then, otherwise)
  }

  protected goOn(end: unknown | Failed, then: Then<any, any>, otherwise: Otherwise<any>): void {
    if (!(end instanceof Failed)) then.call(this, end)
    else if (end.errno === 0) this.conclude(new Failed(this.label.name, this.about, 0, end.problem))
    else otherwise.call(this, end.errno, end.operation, end.problem)
  }

  /** The code that follows a request threw, which is a defect. No request is under way. */
  died(defect: unknown): void {
    if (this.end === LATER) this.conclude(new Failed(this.label.name, this.about, 0, defect))
  }

  /** A request failed, and so does the sequence. */
  protected failed(errno: number, operation = this.label.name): void {
    this.conclude(this.failure(errno, operation))
  }

  protected failure(errno: number, operation: string): Failed {
    return new Failed(operation, this.about, errno, undefined)
  }

  /** Closes what is open, then ends. */
  protected conclude(outcome: A | Failed): void {
    const { fd, secondFd } = this
    if (secondFd !== -1) {
      this.secondFd = -1
      this.outcome = outcome
      return this.run(close(secondFd), this.closed, this.closed)
    }
    if (fd === -1) return this.finish(outcome)
    this.fd = -1
    if (this.closesAtOnce) {
      // On a local file system, close(2) tells no server and only drops the descriptor. io_uring would do the same on this thread, a turn
      // later.
      this.engine.descriptors.close(fd)
      return this.finish(outcome)
    }
    this.outcome = outcome
    this.run(closeOpened(fd, this.isForWriting), this.closed, this.closed)
  }

  private closed(): void {
    this.conclude(this.outcome as A | Failed)
  }
}

/** How a sequence on a path is named. */
export interface Naming {
  /** The method, for its span and for what is wrong with its arguments. */
  readonly method: string
  /** What a failure names, while a file is open and before. */
  readonly about: (isOpen: boolean) => unknown
}

/** A sequence that begins with a path. */
export abstract class PathSequence<out A> extends Sequence<A> {
  constructor(
    engine: Engine,
    protected readonly path: Path,
    private readonly naming: Naming
  ) {
    super(engine)
  }

  override get label(): { readonly name: string; readonly path: Path } {
    return { name: this.naming.method, path: this.path }
  }

  protected override get about(): unknown {
    return this.naming.about(this.fd !== -1)
  }
}
