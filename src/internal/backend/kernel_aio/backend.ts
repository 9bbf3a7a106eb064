/**
 * Linux kernel AIO: one context, one io_submit(2) a turn, completions read from the ring in user memory.
 *
 * What the interface is bad at, and what is done about it here:
 * - It is asynchronous for direct I/O only. A buffered transfer runs inside io_submit(2), and a cold one blocks it. So only transfers
 *   on O_DIRECT descriptors of files and disks are accepted (suitable.ts); buffered ones are tried without waiting by the engine, and
 *   then go to the pool.
 * - Even direct I/O waits in io_submit(2) at times: for room in the device's own queue, for the map of the file's blocks when that is
 *   not in memory, for a write that makes the file longer, and where a file system turns direct I/O into buffered I/O by itself
 *   (ext4 with data=journal, btrfs with compression, ...). The first is the common one: into a queue of 256, io_submit(2) of 256 reads
 *   takes 0.3 ms, of 1024 it takes 6, with RWF_NOWAIT too. For its sake the default of `entries` is what such a queue holds.
 * - There are seven operations. fsync runs on a kernel thread; old kernels (before 4.18) refuse it, and polls. Refused requests go to the
 *   pool, whose own call does them or tells why not.
 * - Transfers cannot be cancelled, only polls can. An interrupted direct read is waited for, as long as the disk takes.
 * - An interrupted poll whose io_cancel(2) is refused (a seccomp filter) ends all the same: the kernel writes to no memory for it. Its slot
 *   becomes free with its completion, or with the end of the context.
 * - A context of fixed size can be full of polls of idle pipes. So polls get half of it, and further ones go to the pool, which waits in an
 *   epoll set. If nothing ends for 100 ms in a full context (a hung file system), every new request goes to the pool.
 * - One bad block ends a batch: io_submit(2) takes only the blocks before it. The rest is submitted again, without the bad one.
 * - The kernel promises room for as many requests as the context was made for, and no more (EAGAIN), counting completions that have
 *   not been taken. A slot here stands for one of those, so the ring cannot overflow.
 * - Where the ring cannot be read, and io_getevents(2) is refused, no completion is told any more. io_destroy(2) ends all requests, and the
 *   pool then repeats those that can be repeated. A write cannot: it may have been done.
 * - Contexts are a limited good of the whole system (fs.aio-max-nr), and io_destroy(2) takes 30 ms: it runs in a thread.
 */
import type { Backend, BackendCounts, Host } from "../../engine/backend.ts"
import type { Entry } from "../../engine/operation.ts"
import type { Request } from "../../engine/request.ts"
import { Slot } from "../../engine/request.ts"
import { errno } from "../../native/errno.ts"
import { abandonAtExitOfWorker, forget } from "../../native/exit.ts"
import { IOCB_CMD } from "../../native/kernelAio.ts"
import { clearInterval, setInterval } from "../../native/loop.ts"
import { Reactor } from "../../native/reactor.ts"
import { POLLERR, POLLHUP } from "../../native/readiness.ts"
import { ioPriority } from "../ioPriority.ts"
import { rowOf } from "../row.ts"
import type { Context } from "./context.ts"
import { isSuitable } from "./suitable.ts"

/** Milliseconds between two looks at requests that have not ended. */
const RETRY_INTERVAL = 10

/** After so many looks at a full context in which nothing has ended, new requests go to the pool. */
const STALLED = 10

const isPoll = (request: Request): boolean => request.entry.kernelAio!.opcode === IOCB_CMD.POLL

export class KernelAioBackend implements Backend {
  readonly name = "kernel"
  /** No read that it accepts looks at the page cache: a try without waiting would gain nothing. */
  readonly answersCached = true
  inFlight = 0

  /**
   * By slot: this table is what keeps requests, and their buffers, alive while the kernel works on them. A slot is freed when its
   * completion has been taken from the ring, so there are never more requests in the kernel than it has room for.
   */
  private readonly slots: Array<Slot> = []
  private readonly freeSlots: Array<number> = []
  /** Slots whose blocks are written, and not in the kernel. */
  private unsubmitted: Array<Slot> = []
  /** Completions that did not come from the kernel. They are delivered like others. */
  private readonly ended: Array<{ readonly submission: Slot; readonly result: number }> = []
  /** Requests for the pool. A request that never had a slot has -1. */
  private punted: Array<Slot> = []
  /** Requests that have been asked to end and have not ended yet. */
  private readonly cancelling = new Set<Request>()
  private readonly reactor: Reactor
  private timer: NodeJS.Timeout | undefined
  /** Polls in slots. */
  private polls = 0
  /** Of the polls in slots, those whose requests have ended. */
  private givenUp = 0
  /** A request waits for a slot. */
  private full = false
  /** Nothing more is submitted: no completion would be told. */
  private isLost = false
  /** Looks since a request was last submitted or completed. */
  private looks = 0

  constructor(
    private readonly context: Context,
    private readonly host: Host
  ) {
    this.reactor = new Reactor(context.eventFd, () => host.wake())
    abandonAtExitOfWorker(this)
  }

