/**
 * A pool of threads, each in one system call at a time: it runs every operation on every system.
 *
 * What threads are bad at, and what is done about it here: every program has some already, so they start on demand and end when idle;
 * workers of Node take tens of milliseconds to start, so the threads are not workers of Node; every request crosses to another core and
 * back, so cached requests are tried without a thread first, and the rings in shared memory are written and read in batches; a thread in a
 * call that may wait without end cannot be given up, so a signal wakes it.
 *
 * A handful of threads in calls that wait for a peer would stop everything else, the closing of files included. Transfers on pipes, sockets
 * and terminals therefore wait in an epoll set first (readinessQueue.ts). An open of a FIFO cannot; a thread that has been in an open for
 * long does not count for `maxParallel`.
 */
import { availableParallelism } from "node:os"
import type { Backend, BackendCounts, Host } from "../../engine/backend.ts"
import type { Operation } from "../../engine/operation.ts"
import { levelOf } from "../../engine/queue.ts"
import type { Request } from "../../engine/request.ts"
import { Slot } from "../../engine/request.ts"
import { EpollSet } from "../../native/epollSet.ts"
import { errno } from "../../native/errno.ts"
import { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from "../../native/loop.ts"
import { ONCE } from "../../native/machine/layout.ts"
import { Reactor } from "../../native/reactor.ts"
import { mayHavePeer, pollEvents } from "../../native/readiness.ts"
import { type Call, MAX_THREADS, Threads } from "../../native/threads.ts"
import { readdir } from "../../operation/catalogue.ts"
import { isProgram, type ProgramInput } from "../../operation/program.ts"
import { LockQueue } from "./lockQueue.ts"
import { ReadinessQueue } from "./readinessQueue.ts"

/** How many threads there are, and for how long. All can be changed while the pool runs. */
export interface ThreadControls {
  /** Threads that are started with the first request and stay. */
  minParallel: number
  /** Threads at most. 0: running threads end when the requests handed to them are done, and new requests wait. */
  maxParallel: number
  /** Idle threads that stay without a limit of time. */
  maxIdle: number
  /** Milliseconds after which the other idle threads end. */
  idleTimeout: number
}

export const defaultControls = (): ThreadControls => ({
  minParallel: 0,
  maxParallel: Math.max(4, availableParallelism()),
  maxIdle: Math.max(4, availableParallelism()),
  idleTimeout: 10_000
})

/** Milliseconds between two signals to a thread whose request has been asked to end. */
const RETRY_INTERVAL = 5

/** Milliseconds between two looks at opens: an open that is seen twice takes long. */
const LONG_OPEN = 20

/** After so many answers of EAGAIN from a descriptor that is ready, the request ends with EAGAIN. */
const MAX_REFUSALS = 100
/** Milliseconds between two looks at requests that wait outside of the epoll set, for lack of descriptors. */
const UNWATCHED = 10

/** After so many threads that ended at their start, with none left, requests fail instead of waiting. */
const MAX_FAILED_STARTS = 3

/**
 * Opens of a FIFO wait, and nothing tells beforehand that it is one. Transfers wait in spite of the epoll set: a write of more bytes than
 * there is room for, or a read whose bytes another reader has taken.
 */
const mayWaitForEver = ({ entry, input }: Operation<any>): boolean =>
  entry.producesDescriptor === true ||
  entry.mayWaitForEver === true ||
  (entry.awaits !== undefined &&
    ((input.offset === undefined && mayHavePeer(input.fd)) || (typeof input.to === "number" && mayHavePeer(input.to))))

/** The same of the step that a program is in. What it has opened itself may be anything, and a file server may not answer. */
const stepMayWaitForEver = (threads: Threads, slot: number, { steps }: ProgramInput): boolean => {
  const step = steps[threads.stepOf(slot)]
  if ("expect" in step) return false
  const { fd, operation } = step
  if (fd === undefined) return mayWaitForEver(operation)
  return operation.entry === readdir.entry || mayHavePeer(threads.resultOf(slot, fd))
}

export class ThreadsBackend implements Backend {
  readonly name = "threads"
  readonly answersCached = false
  inFlight = 0
  /** By slot: this table keeps requests, and their buffers, alive while a thread works on them. */
  private readonly slots: Array<Slot> = []
  private readonly cancelling = new Set<Request>()
  private readonly lockQueue = new LockQueue((request) => {
    this.inFlight--
    this.host.requeue(request)
  })
  private threads: Threads | undefined
  private epoll: EpollSet | undefined
  private readinessQueue: ReadinessQueue | undefined
  private reactor: Reactor | undefined
  private timer: NodeJS.Timeout | undefined
  /** Threads that ended before they had started their work, in a row. */
  private failedStarts = 0
  /** A request has needed a thread. */
  private used = false
  /** Opens in flight that take long. */
  private stuck = 0
  /** How many threads there may be, as the threads have been told. */
  private allowed = 0
  private maxIdle = 0
  private idleTimeout = 0
  private opensTimer: NodeJS.Timeout | undefined
  private unwatchedTimer: NodeJS.Timeout | undefined
  /** Opens that were in flight at the last look. */
  private opensSeen = new Set<Request>()
  /** Called when a thread has ended: by callers that wait for fewer threads. */
  private onFewer: Array<() => void> = []
  /** Answers of EAGAIN from descriptors that were ready. */
  private readonly refusals = new WeakMap<Request, number>()

  constructor(
    private readonly host: Host,
    readonly controls: ThreadControls = defaultControls()
  ) {}

  supports(): boolean {
    return true
  }

  accepts(): boolean {
    return true
  }

  /** Where no pool can be had, mechanisms beside it run what they can. */
  get runsPrograms(): boolean {
    return this.open() >= 0
  }

  /**
   * The pool's descriptors and shared memory; threads start on demand. Returns 0, or the error (`-errno`) where no descriptors are left for
   * it.
   */
  open(): number {
    if (this.threads !== undefined) return 0
    const threads = new Threads(this.onEnd)
    const epoll = new EpollSet()
    const failure = Math.min(threads.eventFd, epoll.fd)
    if (failure < 0) {
      threads.discard()
      epoll.close()
      return failure
    }
    epoll.watch(threads.eventFd)
    this.threads = threads
    this.epoll = epoll
    this.readinessQueue = new ReadinessQueue(epoll)
    this.reactor = new Reactor(epoll.fd, () => this.host.wake())
    this.configure()
    return 0
  }

  /** Makes changed `controls` known to the threads, and starts or ends as many as they ask for. */
  configure(): void {
    // After the end of its Layer no thread is started any more.
    if (this.isClosed) return this.lookAgain()
    const { idleTimeout, maxIdle, maxParallel, minParallel } = this.controls
    this.maxIdle = Math.min(Math.max(maxIdle, minParallel), MAX_THREADS)
    this.idleTimeout = idleTimeout
    this.allow(maxParallel === 0 ? 0 : maxParallel + this.stuck)
    this.lookAgain()
    this.host.wake()
  }

  /** Tells the threads how many of them there may be. */
  private allow(threads: number): void {
    this.allowed = Math.min(threads, MAX_THREADS)
    this.threads?.configure(this.allowed, this.maxIdle, this.idleTimeout)
  }

  /** While requests wait for a thread: an open that takes long is one of a FIFO, and waits for a peer. */
  private watchOpens(): void {
    this.opensTimer ??= setTimeout(this.lookAtOpens, LONG_OPEN).unref()
  }

  private readonly lookAtOpens = (): void => {
    clearTimeout(this.opensTimer)
    this.opensTimer = undefined
    const seen = this.opensSeen
    this.opensSeen = new Set()
    this.slots.forEach((submission) => {
      const { isStuck, request, slot } = submission
      if (request === null || isStuck || !this.threads!.hasStarted(slot)) return
      const mayWait = isProgram(request)
        ? stepMayWaitForEver(this.threads!, slot, request.input)
        : submission.steps === null && mayWaitForEver(request)
      if (!mayWait) return
      if (seen.has(request)) {
        submission.isStuck = true
        this.stuck++
      } else this.opensSeen.add(request)
    })
    this.lookAgain()
    this.host.wake()
  }

  /** Calls `done` when there are no more than `limit` threads, without those that are stuck, or when more are allowed again. */
  whenAtMost(limit: number, done: () => void): void {
    const most = Math.max(limit, this.controls.maxParallel)
    const reached = this.threadCount <= (most === 0 ? 0 : most + this.stuck)
    if (!reached) this.watchOpens()
    if (reached) done()
    else this.onFewer.push(() => this.whenAtMost(limit, done))
    this.keepAlive(this.inFlight > 0)
  }

  private isClosed = false

  private lookAgain(): void {
    for (const look of this.onFewer.splice(0)) look()
    this.keepAlive(this.inFlight > 0)
  }

  get threadCount(): number {
    return this.threads?.count ?? 0
  }

  get idleThreads(): number {
    return this.threads?.idle ?? 0
  }

  submit(request: Request): boolean {
    const failure = this.open()
    if (failure < 0) {
      // Not before the next turn: a request must not end while it is being taken over.
      this.inFlight++
      setImmediate(() => {
        this.inFlight--
        this.host.abort(request, failure)
      })
      return true
    }
    const threads = this.threads!
    const level = levelOf(request.priority)
    const slot = threads.freeSlot(level)
    if (slot === -1 || this.controls.maxParallel === 0) return false
    this.slots[slot] ??= new Slot(slot)
    const submission = this.slots[slot]
    submission.encode(request.entry, request.input, request.bytes)
    if (request.entry.awaits !== undefined && this.readinessQueue!.park(request)) {
      submission.clear()
      this.inFlight++
      this.watchUnwatched()
      return true
    }
    this.used = true
    this.lockQueue.enter(submission, request.entry)
    threads.push(submission, level)
    submission.request = request
    request.submission = submission
    this.inFlight++
    return true
  }

  beginTurn(): void {
    this.readinessQueue?.forEachReady((request) => {
      this.inFlight--
      this.host.requeue(request)
    })
    this.watchUnwatched()
  }

  private watchUnwatched(): void {
    if (this.readinessQueue?.isUnwatched === true)
      this.unwatchedTimer ??= setTimeout(this.lookAtUnwatched, UNWATCHED).unref()
  }

  private readonly lookAtUnwatched = (): void => {
    this.unwatchedTimer = undefined
    this.host.wake()
  }

  flush(): void {
    const { threads } = this
    if (threads === undefined) return
    threads.publish()
    const { maxParallel, minParallel } = this.controls
    // With 0, the threads that exist do what was handed over.
    if (maxParallel === 0) return
    // Twice the number of stuck threads: where one open waits for a peer, the next in the queue often does, too.
    const most = Math.min(maxParallel + 2 * this.stuck, MAX_THREADS)
    const { waiting } = threads
    if (waiting > 0) this.watchOpens()
    if (threads.count >= most) return
    // Surplus threads leave by the idle timeout, or when the controls are set.
    if (most > this.allowed) this.allow(most)
    // Threads that are starting, idle, or between two calls will take a request each. A thread that ends instead tells so.
    const needed = threads.unfinished - threads.count
    // Slots of cancelled calls become free through a thread.
    const least = Math.max(this.used ? minParallel : 0, threads.queued > 0 ? 1 : 0)
    const wanted = Math.min(Math.max(needed, least - threads.count), most - threads.count)
    for (let i = 0; i < wanted; i++) threads.start()
  }

  reap(limit: number): number {
    return this.threads === undefined ? 0 : this.threads.take(limit, this.deliver)
  }

  get hasCompletions(): boolean {
    return this.threads?.hasCompletions === true
  }

  get requestCounts(): BackendCounts {
    const { threads } = this
    return threads === undefined
      ? { ready: 0, executing: 0, pending: 0 }
      : {
          ready: threads.waiting,
          executing: threads.executing + this.readinessQueue!.size + this.lockQueue.size,
          pending: threads.pending
        }
  }

  get descriptor(): number {
    const failure = this.open()
    return failure < 0 ? failure : this.epoll!.fd
  }

  private readonly deliver = (slot: number, result: number): void => {
    const submission = this.slots[slot]
    this.inFlight--
    if (submission.isStuck) this.stuck--
    this.cancelling.delete(submission.request!)
    this.lockQueue.leave(submission)
    if (result === -errno.EAGAIN && (this.asksLater(submission) || this.waitsAfterAll(submission))) return
    if (submission.steps !== null) this.threads!.results(submission as Call)
    else submission.atEnd = submission.mode !== ONCE && result >= 0 && this.threads!.reachedEnd(slot)
    const { entry } = submission.request!
    this.host.complete(submission, entry.syscallResult?.(submission, result) ?? result)
    submission.clear()
  }

  /** Takes back a request that has asked for a lock, which others have. */
  private asksLater(submission: Slot): boolean {
    const request = submission.request!
    if (submission.lockWait !== "asks" || request.cancelled) return false
    submission.clear()
    request.submission = null
    this.inFlight++
    this.lockQueue.park(request)
    return true
  }

  /** Takes back a request on a descriptor with O_NONBLOCK: it waits for its peer, and is tried again. */
  private waitsAfterAll(submission: Slot): boolean {
    const request = submission.request!
    const { cancelled, entry, input } = request
    const awaited = cancelled ? undefined : entry.awaitsAfterRefusal?.(input)
    if (awaited === undefined) return false
    const isReady = pollEvents(awaited.fd, awaited.events, 0) !== 0
    const refusals = (this.refusals.get(request) ?? 0) + 1
    if (isReady ? refusals > MAX_REFUSALS : !this.readinessQueue!.park(request, awaited)) return false
    submission.clear()
    request.submission = null
    if (isReady) {
      this.refusals.set(request, refusals)
      this.host.requeue(request)
    } else {
      this.inFlight++
      this.watchUnwatched()
    }
    return true
  }

  /** A thread has ended, or could not be started. */
  private readonly onEnd = (how: "retired" | "stillborn"): void => {
    const threads = this.threads!
    this.failedStarts = how === "stillborn" ? this.failedStarts + 1 : 0
    // The threads that exist go on, and each of their completions is a turn in which another start is tried.
    if (how === "stillborn" && threads.count > 0) return
    if (this.failedStarts >= MAX_FAILED_STARTS) {
      // No thread can be started (RLIMIT_NPROC, memory): requests would wait for one without end.
      this.failedStarts = 0
      this.slots.forEach(({ request, slot }) => {
        if (request !== null && threads.cancel(slot) === "dequeued") this.deliver(slot, -errno.EAGAIN)
      })
    }
    this.lookAgain()
    this.host.wake()
  }

  cancel(request: Request): void {
    if (this.readinessQueue?.leave(request) === true || this.lockQueue.remove(request)) {
      this.inFlight--
      this.host.abort(request, -errno.ECANCELED)
      return
    }
    // The request is about to fail because there is no pool.
    if (request.submission === null) return
    const { slot } = request.submission
    const answer = this.threads!.cancel(slot)
    if (answer === "dequeued") {
      // The slot becomes free later; the request does not need it any more.
      this.deliver(slot, -errno.ECANCELED)
    } else {
      this.cancelling.add(request)
      if (this.timer === undefined) this.timer = setInterval(this.tick, RETRY_INTERVAL).unref()
    }
  }

  readonly tick = (): void => {
    if (this.opensTimer !== undefined) this.lookAtOpens()
    for (const { submission } of this.cancelling) if (submission !== null) this.threads!.cancel(submission.slot)
    if (this.cancelling.size === 0) {
      clearInterval(this.timer)
      this.timer = undefined
    }
  }

  forEachInFlight(visit: (request: Request) => void): void {
    this.readinessQueue?.forEach(visit)
    this.lockQueue.forEach(visit)
    // Slots that were never used are holes of the array, which `forEach` skips.
    this.slots.forEach(({ request }) => {
      if (request !== null) visit(request)
    })
  }

  watchCompletions(yes: boolean): void {
    this.reactor?.watch(yes)
  }

  keepAlive(yes: boolean): void {
    // A caller waits for the end of threads.
    this.reactor?.keepAlive(yes || this.onFewer.length > 0)
  }

  prepareClose(): void {
    if (this.controls.maxParallel > 0) return
    this.controls.maxParallel = 1
    this.configure()
  }

  async close(): Promise<void> {
    this.isClosed = true
    clearInterval(this.timer)
    clearTimeout(this.opensTimer)
    clearTimeout(this.unwatchedTimer)
    this.lockQueue.close()
    this.reactor?.close()
    this.epoll?.close()
    await this.threads?.close()
  }
}
