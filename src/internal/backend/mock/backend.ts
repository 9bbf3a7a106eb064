/**
 * A backend without a kernel: requests are done to a file system in memory.
 *
 * The simplest backend, and the one to read first. A request is encoded like any other, so that it is checked like any other. Then it waits
 * for its time (`Timer`), for a test that releases it, or for a peer, and is done in a turn of the event loop, as a whole. What this
 * mechanism is bad at: no request is faster or slower than another unless it is told to be, and no two things ever happen at the same time.
 * Bytes are copied when a request completes and not before, as a program has to expect from a real disk.
 */
import type { Backend, BackendCounts, Host } from "../../engine/backend.ts"
import { keptVector } from "../../engine/buffers.ts"
import type { Description, Descriptors } from "../../engine/openDescriptor.ts"
import type { Entry } from "../../engine/operation.ts"
import type { Request } from "../../engine/request.ts"
import { Slot } from "../../engine/request.ts"
import { errno, errnoName } from "../../native/errno.ts"
import { clearInterval, setInterval } from "../../native/loop.ts"
import { copyFileRange, readv, write, writev } from "../../operation/catalogue.ts"
import { DIRECT_UNIT } from "./content.ts"
import * as descriptors from "./descriptors.ts"
import { type Attempt, Waits } from "./failure.ts"
import { type Effects, errorOf, Faults } from "./faults.ts"
import { EventCounter, Fifo } from "./inode.ts"
import { type Draft, Journal, type JournalEntry, textOf } from "./journal.ts"
import { Machine, type MachineOptions } from "./machine.ts"
import { type OperationName, operations } from "./operations.ts"
import { toText } from "./paths.ts"
import { ReadyDescriptor } from "./readyDescriptor.ts"

/** The clock that requests follow. */
export interface Timer {
  /** Nanoseconds since 1970. */
  readonly now: () => bigint
  /** Calls `done` after so many nanoseconds, unless the function that it returns is called before. */
  readonly after: (nanoseconds: bigint, done: () => void) => () => void
}

export interface BackendOptions extends Omit<MachineOptions, "now" | "wake"> {
  readonly timer: Timer
  /** Nanoseconds that a request takes. */
  latency: (request: JournalEntry) => bigint
  /** Whether a cancelled request ends at once, or takes its time: a real disk cannot be stopped. */
  cancelsAtOnce: (operation: string) => boolean
  /** Entries of the journal. */
  readonly journal: number
}

/** Where a request is until it is done. */
type Place = "ready" | "delayed" | "hung" | "waiting" | "done"

/** A request under way. */
class Call implements Attempt {
  progress = 0
  abandon: (() => void) | undefined
  place: Place = "ready"
  /** Takes the request out of where it is delayed, hangs or waits. */
  leave: () => void = stay
  /** The request was under way when power was lost. */
  isLost = false

  constructor(
    readonly request: Request,
    readonly submission: Slot,
    readonly draft: Draft,
    readonly effects: Effects
  ) {}
}

const stay = (): void => {}

/** Operations that leave nothing on a disk. */
const readers = new Set<string>(
  "nop read readv stat lstat fstat statvfs readlink readdir getxattr fgetxattr listxattr flistxattr access pollFd flock lockRange lockHolder readahead fadvise tee syncFileRange".split(
    " "
  )
)

const KEEP_ALIVE_INTERVAL = 2 ** 31 - 1
/** Submissions kept for the next requests. */
const MOST_FREE = 1024

export class MockBackend implements Backend {
  readonly name = "mock"
  readonly answersCached = true
  readonly machine: Machine
  readonly faults: Faults
  readonly journal: Journal
  private readonly free: Array<Slot> = []
  /** Keeps requests, and their buffers, alive. */
  private readonly calls = new Map<Request, Call>()
  private ready: Array<Call> = []
  /** Calls by what they wait for. */
  private readonly waiting = new Map<object, Set<Call>>()
  /** The backend that has taken over the machine. */
  private replacedBy: MockBackend | undefined
  private readonly hung = new Set<Call>()
  /** When requests were made. An engine hands them on a turn later, and a test's clock may have been moved by then. */
  private readonly arrivals = new WeakMap<Request, bigint>()
  private readonly readiness = new ReadyDescriptor()
  private hasPower: boolean
  private isClosing = false
  private heart: NodeJS.Timeout | undefined

  constructor(
    private readonly host: Host,
    readonly options: BackendOptions,
    before?: MockBackend
  ) {
    this.machine =
      before?.machine ?? new Machine({ ...options, now: options.timer.now, wake: (target) => this.wakeAll(target) })
    this.faults = before?.faults ?? new Faults(this.machine.random)
    this.journal = before?.journal ?? new Journal(options.journal)
    this.hasPower = before?.hasPower ?? true
  }

