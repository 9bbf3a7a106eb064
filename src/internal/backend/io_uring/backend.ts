/**
 * io_uring: one ring, entered once a turn.
 *
 * What the interface is bad at, and what is done about it here:
 * - It is often forbidden (seccomp in containers, the sysctl kernel.io_uring_disabled) and old kernels lack opcodes: the Layer fails
 *   with the reason, and operations without an opcode go to the thread pool.
 * - Calls that may sleep (statx, unlinkat, fsync, buffered writes on ext4) run on kernel workers, one wake-up each: cached answers
 *   are therefore tried without waiting first.
 * - A cancel can miss: the target may just be moving between the ring, a poll and a worker. It is asked again until the target's
 *   own completion is there, and only that completion counts.
 * - It opens a FIFO without waiting for the other side (it opens with O_NONBLOCK first): see fifo.ts.
 * - It does not move the position of a file when a transfer at the position ends short, and it answers reads of FUSE files with bytes that
 *   are not in the file. So it gets transfers with an offset on files of local file systems, and transfers without one on descriptors that
 *   have no position.
 * - It can be taken away, or starve (see `isRefused` and `starving`): the pool goes on with what the kernel has not taken.
 * - A queue of fixed size can be full of requests that wait without end (reads of idle pipes). The limit on requests in flight is for
 *   priorities, not for safety, so it gives way when nothing completes; the kernel keeps overflowing completions (IORING_FEAT_NODROP).
 */
import type { Backend, BackendCounts, Host } from "../../engine/backend.ts"
import type { Entry } from "../../engine/operation.ts"
import type { Request } from "../../engine/request.ts"
import { Slot } from "../../engine/request.ts"
import { errno } from "../../native/errno.ts"
import { abandonAtExitOfWorker, forget } from "../../native/exit.ts"
import { syscall } from "../../native/libc.ts"
import { clearInterval, now, setInterval } from "../../native/loop.ts"
import { Mounts } from "../../native/mounts.ts"
import { Reactor } from "../../native/reactor.ts"
import { POLLIN, pollEvents } from "../../native/readiness.ts"
import { NR } from "../../native/syscalls.ts"
import { OF_OPEN } from "../../native/threadCleanup.ts"
import { IORING_OP, IOSQE_ASYNC, IOSQE_IO_LINK } from "../../native/uring.ts"
import { ioPriority } from "../ioPriority.ts"
import { rowOf } from "../row.ts"
import { Chains } from "./chains.ts"
import { CopyBudget } from "./copyBudget.ts"
import { FifoOpens } from "./fifo.ts"
import { Loads, OF_LOAD } from "./loads.ts"
import type { Ring } from "./ring.ts"
import { OF_TIMEOUT, writeTimeout } from "./timeouts.ts"

/** High half of the user data: which request's completion it is. The low half is a slot. */
const OF_REQUEST = 0
const OF_CANCEL = 1
// OF_TIMEOUT, 2: of the timer of a request, see timeouts.ts.
// OF_OPEN, 3: of a request whose result is a descriptor, which has to be closed. OF_LOAD, 4, and those above it: see loads.ts.

const HIGH = 4294967296

/** Milliseconds between two looks at cancels that have not ended yet, and at a full ring in which nothing completes. */
const RETRY_INTERVAL = 10

/** After so many looks at entries for which the kernel has no memory, the pool runs these requests. */
const STARVED = 10

const ownerOf = ({ producesDescriptor, uring }: Entry<any, any>): number =>
  producesDescriptor === true || uring!.loads === true ? OF_OPEN : OF_REQUEST

export class IoUringBackend implements Backend {
  readonly name = "io_uring"
  readonly answersCached = true
  inFlight = 0

