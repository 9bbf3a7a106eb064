/**
 * The part that all backends share: trying without waiting, queueing by priority, cancelling, and an orderly end. In each turn of the event
 * loop, requests are flushed once and completions reaped once.
 *
 * No Effect in here: plain objects, numbers and callbacks. What fibers submitted before a turn goes to the kernel in one call, and
 * completions that are there already are delivered in the same turn. turns.ts decides when there is a turn.
 */
import { errno } from "../native/errno.ts"
import { now, setImmediate } from "../native/loop.ts"
import { Attempts } from "./attempts.ts"
import { type Backend, type Host, takes } from "./backend.ts"
import { Blocking } from "./blocking.ts"
import type { Counters, Places } from "./counters.ts"
import type { Failed, LATER } from "./failed.ts"
import { guarded } from "./guarded.ts"
import { defaultLimits, type Limits } from "./limits.ts"
import type { Observer } from "./observer.ts"
import { closeAtOnce, type Descriptors, nativeDescriptors, type OpenDescriptor } from "./openDescriptor.ts"
import type { Entry, Operation } from "./operation.ts"
import { OverdueClock } from "./overdue.ts"
import { Queue } from "./queue.ts"
import { DONE, IN_FLIGHT, type Lane, QUEUED, type Request, type Slot } from "./request.ts"
import type { Submission } from "./submission.ts"
import { Turns } from "./turns.ts"
import { Watchdog } from "./watchdog.ts"

/** Completions between two looks at the clock. */
const TIME_CHECK = 32

/** A backend with the requests that wait for room in it. */
interface BackendLane extends Lane {
  readonly backend: Backend
  readonly queue: Queue
}

export class Engine implements Host {
  private readonly lanes: Array<BackendLane> = []
  private readonly overdueClock = new OverdueClock()
  private readonly watchdog = new Watchdog(() => (this.outstanding === 0 ? -1 : this.poll()))
  private readonly turns = new Turns(this)
  /** Whether a turn is under way. */
  isInTurn = false
  /** The lane that comes first in this turn. */
  private first = 0
  /** Requests held back by `maxOutstanding`. */
  private readonly gate = new Queue()
  /** Requests past the gate that have not ended. */
  private admitted = 0
  /** Told of every completion; `null` without observers. */
  observer: Observer | null = null
  /** Completions are not delivered: an observer is full. */
  private paused = false
  private onIdle: (() => void) | undefined
  /** No new requests. */
  closed = false
  /** The backends are gone: a turn that was scheduled before must not touch them. */
  ended = false
  /** Observers are not waited for. */
  private isUnobserved = false
  /** For callers that block the thread. */
  readonly blocking = new Blocking(this)
  readonly attempts: Attempts
  /** The mechanism that the engine was built for. */
  readonly backend: Backend
  /** Makes another backend, preferred to the others, when the first file is opened for direct I/O; `undefined` where there is none. */
  makeDirect: ((host: Host) => Backend | undefined) | undefined
  readonly counters: Counters = { submitted: 0, completed: 0, inline: 0, missed: 0, untried: 0, cancelled: 0 }

  /** `makeBackends` in order of preference: a request goes to the first that supports it. */
  constructor(
    makeBackends: (host: Host) => ReadonlyArray<Backend>,
    readonly limits: Limits = defaultLimits()
  ) {
    this.attempts = new Attempts(this)
    for (const backend of makeBackends(this)) this.lanes.push({ backend, queue: new Queue() })
    this.backend = this.lanes[0].backend
  }

  /** A file has been opened for direct I/O. */
  openedDirect(): void {
    const make = this.makeDirect
    this.makeDirect = undefined
    const backend = make?.(this)
    if (backend === undefined) return
    this.lanes.unshift({ backend, queue: new Queue() })
    this.blocking.watch(backend)
  }

  /** What the engine learns and does about descriptors without a request. */
  get descriptors(): Descriptors {
    return this.backend.descriptors ?? nativeDescriptors
  }

  /** The mechanisms, in order of preference. */
  get backends(): ReadonlyArray<Backend> {
    return this.lanes.map(({ backend }) => backend)
  }

  /** Requests submitted and not ended. */
  get outstanding(): number {
    return this.counters.submitted - this.counters.completed
  }

  /** Where they are: held back by `maxOutstanding`, not started, under way, complete but not delivered. */
  get places(): Places {
    if (this.ended) return { held: 0, ready: 0, executing: 0, pending: 0 }
    const { size: held } = this.gate
    let ready = 0
    let executing = 0
    let pending = 0
    for (const { backend, queue } of this.lanes) {
      const { requestCounts: counts } = backend
      ready += queue.size + counts.ready
      executing += counts.executing
      pending += counts.pending
    }
    return { held, ready, executing, pending }
  }

