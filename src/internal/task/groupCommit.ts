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
import { fdatasync, write as writeTo } from "../operation/catalogue.ts"
import { program } from "../operation/program.ts"
import { WriteZero } from "./move.ts"
import { Sequence } from "./sequence.ts"

/** Bytes of a group's memory, at least. */
const LEAST_ROOM = 4096
/** Bytes of memory that is kept for later groups, at most. */
const MOST_KEPT = 1 << 20
/** Bytes of a group, unless one record has more: the next ones go into another group, so that no array becomes too long. */
const MOST_IN_GROUP = 64 << 20

/** Told when its record is on the disk, or will not be. */
export type Waiter = (end: number | Failed) => void

interface Record {
  readonly offset: number
  readonly waiter: Waiter
}

class Group {
  length = 0
  readonly records: Array<Record> = []

  constructor(
    readonly start: number,
    public memory: Uint8Array
  ) {}

  get end(): number {
    return this.start + this.length
  }

  hasRoom(bytes: number): boolean {
    return this.length === 0 || this.length + bytes <= MOST_IN_GROUP
  }

  /** Throws a RangeError where there is no memory. */
  add(bytes: Uint8Array, waiter: Waiter): void {
    const { end, length, memory } = this
    const needed = length + bytes.length
    if (needed > memory.length) {
      this.memory = new Uint8Array(Math.max(needed, memory.length * 2))
      this.memory.set(memory.subarray(0, length))
    }
    this.memory.set(bytes, length)
    this.length = needed
    this.records.push({ offset: end, waiter })
  }

  get bytes(): Uint8Array {
    return this.memory.subarray(0, this.length)
  }
}

/** All bytes of a group and their sync, which are one request: between two, the disk would wait for the event loop. */
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
    this.from(0)
  }

  private from(written: number): void {
    const { bytes, file, offset } = this
    const sync = { operation: fdatasync(file) }
    const rest = written === 0 ? bytes : bytes.subarray(written)
    const write = { operation: writeTo(file, rest, { offset: offset + written }) }
    const steps = rest.length === 0 ? [sync] : [write, sync]
    this.runProgram(program("append", steps), ({ ends, stoppedAt }) => {
      const end = ends[stoppedAt]
      if (end instanceof Failed) return this.goOn(end, this.failed, this.failed)
      if (rest.length === 0) return this.conclude(undefined)
      const count = ends[0] as number
      // The file has not taken all of them.
      if (count < rest.length && count > 0) return this.from(written + count)
      this.conclude(count > 0 ? undefined : new Failed("write", this.about, 0, new WriteZero()))
    })
  }
}

export class GroupCommit {
  /** Why nothing can be appended any more. What is on the disk behind `durable` is not known. */
  failure: Failed | undefined = undefined
  private readonly groups: Array<Group> = []
  private isCommitting = false
  private isAsked = false
  private onIdle: (() => void) | undefined = undefined
  /** Memory that a group has done with, for the next one. */
  private spare: Uint8Array | undefined = undefined

  constructor(
    private readonly engine: Engine,
    private readonly file: OpenDescriptor,
    /** Everything before this offset is on the disk. */
    public durable: number
  ) {}

  /** The record will be written, whether or not it is waited for. Throws a RangeError where there is no memory for it. */
  append(bytes: Uint8Array, waiter: Waiter): void {
    const { groups } = this
    let group = groups[groups.length - 1]
    const isTaken = groups.length === 1 && this.isCommitting
    if (group === undefined || isTaken || !group.hasRoom(bytes.length)) {
      group = new Group(group?.end ?? this.durable, this.spare ?? new Uint8Array(LEAST_ROOM))
      group.add(bytes, waiter)
      this.spare = undefined
      groups.push(group)
    } else group.add(bytes, waiter)
    this.ask()
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
    if (group.memory.length <= MOST_KEPT) this.spare = group.memory
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
  for (const { offset, waiter } of records) waiter(failure ?? offset)
}
