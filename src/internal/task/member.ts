/** A request that is one of several: it tells their owner of its end, and no fiber. */
import * as Exit from "effect/Exit"
import { badArgument, failureOf, outcome } from "../effect/execute.ts"
import type { EndSpan } from "../effect/spans.ts"
import type { Origin } from "../effect/submitContext.ts"
import type { Failure } from "../effect/wait.ts"
import { BadArgument } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { closeAtOnce } from "../engine/openDescriptor.ts"
import type { Operation } from "../engine/operation.ts"
import { Request } from "../engine/request.ts"
import type { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import { close } from "../operation/catalogue.ts"

/** Whoever several requests belong to. */
export interface Owner<M extends Member> {
  readonly engine: Engine
  /** A member has ended, and `memory` is what to decode it from. May be called from within `start`. */
  ended(member: M, memory: Submission | null): void
  /** Whether somebody is to be told when a member takes long. */
  readonly isPatient: boolean
  /** A member has been under way for some milliseconds. */
  overdue(member: M): void
}

export class Member extends Request {
  private endSpan: EndSpan | undefined = undefined

  constructor(
    readonly owner: Owner<any>,
    operation: Operation<any>,
    readonly index: number,
    readonly origin: Origin
  ) {
    super(operation)
    this.priority = origin.priority
  }

  protected startSpan(): void {
    if (this.origin.startSpan !== undefined) this.endSpan = this.origin.startSpan(this)
  }

  start(): void {
    this.startSpan()
    const { engine } = this.owner
    const { file } = this.input
    if (file?.closed === true && this.entry !== close.entry) {
      this.problem = new BadArgument("file", "it is closed")
      return this.endUnsubmitted(-errno.EINVAL)
    }
    if (engine.closed) return this.refuse()
    // The file's Scope waits for those who use its descriptor.
    if (file !== undefined) file.users++
    engine.submit(this)
    this.hurry()
  }

  /** Where it is part of the end of an interrupted fiber. */
  protected hurry(): void {
    if (this.origin.isOfInterrupted) this.owner.engine.hurry(this)
  }

  /** No backend is left to run it. A descriptor can and must still be closed. */
  private refuse(): void {
    if (this.entry !== close.entry) return this.endUnsubmitted(-errno.ECANCELED)
    this.problem = closeAtOnce(this.owner.engine.descriptors, this.input.fd)
    this.endUnsubmitted(0)
  }

  private endUnsubmitted(result: number): void {
    this.result = result
    this.end(null)
  }

  private end(memory: Submission | null): void {
    this.endSpan?.(this.outcomeForSpan)
    this.owner.ended(this, memory)
  }

  private get outcomeForSpan(): Exit.Exit<unknown, Failure> {
    const { entry, input, problem, result } = this
    if (problem !== undefined) return badArgument(entry.name, problem)
    return result < 0 ? Exit.fail(failureOf(this.owner.engine, -result, entry.name, input)) : Exit.void
  }

  override settled(memory: Submission | null): void {
    const { file } = this.input
    if (file !== undefined && --file.users === 0) file.onUnused?.()
    this.end(memory)
  }

  override get hasPatience(): boolean {
    return this.owner.isPatient
  }

  override overdue(): void {
    this.owner.overdue(this)
  }

  /** What it ended with, for whoever asked for it. Only while `memory` is valid: called by `Owner.ended`. */
  exitOf<A>(memory: Submission | null): Exit.Exit<A, Failure> {
    return this.problem === undefined
      ? outcome<A>(this.owner.engine, this.entry, this.input, this.result, memory)
      : badArgument(this.entry.name, this.problem)
  }

  /** What gives back what it has obtained, if it has obtained anything. */
  get orphan(): Operation<unknown> | undefined {
    if (this.problem !== undefined || this.result < 0) return undefined
    return this.entry.producesDescriptor === true ? close(this.result) : this.entry.undo?.(this.input)
  }

  /** Whether it has produced a descriptor. */
  get hasDescriptor(): boolean {
    return this.entry.producesDescriptor === true && this.problem === undefined && this.result >= 0
  }
}

/** What gives back what they have obtained. */
export const orphansOf = (members: Iterable<Member>): ReadonlyArray<Operation<unknown>> =>
  Array.from(members, ({ orphan }) => orphan).filter((orphan) => orphan !== undefined)

/** Whether an operation obtains what has to be given back if nobody gets it. */
export const obtains = ({ entry }: Pick<Operation<any>, "entry">): boolean =>
  entry.producesDescriptor === true || entry.undo !== undefined
