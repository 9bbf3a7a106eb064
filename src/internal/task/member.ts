/** A request that is one of several: it tells their owner of its end, and no fiber. */
import type { Engine } from "../engine/engine.ts"
import type { Failed } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { Request } from "../engine/request.ts"
import type { Submission } from "../engine/submission.ts"
import { close } from "../operation/catalogue.ts"
import type { SubmitContext } from "./submitContext.ts"

/** Whom several requests belong to. */
export interface Owner<M extends Member> {
  readonly engine: Engine
  /** A member has ended, with its value or without one. May be called from within `start`. */
  ended(member: M, end: unknown | Failed): void
  /** Whether the owner is to be told when a member takes long. */
  readonly wantsOverdue: boolean
  /** A member has been under way for some milliseconds. */
  overdue(member: M): void
  /** What its own `ended` threw. Without, that is nobody's, and an uncaught exception. */
  died?(defect: unknown): void
}

export class Member extends Request {
  private endSpan: ((end: unknown | Failed) => void) | undefined = undefined

  constructor(
    readonly owner: Owner<any>,
    operation: Operation<any>,
    readonly index: number,
    readonly context: SubmitContext
  ) {
    super(operation)
    this.priority = context.priority
    this.isOfInterrupted = context.isOfInterrupted
  }

  protected startSpan(): void {
    this.endSpan = this.context.startSpan?.(this)
  }

  start(): void {
    this.startSpan()
    this.owner.engine.submit(this)
  }

  override settled(memory: Submission | null): void {
    const end = this.endOf(memory)
    this.endSpan?.(end)
    this.owner.ended(this, end)
  }

  override died(defect: unknown): void {
    if (this.owner.died === undefined) throw defect
    this.owner.died(defect)
  }

  override get mayBecomeOverdue(): boolean {
    return this.owner.wantsOverdue
  }

  override overdue(): void {
    this.owner.overdue(this)
  }

  /** What gives back what it has obtained, if it has. */
  get orphan(): Operation<unknown> | undefined {
    if (this.problem !== undefined || this.result < 0) return undefined
    return this.entry.producesDescriptor === true ? close(this.result) : this.entry.undo?.(this.input)
  }

  /** Whether it has produced a descriptor. */
  get hasDescriptor(): boolean {
    return this.entry.producesDescriptor === true && this.problem === undefined && this.result >= 0
  }

  /** Its descriptor is the program's. */
  handOut(): void {
    if (this.hasDescriptor) this.owner.engine.descriptors.disown(this.result)
  }
}

/** What gives back what they have obtained. */
export const orphansOf = (members: Iterable<Member>): ReadonlyArray<Operation<unknown>> =>
  Array.from(members, ({ orphan }) => orphan).filter((orphan) => orphan !== undefined)

/** Whether an operation obtains what has to be given back if nobody gets it. */
export const obtains = ({ entry }: Pick<Operation<any>, "entry">): boolean =>
  entry.producesDescriptor === true || entry.undo !== undefined