  /** Whether a request of this kind is to be tried without waiting: this turn's budget allows it, and it is the cheaper way. */
  mayTry(entry: Entry<any, any>): boolean {
    return this.attempts.mayTry(entry)
  }

  /**
   * The end of an operation that needs no waiting, or `LATER`. Asked where `mayTry` has just said yes. Never throws. `bytes`: as in
   * `Submission.encode`.
   */
  attempt<A>(operation: Operation<A>, bytes?: number): A | Failed | typeof LATER {
    return this.attempts.attempt(operation, bytes)
  }

  /** The same for an operation that has been encoded into a submission. */
  attemptEncoded<A>(operation: Operation<A>, submission: Submission): A | Failed | typeof LATER {
    return this.attempts.attemptEncoded(operation, submission)
  }

  /**
   * Accepts a request, whose `settled` is called exactly once: before this returns only where it goes to no backend, since its file, or the
   * engine, is closed.
   */
  submit(request: Request): void {
    const problem = request.file?.use()
    if (problem !== undefined) return this.refuse(request, -errno.EINVAL, problem)
    if (this.closed) return this.refuseAfterEnd(request)
    this.counters.submitted++
    if (this.observer !== null) this.observer.submitted(request)
    // Not before requests that wait already: a request that comes at the right moment must not overtake them.
    if (this.gate.size === 0 && this.admitted < this.limits.maxOutstanding) this.admit(request)
    else this.gate.push(request)
    if (request.mayBecomeOverdue) this.overdueClock.watch(request)
    this.watchdog.start()
    this.wake()
    if (request.isOfInterrupted) this.bypassBackpressure(request)
  }

  private refuse(request: Request, result: number, problem: unknown): void {
    request.result = result
    request.problem = problem
    request.settled(null)
  }

  /** No backend is left to run the request. A descriptor can still be closed, and must be. */
  private refuseAfterEnd(request: Request): void {
    request.file?.unuse()
    if (request.entry.finalOnInterrupt !== true) return this.refuse(request, -errno.ECANCELED, undefined)
    this.refuse(request, 0, closeAtOnce(this.descriptors, request.input.fd))
  }

  /** Called by backends, see `Host`. */
  takeLinked(leader: Request): boolean {
    const followers = leader.followers!
    if (this.admitted + followers.length > this.limits.maxOutstanding) return false
    this.counters.submitted += followers.length
    this.admitted += followers.length
    for (const request of followers) {
      request.lane = leader.lane
      request.state = IN_FLIGHT
      // The leader has been encoded, and so its followers have been: their files are open.
      request.file?.use()
      this.closes(request)
      request.takenLinked()
      this.observer?.submitted(request)
      this.observer?.started(request)
      if (request.mayBecomeOverdue) this.overdueClock.watch(request)
      if (request.isOfInterrupted) this.bypassBackpressure(request)
    }
    return true
  }

  /** A descriptor that a backend closes is not to be closed again at the end of this thread: its number may belong to another file by then. */
  private closes({ entry, input }: Request): void {
    if (entry.finalOnInterrupt === true) this.descriptors.disown(input.fd)
  }

  private admit(request: Request): void {
    this.admitted++
    request.lane = this.laneFor(request)
    request.lane.queue.push(request)
  }

  /** Lets requests through the gate as far as `maxOutstanding` allows. */
  private admitWaiting(): void {
    while (this.admitted < this.limits.maxOutstanding) {
      const request = this.gate.peek()
      if (request === null) return
      this.gate.remove(request)
      this.admit(request)
    }
  }

  /** Asks for an early end of a submitted request. `settled` is still called exactly once. */
  cancel(request: Request): void {
    if (request.state === DONE || request.cancelled) return
    // If a close were given up, its descriptor would stay open, and no code would know its number.
    if (request.entry.finalOnInterrupt === true) return this.bypassBackpressure(request)
    request.cancelled = true
    const { lane } = request
    if (request.state === QUEUED) {
      const queue = lane === null ? this.gate : lane.queue
      queue.remove(request)
      this.settle(request, -errno.ECANCELED, null)
    } else if (request.state === IN_FLIGHT) {
      lane!.backend.cancel(request)
      this.bypassBackpressure(request)
      this.wake()
    }
  }

  /** An interrupted fiber waits for the end of this request: the end is delivered although observers are slow. */
  bypassBackpressure(request: Request): void {
    if (this.observer === null || request.state === DONE) return
    this.observer.cancelled(request)
    this.resume()
  }