  /** By slot: this table is what keeps requests, and their buffers, alive while the kernel works on them. */
  private readonly slots: Array<Slot> = []
  private readonly freeSlots: Array<number> = []
  /** Submissions to be handed to the kernel once more. */
  private toRepeat: Array<{ readonly submission: Slot; readonly sqeFlags: number }> = []
  /**
   * io_uring_enter(2) was refused for good. The pool runs the requests that the ring has not taken, and all that come from now on. What the
   * kernel has taken is waited for, and its memory kept: completions still arrive in the ring.
   */
  isRefused = false
  /** Looks since the kernel last had memory for requests that are offered to it. */
  private starving = 0
  /** Requests for the pool, without a slot. */
  private punted: Array<Slot> = []
  /** Requests whose cancel has not been submitted yet. */
  private toCancel: Array<Request> = []
  /** Requests that have been asked to end and have not ended yet. */
  private readonly cancelling = new Set<Request>()
  private readonly chains: Chains
  private readonly fifos = new FifoOpens()
  private readonly loads: Loads
  private readonly mounts = new Mounts()
  private readonly reactor: Reactor
  /** Requests allowed in flight. Grows while nothing completes. */
  private limit: number
  private timer: NodeJS.Timeout | undefined
  private full = false
  private completions = 0
  private readonly copies = new CopyBudget()
  private completionsAtLastTick = 0
  /** Whether the last request was a transfer. */
  private lastTransfers = false

  constructor(
    private readonly ring: Ring,
    private readonly host: Host
  ) {
    this.limit = ring.completionEntries
    this.chains = new Chains(ring)
    this.loads = new Loads(ring, this.fifos, this)
    this.reactor = new Reactor(ring.fd, () => host.wake())
    abandonAtExitOfWorker(this)
  }

  linksAfter({ uring }: Entry<any, any>): boolean {
    return uring?.breaksChain === true
  }

  get keepsDeadlines(): boolean {
    return this.ring.supported.has(IORING_OP.LINK_TIMEOUT)
  }

  get loadsFiles(): boolean {
    return !this.isRefused && this.loads.isPossible
  }

  supports({ uring }: Entry<any, any>): boolean {
    return uring !== undefined && this.ring.supported.has(uring.opcode)
  }

  accepts({ entry, input }: Request): boolean {
    return this.supports(entry) && entry.uring!.suits?.(input) !== false
  }

  submit(request: Request): boolean {
    const { loads } = request.entry.uring!
    if (this.isRefused && !loads) return this.takeForPool(request)
    if (this.inFlight >= this.limit || !this.hasRoom()) {
      this.full = true
      this.startTimer()
      return false
    }
    const { followers } = request
    if (followers !== undefined && this.submitChain(request, followers)) return true
    const submission = this.freeSlot()
    submission.encode(request.entry, request.input, request.bytes)
    this.freeSlots.pop()
    submission.request = request
    request.submission = submission
    this.inFlight++
    if (loads) this.loads.start(submission)
    else this.write(submission, this.isForWorker(submission) ? IOSQE_ASYNC : 0)
    return true
  }

  /** Whether the request would keep this thread busy, or waiting for a disk or a server, within io_uring_enter(2). */
  private isForWorker(submission: Slot): boolean {
    const { entry, input } = submission.request!
    if (entry.producesDescriptor === true) {
      const { a0, a1, a2, cell } = submission
      // Where the path is in the cell, it stands behind the bytes that statx(2) writes there.
      return this.mounts.mayWaitToOpen(a0 as number, a1 as number, a2 as number, cell)
    }
    return entry.uring!.heavy?.(submission, input) === true || this.copies.isTooMuch(submission)
  }