  supports({ kernelAio }: Entry<any, any>): boolean {
    return kernelAio !== undefined
  }

  accepts({ entry: { kernelAio }, input }: Request): boolean {
    if (kernelAio === undefined || this.isLost) return false
    return kernelAio.suits?.(input) !== false && (kernelAio.transfers !== true || isSuitable(input))
  }

  submit(request: Request): boolean {
    if (this.isLost) return this.takeForPool(request)
    if (this.polls >= this.context.entries >> 1 && isPoll(request)) return this.takeForPool(request)
    const submission = this.freeSlot()
    if (submission === undefined) {
      if (this.full && this.looks >= STALLED) return this.takeForPool(request)
      this.full = true
      this.startTimer()
      return false
    }
    submission.encode(request.entry, request.input, request.bytes)
    this.freeSlots.pop()
    submission.request = request
    request.submission = submission
    this.inFlight++
    const form = request.entry.kernelAio!
    if (isPoll(request)) this.polls++
    form.prepare(this.context.select(submission.slot), submission)
    this.context.commit(submission.slot, form.transfers === true ? ioPriority(request.priority) : 0)
    this.unsubmitted.push(submission)
    return true
  }

  /** A free slot, which is still the last element of `freeSlots`; `undefined` when the context is full. */
  private freeSlot(): Slot | undefined {
    if (this.freeSlots.length === 0) {
      if (this.slots.length === this.context.entries) return undefined
      this.freeSlots.push(this.slots.length)
      this.slots.push(new Slot(this.slots.length))
    }
    return this.slots[this.freeSlots[this.freeSlots.length - 1]]
  }

  /** Takes over a request that the next `flush` hands to the pool: not at once, since the engine is still handing it over. */
  private takeForPool(request: Request): boolean {
    const submission = new Slot(-1)
    submission.request = request
    request.submission = submission
    this.inFlight++
    this.punted.push(submission)
    return true
  }

  beginTurn(): void {}

  flush(): void {
    if (this.unsubmitted.length > 0) this.enter()
    if (this.punted.length > 0) {
      const { punted } = this
      this.punted = []
      for (const submission of punted) this.punt(submission)
    }
  }

  private enter(): void {
    const waiting = this.cancelling.size === 0 ? this.unsubmitted : this.withoutCancelled()
    waiting.forEach(({ slot }, index) => this.context.point(index, slot))
    let taken = 0
    while (taken < waiting.length) {
      const result = this.context.submit(taken, waiting.length)
      if (result > 0) taken += result
      else if (result === -errno.EAGAIN || result === -errno.EINTR) break
      else if (this.refused(waiting[taken], result)) taken++
    }
    if (taken > 0) this.looks = 0
    this.unsubmitted = waiting.slice(taken)
    // A signal came, or there is no memory for requests: what was not taken is offered again.
    if (this.unsubmitted.length > 0) this.startTimer()
  }

  private withoutCancelled(): Array<Slot> {
    return this.unsubmitted.filter((submission) => {
      const { cancelled } = submission.request!
      if (cancelled) this.ended.push({ submission, result: -errno.ECANCELED })
      return !cancelled
    })
  }

  /** The kernel does not take this one. False if it is to be asked again. */
  private refused(submission: Slot, result: number): boolean {
    // It may be the priority that it does not like, which is not worth a failure.
    if ((result === -errno.EINVAL || result === -errno.EPERM) && this.context.withoutPriority(submission.slot)) {
      return false
    }
    if (result === -errno.EBADF) this.ended.push({ submission, result })
    // An operation that this kernel does not have, or not for this kind of file.
    else this.punted.push(submission)
    return true
  }

  private punt(submission: Slot): void {
    this.release(submission)
    this.host.punt(submission)
    this.reuse(submission)
  }

  get row(): number {
    return rowOf(this.inFlight)
  }

  reap(limit: number): number {
    let count = 0
    for (; count < limit && this.ended.length > 0; count++) {
      const { result, submission } = this.ended.pop()!
      this.complete(submission, result)
    }
    count += this.context.reap(limit - count, this.deliver)
    if (this.context.isLost && !this.isLost) void this.lose()
    if (this.hasCompletions) this.context.signal()
    return count
  }

  get hasCompletions(): boolean {
    return this.ended.length > 0 || this.context.ready > 0
  }

  private readonly deliver = (slot: number, result: number): void => {
    const submission = this.slots[slot]
    const { request } = submission
    if (request === null) return this.givenUpEnded(slot)
    if (result === -errno.EINTR && !request.cancelled) {
      this.unsubmitted.push(submission)
      return this.host.wake()
    }
    const { transfers } = request.entry.kernelAio!
    // It cannot be done without waiting, or not by this mechanism: the pool's own call decides.
    if (transfers ? result === -errno.EAGAIN || result === -errno.EOPNOTSUPP : result === -errno.EINVAL) {
      return this.punt(submission)
    }
    this.complete(submission, isPoll(request) && result >= 0 ? this.seen(slot, result) : result)
  }