  replacement(host: Host): MockBackend {
    this.replacedBy = new MockBackend(host, this.options, this)
    return this.replacedBy
  }

  supports({ name }: Entry<any, any>): boolean {
    return Object.hasOwn(operations, name)
  }

  accepts(request: Request): boolean {
    this.arrivals.set(request, this.options.timer.now())
    return true
  }

  readonly descriptors: Descriptors = {
    describe: (fd, direct): Description => ({
      seekable: this.descriptors.takesOffsets(fd, false),
      alignment: direct ? { memory: DIRECT_UNIT, offset: DIRECT_UNIT } : undefined
    }),
    takesOffsets: (fd) => {
      const inode = this.machine.open.peek(fd)?.inode
      return !(inode instanceof Fifo || inode instanceof EventCounter)
    },
    close: (fd) => {
      if (this.machine.open.peek(fd) !== undefined) descriptors.close(this.machine.fs, this.machine.open, fd)
    },
    // The timers end with the machine.
    own: () => {},
    disown: () => {}
  }

  submit(request: Request): boolean {
    const submission = this.free.pop() ?? new Slot(-1)
    let call: Call
    let takes: bigint
    try {
      submission.encode(request.entry, request.input, request.bytes)
      call = this.callOf(request, submission)
      // A test's own function: called before anything is counted.
      takes = this.isClosing || !this.hasPower ? 0n : this.options.latency(call.draft)
    } catch (problem) {
      submission.clear()
      this.free.push(submission)
      throw problem
    }
    submission.request = request
    request.submission = submission
    this.journal.add(call.draft)
    this.calls.set(request, call)
    this.begin(call, takes)
    return true
  }

  private callOf(request: Request, submission: Slot): Call {
    const { input } = request
    const path = typeof input.fd === "number" ? this.machine.open.peek(input.fd)?.path : undefined
    const draft = this.journal.draft(request, path === undefined ? path : toText(path), this.arrivals.get(request)!)
    const effects = this.faults.isEmpty ? {} : this.faults.meet({ ...draft, to: textOf(input.to) })
    return new Call(request, submission, draft, effects)
  }

  /** Delays a request until its time. */
  private begin(call: Call, takes: bigint): void {
    const { draft, effects } = call
    if (effects.powerLoss === true && this.hasPower) return this.losePower()
    if (effects.hang === true && !this.isClosing) return this.hang(call)
    const { timer } = this.options
    const left = takes === 0n ? 0n : draft.startNs + takes - timer.now()
    if (left <= 0n) return this.makeReady(call)
    call.place = "delayed"
    call.leave = timer.after(left, () => {
      // Not a turn later: a test that moves its clock is to see the effect at once.
      this.complete(call)
      this.host.wake()
    })
  }

  private hang(call: Call): void {
    this.hung.add(call)
    call.place = "hung"
    call.leave = () => this.hung.delete(call)
  }

  private makeReady(call: Call): void {
    call.leave()
    call.leave = stay
    call.place = "ready"
    this.ready.push(call)
    this.readiness.set(true)
  }

  beginTurn(): void {}

  flush(): void {}

  reap(limit: number): number {
    let done = 0
    while (done < limit && this.ready.length > 0) {
      const calls = this.ready
      this.ready = []
      for (let i = 0; i < calls.length; i++) {
        if (done === limit) {
          this.ready = calls.slice(i).concat(this.ready)
          break
        }
        if (this.complete(calls[i])) done++
      }
    }
    if (this.ready.length === 0) this.readiness.set(false)
    return done
  }

  /** Does the request; false where it has to wait for a peer. */
  private complete(call: Call): boolean {
    if (call.place === "done") return false
    let result: number
    try {
      result = this.run(call)
    } catch (problem) {
      if (problem instanceof Waits) {
        this.wait(call, problem.target)
        return false
      }
      // A mistake of the mock: the fiber dies of it, and does not wait without end.
      call.request.problem = problem
      result = -errno.EINVAL
    }
    this.end(call, result)
    return true
  }

  private run(call: Call): number {
    const { effects, request, submission } = call
    if (!this.hasPower || call.isLost) return -errno.EIO
    if (!this.supports(request.entry)) return -errno.ENOSYS
    const name = request.entry.name as OperationName
    const error = errorOf(effects)
    if (error !== undefined) {
      if (name === "fsync" || name === "fdatasync") this.machine.files.failToSync(request.input.fd)
      // Linux closes the descriptor, whatever error it reports.
      if (name === "close") this.machine.run(name, request.input, submission, call)
      return error
    }
    if (effects.short !== undefined) shorten(request, submission, effects.short)
    return this.machine.run(name, request.input, submission, call)
  }

  private wait(call: Call, target: object): void {
    const calls = this.waiting.get(target) ?? new Set<Call>()
    this.waiting.set(target, calls.add(call))
    call.place = "waiting"
    call.leave = () => {
      calls.delete(call)
      if (calls.size === 0) this.waiting.delete(target)
    }
  }