  /**
   * Writes a chain of linked entries (IOSQE_IO_LINK), which the kernel runs in order, up to the first failure or short transfer. All or
   * none: false when the chain does not fit into the ring, or when a member needs more than its entry. Then the engine submits the members
   * one after the other.
   */
  private submitChain(leader: Request, followers: ReadonlyArray<Request>): boolean {
    const { ring } = this
    const length = followers.length + 1
    if (length > ring.entries || this.inFlight + length > this.limit) return false
    if (ring.room < length) this.enter()
    if (ring.room < length) return false
    const requests = [leader, ...followers]
    const submissions: Array<Slot> = []
    if (!this.encodeChain(requests, submissions) || !this.host.takeLinked(leader)) {
      for (const submission of submissions) {
        submission.clear()
        this.freeSlots.push(submission.slot)
      }
      return false
    }
    this.chains.begin(submissions)
    submissions.forEach((submission, index) => {
      requests[index].submission = submission
      const heavy = this.isForWorker(submission) ? IOSQE_ASYNC : 0
      this.write(submission, heavy | (index < followers.length ? IOSQE_IO_LINK : 0))
    })
    this.inFlight += length
    return true
  }

  /**
   * Takes a slot for each request and encodes it there; false when one of them cannot be part of a chain. The slots taken are in
   * `submissions`.
   */
  private encodeChain(requests: ReadonlyArray<Request>, submissions: Array<Slot>): boolean {
    try {
      for (const request of requests) {
        const { entry, input } = request
        // An open that turns out to be of a FIFO is submitted again, alone.
        if (!this.accepts(request) || entry.producesDescriptor === true) return false
        const submission = this.freeSlot()
        submission.encode(entry, input, request.bytes)
        this.freeSlots.pop()
        submissions.push(submission)
        submission.request = request
      }
      return true
    } catch {
      // A bad argument: it is found again when the request's turn has come.
      return false
    }
  }

  /** A free slot, which is still the last element of `freeSlots`. */
  private freeSlot(): Slot {
    if (this.freeSlots.length === 0) {
      this.freeSlots.push(this.slots.length)
      this.slots.push(new Slot(this.slots.length))
    }
    return this.slots[this.freeSlots[this.freeSlots.length - 1]]
  }

  private write(submission: Slot, sqeFlags: number): void {
    submission.request!.entry.uring!.prepare(this.ring, submission)
    const { deadline, entry, priority } = submission.request!
    this.lastTransfers = entry.moves !== undefined
    // Both entries in one call, or none. Without the second, a timer of the engine cancels the request.
    const timed = deadline !== undefined && this.ring.room >= 2
    this.ring.commit(
      timed ? sqeFlags | IOSQE_IO_LINK : sqeFlags,
      entry.uring!.takesPriority === true ? ioPriority(priority) : 0,
      submission.slot,
      ownerOf(entry)
    )
    if (timed) writeTimeout(this.ring, submission, deadline)
  }

  /** Submits an open for a kernel worker, where it waits. Called by `Loads`, too. */
  openAgain(submission: Slot): void {
    this.startTimer()
    this.again(submission, IOSQE_ASYNC)
  }

