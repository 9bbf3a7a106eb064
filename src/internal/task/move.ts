/** A transfer between a buffer and an open file: one request, or as many as it takes to move everything. */
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import type { OpenDescriptor } from "../engine/openDescriptor.ts"
import { errno } from "../native/errno.ts"
import type { read } from "../operation/catalogue.ts"
import { Member, type Owner } from "./member.ts"
import type { SubmitContext } from "./submitContext.ts"
import { Task } from "./task.ts"

/** In `Failed`: a write took nothing of what there was. Asked again, it would take nothing again. */
export class WriteZero {}

export interface MoveOptions {
  /** Who runs the next request. */
  readonly engine: () => Engine
  readonly file: OpenDescriptor
  readonly operation: typeof read
  /** An ordinary one if it is `all` to be moved. */
  readonly buffer: Uint8Array
  /** Bytes of the buffer. */
  readonly length: number
  /** Left out for files that are appended to. */
  readonly offset: number | undefined
  readonly all: boolean
  /** What a failure is about. */
  readonly about: unknown
  readonly context: SubmitContext
  /** Called with the bytes that have been moved, before the end. */
  readonly moved: (count: number) => void
}

export class Move extends Task<number> implements Owner<Member> {
  engine: Engine
  private member: Member | undefined = undefined
  private cancelling = false
  private done = 0

  constructor(private readonly options: MoveOptions) {
    super()
    this.engine = options.engine()
  }

  start(): void {
    this.started = true
    this.more()
  }

  cancel(): void {
    this.cancelling = true
    if (this.member !== undefined) this.engine.cancel(this.member)
  }

  private more(): void {
    const { done } = this
    const { buffer, context, engine, file, offset, operation } = this.options
    const input = {
      fd: file.fd,
      file,
      buffer: done === 0 ? buffer : buffer.subarray(done),
      offset: offset === undefined ? undefined : offset + done
    }
    this.engine = engine()
    this.member = new Member(this, { entry: operation.entry, input }, 0, context)
    this.member.start()
  }

  ended(_: Member, end: unknown | Failed): void {
    this.member = undefined
    const { all, length, operation } = this.options
    if (end instanceof Failed) return this.conclude(end)
    const count = end as number
    this.done += count
    if (!all || this.done === length) return this.conclude(this.done)
    const { name } = operation.entry
    if (count === 0) this.conclude(new Failed(name, undefined, 0, new WriteZero()))
    else if (this.cancelling) this.conclude(new Failed(name, undefined, errno.ECANCELED, undefined))
    else this.more()
  }

  private conclude(end: number | Failed): void {
    const { about, moved } = this.options
    moved(this.done)
    this.finish(end instanceof Failed ? new Failed(end.operation, about, end.errno, end.problem) : end)
  }
}