  /** Called by backends, see `Host`. */
  complete(submission: Slot, result: number): void {
    const request = submission.request!
    request.submission = null
    const problem = submission.copyFromBounceBuffers(result)
    if (problem !== undefined) {
      request.problem = problem
      return this.settle(request, -errno.EINVAL, null)
    }
    // Interrupted by our own cancelling signal: a cancelled request, whatever the mechanism calls it.
    this.settle(request, request.cancelled && result === -errno.EINTR ? -errno.ECANCELED : result, submission.memory)
  }

  /** Called by backends, see `Host`. */
  requeue(request: Request): void {
    request.lane!.queue.push(request)
    this.wake()
  }

  /** Called by backends, see `Host`. */
  punt(submission: Slot): void {
    const request = submission.request!
    request.submission = null
    if (request.cancelled) return this.settle(request, -errno.ECANCELED, null)
    request.lane = this.lanes[this.lanes.length - 1]
    request.lane.queue.push(request)
    this.wake()
  }

  /** Called by backends, see `Host`. */
  abort(request: Request, result: number): void {
    this.settle(request, result, null)
  }

  private settle(request: Request, result: number, memory: Submission | null): void {
    if (request.state === DONE) throw new Error(`second completion of a request (${request.entry.name})`)
    request.result = result
    if (this.observer !== null) this.observer.settled(request)
    request.state = DONE
    if (request.tick !== 0) this.overdueClock.forget(request)
    this.counters.completed++
    if (request.lane !== null) this.admitted--
    if (result === -errno.ECANCELED) this.counters.cancelled++
    request.file?.unuse()
    // Until the program owns the descriptor, it is closed with this thread.
    if (request.entry.producesDescriptor === true && result >= 0) this.descriptors.own(result)
    // Whatever `settled` throws is caught: the backend is reaping, and other requests wait for the completions behind this one.
    try {
      request.settled(memory)
    } catch (defect) {
      guarded(() => request.died(defect))
    }
    if (this.gate.size > 0) this.wake()
    if (this.onIdle !== undefined && this.outstanding === 0) this.finish()
  }

  private readonly settledInline = (request: Request, result: number, memory: Submission): void => {
    request.lane!.queue.remove(request)
    this.counters.inline++
    this.settle(request, result, memory)
  }

  /** Called by backends, see `Host`. */
  wake(): void {
    this.turns.ask()
  }

  /**
   * Refuses new requests, cancels what is outstanding, waits for it, frees everything, then calls `done`. The caller makes sure
   * that nothing is submitted afterwards.
   */
  close(done: () => void): void {
    this.closed = true
    this.pause(false)
    this.onIdle = done
    if (this.outstanding === 0) return this.finish()
    // Closes are not cancelled. They must not be held back by a limit either.
    this.limits.maxOutstanding = Number.POSITIVE_INFINITY
    for (const { backend } of this.lanes) backend.prepareClose()
    this.forEachOutstanding((request) => this.cancel(request))
    this.wake()
  }

  /** Visits the requests that exist when it is called. `visit` may end other requests, so that the queues must not be read meanwhile. */
  forEachOutstanding(visit: (request: Request) => void): void {
    const requests: Array<Request> = []
    const collect = (request: Request): void => void requests.push(request)
    this.gate.forEach(collect)
    for (const { backend, queue } of this.lanes) {
      queue.forEach(collect)
      backend.forEachInFlight(collect)
    }
    requests.forEach(visit)
  }

  /** Asks for an early end of all requests that name this file's descriptor. */
  cancelUsers(file: OpenDescriptor): void {
    this.forEachOutstanding((request) => {
      if (request.file?.includes(file) === true) this.cancel(request)
    })
  }

  private finish(): void {
    const done = this.onIdle!
    this.onIdle = undefined
    // Not while a backend is reaping: it is still reading the ring that this frees.
    setImmediate(() => {
      this.ended = true
      this.observer?.end()
      this.overdueClock.close()
      this.watchdog.close()
      this.blocking.close()
      void Promise.all(this.lanes.map(({ backend }) => backend.close())).then(done)
    })
  }

  private laneFor(request: Request): BackendLane {
    for (const lane of this.lanes) if (takes(lane.backend, request)) return lane
    return this.lanes[this.lanes.length - 1]
  }

  /** Called by `Turns`: the event loop has had its turn, and there is a new budget. */
  beginTurns(time: number): void {
    this.attempts.refill(this.room, time)
  }

  /** One turn: dispatches, enters the kernel, delivers at most `limit` completions. How many requests ended. */
  poll(limit = this.limits.maxPollRequests): number {
    this.beginTurns(now())
    return this.turn(limit, false)
  }

  /** Called by `Turns`: a turn within the budget of the previous one, which leaves to another what is more than a backend's `row`. */
  runTurn(limit: number): number {
    return this.turn(limit, true)
  }