  /** Hands a submission to the kernel once more. */
  private again(submission: Slot, sqeFlags: number): void {
    this.toRepeat.push({ submission, sqeFlags })
    this.host.wake()
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

  private passToPool(): void {
    const followers = this.chains.giveUp()
    for (const { high, low } of this.ring.takeBack()) {
      const submission = this.slots[low]
      if (this.isOfLoad(submission, high)) {
        this.loads.completed(submission, high, -errno.ECANCELED)
        continue
      }
      if (high !== OF_REQUEST && high !== OF_OPEN) continue
      const isFollower = followers.has(submission)
      // The engine runs followers one by one. An open of a FIFO that has been tried once has a descriptor to give back.
      if (isFollower || submission.request!.cancelled) this.deliver(low, high, -errno.ECANCELED)
      else if (this.fifos.has(submission.request!)) this.deliver(low, high, -errno.EIO)
      else this.punt(submission)
    }
    const { punted } = this
    this.punted = []
    for (const submission of punted) this.punt(submission)
  }

  private punt(submission: Slot): void {
    this.inFlight--
    this.cancelling.delete(submission.request!)
    this.host.punt(submission)
    submission.clear()
    if (submission.slot !== -1) this.freeSlots.push(submission.slot)
  }

  beginTurn(): void {
    this.mounts.beginTurn()
    this.copies.beginTurn()
  }

  flush(): void {
    this.submitAll()
    if (this.isRefused) this.passToPool()
  }

  private submitAll(): void {
    if (this.toRepeat.length > 0) {
      const repeats = this.toRepeat
      this.toRepeat = []
      for (const { submission, sqeFlags } of repeats) {
        if (this.hasRoom()) this.write(submission, sqeFlags)
        else this.again(submission, sqeFlags)
      }
    }
    if (this.toCancel.length > 0) {
      const targets = this.toCancel
      this.toCancel = []
      for (const request of targets) this.writeCancel(request)
    }
    if (this.ring.unsubmitted > 0 || (this.ring.needsEnter && !this.isRefused)) this.enter()
  }

  /** Called by `Loads`. */
  enter(): void {
    const result = this.ring.enter()
    this.chains.afterEnter()
    // No memory for requests, too many overflowed completions, or a signal: entries that were not taken stay in the ring, and the next turn
    // offers them again. Any other error: the mechanism has been taken away (a seccomp filter, a descriptor that other code closed).
    if (result < 0 && result !== -errno.EAGAIN && result !== -errno.EBUSY && result !== -errno.EINTR) {
      this.isRefused = true
      this.startTimer()
    }
    if (result === -errno.EAGAIN) this.startTimer()
    else this.starving = 0
    if (this.ring.unsubmitted > 0) this.host.wake()
  }

  /** Whether an entry can be written, if necessary after an `enter`. */
  private hasRoom(): boolean {
    if (this.ring.room === 0) this.enter()
    return this.ring.room > 0
  }

  /** Of transfers that a disk is busy with. Kernel workers that are woken more often take more of this thread's time than they win. */
  get row(): number | undefined {
    return this.lastTransfers && !this.ring.answersAtOnce ? rowOf(this.inFlight) : undefined
  }

  reap(limit: number): number {
    let count = this.ring.reap(limit, this.deliver)
    while (this.loads.areWaiting && count < limit && this.loads.goOn()) {
      this.enter()
      count += this.ring.reap(limit - count, this.deliver)
      // The kernel takes no more for now.
      if (this.ring.unsubmitted > 0) break
    }
    this.completions += count
    return count
  }

  get hasCompletions(): boolean {
    return this.ring.ready > 0 || this.loads.areWaiting || (this.ring.needsEnter && !this.isRefused)
  }

  private readonly deliver = (slot: number, owner: number, result: number): void => {
    const submission = this.slots[slot]
    if (this.isOfLoad(submission, owner)) return this.loads.completed(submission, owner, result)
    // The answer to a cancel or a timeout decides nothing: only the target's own completion ends the request.
    if (owner !== OF_REQUEST && owner !== OF_OPEN) return
    const request = submission.request!
    if (this.chains.wasCut(submission)) result = -errno.ECANCELED
    // The kernel's own codes for "a signal came, start again" (ERESTARTSYS and its like) are not for user space, but a cancelled
    // open on a worker shows them.
    if (result <= -512 && result >= -516 && result !== -515) result = -errno.EINTR
    if (request.entry.producesDescriptor === true) {
      const verdict = this.fifos.settle(submission, result)
      if (verdict === undefined) return this.openAgain(submission)
      result = verdict
    }
    if (result === -errno.EINTR) {
      if (request.entry.finalOnInterrupt === true) result = 0
      else if (request.deadline !== undefined && now() >= request.deadline) result = -errno.ECANCELED
      else if (!request.cancelled) return this.again(submission, 0)
    }
    this.end(submission, result)
  }

  private isOfLoad(submission: Slot, owner: number): boolean {
    return owner >= OF_LOAD || (owner === OF_OPEN && this.loads.has(submission))
  }

  /** Delivers the end of a request. */
  end(submission: Slot, result: number): void {
    const request = submission.request!
    this.inFlight--
    if (this.full && this.inFlight < this.limit) {
      this.full = false
      this.host.wake()
    }
    if (request.cancelled) this.cancelling.delete(request)
    // With O_NONBLOCK some kernels wait for the peer and some do not: the pool then waits for the descriptor.
    if (result === -errno.EAGAIN && request.entry.awaitsAfterRefusal?.(request.input) !== undefined)
      this.host.punt(submission)
    else this.host.complete(submission, result)
    submission.clear()
    this.freeSlots.push(submission.slot)
  }

  cancel(request: Request): void {
    this.cancelling.add(request)
    this.toCancel.push(request)
    this.startTimer()
  }

  private writeCancel(request: Request): void {
    const { submission } = request
    // The request has ended meanwhile.
    if (submission === null || submission.slot === -1) return
    if (!this.hasRoom()) {
      this.toCancel.push(request)
      return
    }
    // The target is named by its user data.
    const owner = request.entry.uring!.loads ? this.loads.entryToCancel(submission) : ownerOf(request.entry)
    if (owner === -1) return
    if ((this.isRefused || this.starving > 0) && this.ring.cancelNow(submission.slot, owner)) return
    this.ring.prepare(IORING_OP.ASYNC_CANCEL, -1, owner * HIGH + submission.slot, 0, 0, 0)
    this.ring.commit(0, 0, submission.slot, OF_CANCEL)
  }

  private startTimer(): void {
    if (this.timer !== undefined) return
    this.completionsAtLastTick = this.completions
    this.timer = setInterval(this.tick, RETRY_INTERVAL)
    // Requests in flight keep the process alive through the reactor.
    this.timer.unref()
  }

  readonly tick = (): void => {
    for (const request of this.cancelling) this.toCancel.push(request)
    this.fifos.forEachReady((request) => this.toCancel.push(request))
    // Next to nothing has completed since the last look: most of the ring waits for peers that may never come.
    if (this.full && this.completions - this.completionsAtLastTick <= this.limit >> 6) {
      this.limit += this.ring.completionEntries
      this.full = false
    } else if (this.inFlight < this.ring.completionEntries) this.limit = this.ring.completionEntries
    this.completionsAtLastTick = this.completions
    // Completions have overflowed, or the kernel has work for this thread: another call may be allowed.
    if (this.isRefused && this.ring.needsEnter) this.enter()
    const waits = (this.isRefused && this.inFlight > 0) || this.ring.unsubmitted > 0
    if (this.ring.unsubmitted > 0 && ++this.starving >= STARVED) this.passToPool()
    if (this.cancelling.size === 0 && this.fifos.size === 0 && !this.full && !waits) {
      clearInterval(this.timer)
      this.timer = undefined
    }
    this.host.wake()
  }

  get requestCounts(): BackendCounts {
    const { ready: pending, unsubmitted } = this.ring
    return { ready: unsubmitted, executing: Math.max(0, this.inFlight - pending - unsubmitted), pending }
  }

  get descriptor(): number {
    return this.ring.fd
  }

  forEachInFlight(visit: (request: Request) => void): void {
    for (const { request } of this.slots) if (request !== null) visit(request)
    for (const { request } of this.punted) visit(request!)
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
    this.mounts.close()
    this.ring.close()
  }

  /** Cancels everything and waits for it without the event loop, at most a second. */
  abandon(): void {
    this.inFlight -= this.loads.idle
    for (let round = 0; round < 100 && this.inFlight > 0; round++) {
      this.forEachInFlight((request) => this.writeCancel(request))
      this.ring.enter()
      pollEvents(this.ring.fd, POLLIN, RETRY_INTERVAL)
      this.ring.reap(Number.POSITIVE_INFINITY, (slot, owner, result) => {
        if (owner === OF_OPEN && result >= 0) syscall(NR.close, result)
        else if (owner === OF_CANCEL || owner === OF_TIMEOUT) return
        if (this.isOfLoad(this.slots[slot], owner) && !this.loads.abandoned(this.slots[slot])) return
        this.slots[slot].clear()
        this.inFlight--
      })
    }
    this.ring.close()
  }
}
