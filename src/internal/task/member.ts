/** A request that is one of several: its end is told to their owner, and not to a fiber. */
import type { Engine } from "../engine/engine.ts"
import type { Failed } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { Request } from "../engine/request.ts"
import type { Submission } from "../engine/submission.ts"
import { close } from "../operation/catalogue.ts"
import type { SubmitContext } from "./submitContext.ts"

/** The owner of several requests. */
export interface Owner<M extends Member> {
  readonly engine: Engine
  /** A member has ended, with its value or without one. May be called from within `start`. */
  ended(member: M, end: unknown | Failed): void
  /** Whether the owner is to be told when a member takes long. */
  readonly wantsOverdue: boolean
  /** A member has been under way for some milliseconds. */
  overdue(member: M): void
  /** Told what its own `ended` threw. Without this method, that becomes an uncaught exception. */
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

  /** The operation that gives back what it has obtained, if it has obtained anything. */
  get orphan(): Operation<unknown> | undefined {
    if (this.problem !== undefined || this.result < 0) return undefined
    return this.entry.producesDescriptor === true ? close(this.result) : this.entry.undo?.(this.input)
  }

  /** Whether it has produced a descriptor. */
  get hasDescriptor(): boolean {
    return this.entry.producesDescriptor === true && this.problem === undefined && this.result >= 0
  }

  /** Its descriptor belongs to the program from here on. */
  handOut(): void {
    if (this.hasDescriptor) this.owner.engine.descriptors.disown(this.result)
  }
}

/** The operations that give back what members have obtained. */
export const orphansOf = (members: Iterable<Member>): ReadonlyArray<Operation<unknown>> =>
  Array.from(members, ({ orphan }) => orphan).filter((orphan) => orphan !== undefined)

/** Whether an operation obtains a descriptor or a lock, which has to be given back if no caller gets it. */
export const obtains = ({ entry }: Pick<Operation<any>, "entry">): boolean =>
  entry.producesDescriptor === true || entry.undo !== undefined
