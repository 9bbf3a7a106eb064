/** A transfer between a buffer and an open file: one request, or as many as it takes to move everything. */
import { advance, type Offset } from "../engine/arguments.ts"
import { checkView } from "../engine/buffers.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed, LATER } from "../engine/failed.ts"
import type { OpenDescriptor } from "../engine/openDescriptor.ts"
import { errno } from "../native/errno.ts"
import { read, type write } from "../operation/catalogue.ts"
import { Member, type Owner } from "./member.ts"
import type { SubmitContext } from "./submitContext.ts"
import { Task } from "./task.ts"

/** In `Failed`: a write took none of the bytes. It would take none when repeated. */
export class WriteZero {}

/** In `Failed`: the file ended before everything was read. */
export class EndOfFile {
  constructor(
    /** Bytes. */
    readonly received: number
  ) {}
}

export interface MoveOptions {
  /** The engine that runs the next request. */
  readonly engine: () => Engine
  readonly file: OpenDescriptor
  readonly operation: typeof read | typeof write
  /** The bytes. An ordinary array if `all` of them are to be moved. */
  readonly buffer: Uint8Array
  /** Bytes of the buffer. */
  readonly length: number
  /** Where the transfer starts. Left out: at the position of the descriptor, or at the end of a file that is appended to. */
  readonly offset: Offset | undefined
  /** `RWF_*` of each request. Default 0. */
  readonly flags?: number | undefined
  readonly all: boolean
  /** Bytes that have been moved before. Default 0. */
  readonly done?: number | undefined
  /** The first request has been tried without waiting. */
  readonly triedInline?: boolean | undefined
  /** What a failure names. */
  readonly about: unknown
  readonly context: SubmitContext
  /** Called before the end with the number of bytes that have been moved. */
  readonly moved?: ((count: number) => void) | undefined
}

export class Move extends Task<number> implements Owner<Member> {
  engine: Engine
  private member: Member | undefined = undefined
  private cancelling = false
  private done: number

  constructor(private readonly options: MoveOptions) {
    super()
    this.engine = options.engine()
    this.done = options.done ?? 0
  }

  start(): void {
    this.started = true
    this.more(this.options.triedInline === true)
  }

  cancel(): void {
    this.cancelling = true
    if (this.member !== undefined) this.engine.cancel(this.member)
  }

  private more(triedInline: boolean): void {
    const { done } = this
    const { context, engine, file, flags = 0, offset, operation } = this.options
    let buffer: Uint8Array
    try {
      buffer = this.rest
    } catch (problem) {
      return this.conclude(new Failed(operation.entry.name, undefined, 0, problem))
    }
    const plain = { fd: file.fd, file, buffer, offset: advance(offset, done) }
    const input = flags === 0 ? plain : { ...plain, flags }
    this.engine = engine()
    this.member = new Member(this, { entry: operation.entry, input }, 0, context)
    this.member.triedInline = triedInline
    this.member.start()
  }

  /** The bytes that are still to be moved. Throws `BadArgument`: the program may have transferred the buffer since the last request. */
  private get rest(): Uint8Array {
    const { done } = this
    const { buffer } = this.options
    if (done === 0) return buffer
    checkView(buffer, "buffer")
    return buffer.subarray(done)
  }

  ended(_: Member, end: unknown | Failed): void {
    this.member = undefined
    const { all, file, length, operation } = this.options
    if (end instanceof Failed) return this.conclude(end)
    const count = end as number
    this.done += count
    if (!all || this.done === length) return this.conclude(this.done)
    const { name } = operation.entry
    const isRead = operation === read
    if (count === 0 || (isRead && file.endsWithin(count))) {
      this.conclude(new Failed(name, undefined, 0, isRead ? new EndOfFile(this.done) : new WriteZero()))
    } else if (this.cancelling) this.conclude(new Failed(name, undefined, errno.ECANCELED, undefined))
    else this.more(false)
  }

  died(defect: unknown): void {
    if (this.end === LATER) this.conclude(new Failed(this.options.operation.entry.name, undefined, 0, defect))
  }

  private conclude(end: number | Failed): void {
    const { about, moved } = this.options
    moved?.(this.done)
    this.finish(end instanceof Failed ? new Failed(end.operation, about, end.errno, end.problem) : end)
  }
}