  private turn(limit: number, inRows: boolean): number {
    // Not from inside a completion: the ring is being read.
    if (this.ended || this.isInTurn) return 0
    this.isInTurn = true
    try {
      return this.turnOnce(limit, inRows)
    } finally {
      this.isInTurn = false
    }
  }

  private turnOnce(limit: number, inRows: boolean): number {
    const { limits } = this
    const before = this.counters.completed
    const deadline = limits.maxPollTime === Number.POSITIVE_INFINITY ? limits.maxPollTime : now() + limits.maxPollTime
    let left = limit
    // Another backend comes first in every turn: a busy one must not use up the limits of the others.
    this.first = (this.first + 1) % this.lanes.length
    for (let i = 0; i < this.lanes.length; i++) {
      const lane = this.lanes[(this.first + i) % this.lanes.length]
      const { backend, queue } = lane
      backend.beginTurn()
      let reaped: number
      do {
        if (this.gate.size > 0) this.admitWaiting()
        if (this.observer !== null) this.observer.beginRow()
        if (queue.size > 0) this.dispatch(lane)
        backend.flush()
        if (this.observer !== null) this.observer.beginRow()
        const row = (inRows ? backend.row : undefined) ?? left
        reaped = this.reap(backend, Math.min(left, row, this.room), deadline)
        left -= reaped
        this.attempts.restrict(this.room)
        // Completions make room: fill it in this turn, as long as completions come and the turn is not over.
      } while (reaped > 0 && queue.size > 0 && left > 0 && now() < deadline)
      // The turn is over, but not the work: there is room that no completion would tell of, or there are completions left.
      if ((reaped > 0 && queue.size > 0) || (backend.hasCompletions && !this.paused)) this.wake()
      backend.keepAlive(backend.inFlight > 0)
    }
    if (this.observer !== null) this.observeTurn(this.observer)
    return this.counters.completed - before
  }

  /** How many completions may be delivered before an observer is full. */
  private get room(): number {
    return this.observer === null || this.closed || this.isUnobserved ? Number.POSITIVE_INFINITY : this.observer.room
  }

  private observeTurn(observer: Observer): void {
    observer.endTurn()
    this.attempts.restrict(this.room)
    this.pause(this.room === 0)
  }

  /** Observers have more room, or less. */
  resume(): void {
    this.attempts.restrict(this.room)
    this.pause(this.room === 0)
    this.wake()
  }

  /** While paused, nothing is delivered and nothing is finished without waiting. What was submitted goes on in the kernel. */
  private pause(yes: boolean): void {
    if (yes === this.paused) return
    this.paused = yes
    if (yes) this.attempts.restrict(0)
    // A descriptor that stays readable would wake the loop again and again.
    for (const { backend } of this.lanes) backend.watchCompletions?.(!yes)
  }

  private reap(backend: Backend, limit: number, deadline: number): number {
    if (deadline === Number.POSITIVE_INFINITY) return backend.reap(limit)
    let total = 0
    while (total < limit) {
      const count = backend.reap(Math.min(limit - total, TIME_CHECK))
      total += count
      if (count < TIME_CHECK || now() >= deadline) break
    }
    return total
  }

  /** Runs a function that blocks this thread until requests have ended. Observers take nothing meanwhile: waiting for them would never end. */
  unobserved(block: () => void): void {
    this.isUnobserved = true
    this.pause(false)
    try {
      block()
    } finally {
      this.isUnobserved = false
      this.resume()
    }
  }

  /** Completions wait to be delivered. */
  get hasCompletions(): boolean {
    return this.lanes.some(({ backend }) => backend.hasCompletions)
  }

  /** Moves queued requests into the backend until it is full. */
  private dispatch({ backend, queue }: BackendLane): void {
    this.attempts.ways.beginDispatch(queue.size + backend.inFlight)
    for (let request = queue.peek(); request !== null; request = queue.peek()) {
      const { entry } = request
      try {
        if (this.attempts.isToBeTried(request)) {
          if (this.attempts.isLeft) {
            request.triedInline = true
            if (this.attempts.attemptRequest(request, this.settledInline)) continue
          } else if (!backend.answersCached || entry.uring?.punted === true) {
            // Waiting for the next turn's budget is faster than a thread, and as fair.
            if (!this.paused) this.wake()
            return
          }
        }
        if (!backend.submit(request)) return
        queue.remove(request)
        request.state = IN_FLIGHT
        this.closes(request)
        if (this.observer !== null) this.observer.started(request)
      } catch (error) {
        if (request.state === QUEUED) queue.remove(request)
        request.problem = error
        this.settle(request, -errno.EINVAL, null)
      }
    }
  }
}
