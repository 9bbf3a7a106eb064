/**
 * Group commit: what is appended while a write and its datasync are under way is written and synced together afterwards, by one of each.
 *
 * Records are copied when they are appended. So their buffers are the program's at once, a group is one write, and nobody who stops waiting can
 * take bytes away from a write under way. A group's memory is referenced by the input of its write, and by the backend until that has ended.
 */
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import type { OpenDescriptor } from "../engine/openDescriptor.ts"
import { setImmediate } from "../native/loop.ts"
import { fdatasync } from "../operation/catalogue.ts"
import { Sequence } from "./sequence.ts"

/** Bytes of a group's first memory. */
const FIRST_ROOM = 4096
/** Bytes of a group, unless one record has more: the next ones go into another group, so that no array becomes too long. */
const MOST_IN_GROUP = 64 << 20

/** Told when its record is on the disk, or will not be. */
export type Waiter = (end: number | Failed) => void

interface Record {
  readonly offset: number
  waiter: Waiter | undefined
}

/** A record that is waited for. */
export type Appended = Record

class Group {
  private memory = new Uint8Array(FIRST_ROOM)
  length = 0
  readonly records: Array<Record> = []

  constructor(readonly start: number) {}

  get end(): number {
    return this.start + this.length
  }

  hasRoom(bytes: number): boolean {
    return this.length === 0 || this.length + bytes <= MOST_IN_GROUP
  }

  /** Throws a RangeError where there is no memory. */
  add(bytes: Uint8Array, waiter: Waiter): Record {
    const { end, length, memory } = this
    const needed = length + bytes.length
    if (needed > memory.length) {
      this.memory = new Uint8Array(Math.max(needed, memory.length * 2))
      this.memory.set(memory.subarray(0, length))
    }
    this.memory.set(bytes, length)
    this.length = needed
    const record = { offset: end, waiter }
    this.records.push(record)
    return record
  }

  get bytes(): Uint8Array {
    return this.memory.subarray(0, this.length)
  }
}

/** All bytes of a group, then their sync. */
class Commit extends Sequence<void> {
  constructor(
    engine: Engine,
    private readonly file: OpenDescriptor,
    private readonly bytes: Uint8Array,
    private readonly offset: number
  ) {
    super(engine)
  }

  get label(): { readonly name: string; readonly path: Path | undefined } {
    return { name: "append", path: this.file.path }
  }

  protected get about(): unknown {
    return { fd: this.file.fd, file: this.file }
  }

  protected begin(): void {
    const { bytes, file, offset } = this
    this.writeAll(file, bytes, offset, () => this.run(fdatasync(file), () => this.conclude(undefined)))
  }
}

export class GroupCommit {
  /** Why nothing can be appended any more. What is on the disk behind `durable` is not known. */
  failure: Failed | undefined = undefined
  private readonly groups: Array<Group> = []
  private isCommitting = false
  private isAsked = false
  private onIdle: (() => void) | undefined = undefined

  constructor(
    private readonly engine: Engine,
    private readonly file: OpenDescriptor,
    /** Everything before this offset is on the disk. */
    public durable: number
  ) {}

  /** The record will be written, whether or not it is waited for. Throws a RangeError where there is no memory for it. */
  append(bytes: Uint8Array, waiter: Waiter): Record {
    const { groups } = this
    let group = groups[groups.length - 1]
    const isTaken = groups.length === 1 && this.isCommitting
    if (group === undefined || isTaken || !group.hasRoom(bytes.length)) {
      group = new Group(group?.end ?? this.durable)
      groups.push(group)
    }
    const record = group.add(bytes, waiter)
    this.ask()
    return record
  }

  /** Begins a turn later: all fibers that one commit resumes, and that append again, are in the next one. */
  private ask(): void {
    if (this.isCommitting || this.isAsked) return
    this.isAsked = true
    setImmediate(() => {
      this.isAsked = false
      this.commit()
    })
  }

  private commit(): void {
    const [group] = this.groups
    this.isCommitting = true
    const commit = new Commit(this.engine, this.file, group.bytes, group.start)
    commit.waiter = {
      ended: () => this.committed(group, commit.end as undefined | Failed),
      wantsOverdue: false,
      overdue: () => {}
    }
    commit.start()
  }

  private committed(group: Group, end: undefined | Failed): void {
    this.isCommitting = false
    if (end instanceof Failed) return this.fail(end)
    this.durable = group.end
    this.groups.shift()
    if (this.groups.length > 0) this.ask()
    tell(group, undefined)
    if (this.groups.length === 0) this.onIdle?.()
  }

  private fail(failure: Failed): void {
    this.failure = failure
    for (const group of this.groups.splice(0)) tell(group, failure)
    this.onIdle?.()
  }

  /** Calls `done` when everything that was appended has ended. */
  whenIdle(done: () => void): void {
    if (this.groups.length === 0) done()
    else this.onIdle = done
  }
}

const tell = ({ records }: Group, failure: Failed | undefined): void => {
  for (const { offset, waiter } of records) waiter?.(failure ?? offset)
}