  private wakeAll(target: object): void {
    this.replacedBy?.wakeAll(target)
    const calls = this.waiting.get(target)
    if (calls === undefined) return
    this.waiting.delete(target)
    for (const call of [...calls]) this.makeReady(call)
    this.host.wake()
  }

  /** The only completion of a request. */
  private end(call: Call, result: number): void {
    const { draft, request, submission } = call
    this.calls.delete(request)
    call.place = "done"
    draft.endNs = this.options.timer.now()
    if (result >= 0) draft.result = result
    else draft.error = errnoName(-result)
    this.host.complete(submission, result)
    submission.clear()
    if (this.free.length < MOST_FREE) this.free.push(submission)
  }

  /** Ends a request that has not been done, or not entirely: bytes that were moved count, as after a signal. */
  private giveUp(call: Call, result: number): void {
    call.leave()
    call.abandon?.()
    this.end(call, call.progress > 0 ? call.progress : result)
    this.host.wake()
  }

  /** Time is the Clock's. */
  tick(): void {}

  get hasCompletions(): boolean {
    return this.ready.length > 0
  }

  cancel(request: Request): void {
    const call = this.calls.get(request)
    if (call === undefined) return
    call.draft.cancelled = true
    const takesItsTime = call.place === "delayed" && !this.isClosing
    if (takesItsTime && !this.options.cancelsAtOnce(request.entry.name)) return
    this.giveUp(call, -errno.ECANCELED)
  }

  forEachInFlight(visit: (request: Request) => void): void {
    for (const request of [...this.calls.keys()]) visit(request)
  }

  get inFlight(): number {
    return this.calls.size
  }

  get requestCounts(): BackendCounts {
    const pending = Math.min(this.ready.length, this.calls.size)
    return { ready: 0, executing: this.calls.size - pending, pending }
  }

  get descriptor(): number {
    return this.readiness.fd
  }

  keepAlive(yes: boolean): void {
    if (!yes) clearInterval(this.heart)
    this.heart = yes ? (this.heart ?? setInterval(() => {}, KEEP_ALIVE_INTERVAL)) : undefined
  }

  prepareClose(): void {
    this.isClosing = true
    for (const call of [...this.calls.values()]) {
      if (call.place === "delayed" || call.place === "hung") this.makeReady(call)
    }
  }

  async close(): Promise<void> {
    clearInterval(this.heart)
    this.readiness.close()
  }

  // --- What tests do to it

  /** Releases requests that hang. */
  release(): void {
    this.replacedBy?.release()
    for (const call of [...this.hung]) this.makeReady(call)
    this.host.wake()
  }

  /** A request under way has been done, or has not been begun; one that waits for a peer has not been begun. All of them end with EIO. */
  private losePower(): void {
    const calls = [...this.calls.values()]
    for (const call of calls) {
      if (call.place !== "waiting" && this.machine.random.chance(1 / 2)) this.doUnseen(call)
    }
    this.hasPower = false
    for (const call of calls) {
      call.abandon?.()
      call.abandon = undefined
      call.isLost = true
      this.makeReady(call)
    }
    this.host.wake()
  }

  private doUnseen(call: Call): void {
    if (readers.has(call.request.entry.name)) return
    try {
      this.run(call)
    } catch (problem) {
      if (!(problem instanceof Waits)) throw problem
    }
  }

  /** Loses power, unless it is lost already, and starts again with what was on the disk. Returns what was lost. */
  crash(seed: number): ReadonlyArray<string> {
    for (const backend of this.replacedBy === undefined ? [this] : [this, this.replacedBy]) {
      if (backend.hasPower) backend.losePower()
      backend.hasPower = true
    }
    // The rule has done its work. If no request has met it yet, it must not meet a program that looks at what is left.
    this.faults.remove(({ powerLoss }) => powerLoss === true)
    return this.machine.crash(seed)
  }
}

/** The first bytes of a transfer. At least one byte of a read: none would mean the end of the file. */
const shorten = ({ entry }: Request, submission: Slot, most: number): void => {
  const limit = Math.max(entry === write.entry || entry === writev.entry ? 0 : 1, most)
  if (entry === copyFileRange.entry) submission.a4 = Math.min(Number(submission.a4), limit)
  else if (entry === readv.entry || entry === writev.entry || (entry.bytes !== undefined && submission.a5 !== 0)) {
    const { vector, views } = keptVector(submission)
    let left = BigInt(limit)
    for (let i = 0; i < views.length; i++) {
      const length = vector[i * 2 + 1]
      vector[i * 2 + 1] = length < left ? length : left
      left -= vector[i * 2 + 1]
    }
  } else if (entry.bytes !== undefined) submission.a2 = Math.min(Number(submission.a2), limit)
}