  /** The events of a poll that its request waits for: a wake-up may tell of more. A cancelled poll has seen none. */
  private seen(slot: number, result: number): number {
    const events = result & (this.context.eventsOf(slot) | POLLERR | POLLHUP)
    return events === 0 ? -errno.ECANCELED : events
  }

  /** Gives up the context. Polls go to the pool at once, since they write into no memory. */
  private async lose(): Promise<void> {
    this.isLost = true
    this.punted.push(...this.unsubmitted.splice(0))
    const left = this.slots.filter(({ request, slot }) => request !== null && this.isInKernel(this.slots[slot]))
    this.punted.push(...left.filter(({ request }) => isPoll(request!)))
    this.host.wake()
    // io_destroy(2) was refused, too: memory that the kernel may still write to is kept.
    if (!(await this.context.end())) return
    for (const submission of left) {
      const { cancelled, entry } = submission.request ?? {}
      if (entry === undefined || isPoll(submission.request!)) continue
      if (cancelled || !entry.kernelAio!.writes) this.punted.push(submission)
      else this.ended.push({ submission, result: -errno.EIO })
    }
    this.host.wake()
  }

  private complete(submission: Slot, result: number): void {
    this.release(submission)
    this.host.complete(submission, result)
    this.reuse(submission)
  }

  /** Called before the engine is told of a submission's end. */
  private release({ request, slot }: Slot): void {
    this.inFlight--
    if (request!.cancelled) this.cancelling.delete(request!)
    if (slot === -1) return
    if (isPoll(request!)) this.polls--
    this.looks = 0
    if (this.full) {
      this.full = false
      this.host.wake()
    }
  }

  /** Called after the engine was told of a submission's end. */
  private reuse(submission: Slot): void {
    submission.clear()
    if (submission.slot !== -1) this.freeSlots.push(submission.slot)
  }

  cancel(request: Request): void {
    this.cancelling.add(request)
    this.startTimer()
    this.cancelInKernel(request)
  }

  /** Whether the kernel has the request, and does not end it. */
  private cancelInKernel(request: Request): boolean {
    const { submission } = request
    // Other requests cannot be cancelled: their completion is waited for. A poll ends with its own completion, if that is on its way.
    if (submission === null || submission.slot === -1 || !isPoll(request)) return false
    const result = this.context.cancel(submission.slot)
    return result < 0 && result !== -errno.EINPROGRESS && this.isInKernel(submission)
  }

  private isInKernel(submission: Slot): boolean {
    return (
      !this.unsubmitted.includes(submission) &&
      !this.punted.includes(submission) &&
      !this.ended.some((end) => end.submission === submission)
    )
  }

  /** Ends a cancelled poll that the kernel keeps: no memory of its request is in use. Its slot is in use until `givenUpEnded`. */
  private giveUp(submission: Slot): void {
    this.inFlight--
    this.givenUp++
    this.cancelling.delete(submission.request!)
    this.host.complete(submission, -errno.ECANCELED)
    submission.clear()
  }

  private givenUpEnded(slot: number): void {
    this.givenUp--
    this.polls--
    this.looks = 0
    this.full = false
    this.freeSlots.push(slot)
    this.host.wake()
  }

  private startTimer(): void {
    // Requests in flight keep the process alive through the reactor.
    this.timer ??= setInterval(this.tick, RETRY_INTERVAL).unref()
  }

  readonly tick = (): void => {
    this.looks++
    // io_cancel(2) was refused a second time: a poll that was about to complete at the first time has had the time to.
    for (const request of [...this.cancelling]) if (this.cancelInKernel(request)) this.giveUp(request.submission!)
    if (this.unsubmitted.length > 0 && this.looks >= STALLED) this.punted.push(...this.unsubmitted.splice(0))
    const isWaitedFor = this.full && this.looks < STALLED
    if (this.cancelling.size === 0 && !isWaitedFor && this.unsubmitted.length === 0) {
      clearInterval(this.timer)
      this.timer = undefined
    }
    this.host.wake()
  }

  get requestCounts(): BackendCounts {
    const ready = this.unsubmitted.length + this.punted.length
    const { inFlight, givenUp } = this
    // The completions in the ring may be of polls that were given up.
    const complete = Math.max(0, this.context.ready - givenUp)
    const pending = complete + this.ended.length
    return { ready, executing: inFlight - ready - pending, pending }
  }

  get descriptor(): number {
    return this.context.eventFd
  }

  forEachInFlight(visit: (request: Request) => void): void {
    for (const { request } of this.slots) if (request !== null) visit(request)
    for (const { request, slot } of this.punted) if (slot === -1) visit(request!)
  }

  watchCompletions(yes: boolean): void {
    this.reactor.watch(yes)
  }

  keepAlive(yes: boolean): void {
    this.reactor.keepAlive(yes)
  }

  prepareClose(): void {}

  async close(): Promise<void> {
    forget(this)
    clearInterval(this.timer)
    this.reactor.close()
    await this.context.close()
  }

  /** Cancels and waits for everything without the event loop: io_destroy(2) does both. */
  abandon(): void {
    this.context.destroy()
  }
}
