/**
 * The part all backends share: trying without waiting, queueing by priority, one flush and one drain per turn of the event loop,
 * cancelling, and an orderly end.
 *
 * No Effect in here: plain objects, numbers and callbacks. One turn is one `setImmediate`: whatever fibers submitted before it goes
 * to the kernel in one call, and completions that are there already are delivered in the same turn.
 */
import { errno } from "../native/errno.ts"
import { BadArgument } from "../operation/arguments.ts"
import { type Entry, PENDING } from "../operation/operation.ts"
import type { Backend, Host } from "./backend.ts"
import { Queue } from "./queue.ts"
import { DONE, IN_FLIGHT, QUEUED, type Request } from "./request.ts"
import { Submission } from "./submission.ts"

/** Limits of one turn, so that timers and sockets get theirs. Measured in bench/engine.ts. */
export interface Budget {
  /** Requests finished without waiting between two turns of the event loop. 0 switches that path off. */
  readonly inlineRequests: number
  /** Bytes copied by them. */
  readonly inlineBytes: number
  /** Completions delivered in one turn. */
  readonly completions: number
}

export const defaultBudget: Budget = { inlineRequests: 512, inlineBytes: 4 << 20, completions: 1024 }

/** Counts since the engine was made. */
export interface Counters {
  /** Requests accepted. */
  submitted: number
  /** Requests that have ended, whatever their result. */
  completed: number
  /** Of those, finished without waiting. */
  inline: number
  /** Of those, ended early because somebody asked. */
  cancelled: number
}

/** A backend with the requests that wait for room in it. */
interface Lane {
  readonly backend: Backend
  readonly queue: Queue
}

export class Engine implements Host {
  private readonly lanes: Array<Lane> = []
  /** Requests submitted since the last turn, still to be told that their turn is over. */
  private fresh: Array<Request> = []
  private scheduled = false
  private inlineRequests: number
  private inlineBytes: number
  private onIdle: (() => void) | undefined
  /** For operations that are tried without waiting: encoded, run and decoded before anything else happens. */
  readonly scratch = new Submission(-1)
  /** No new requests. */
  closed = false
  /** The backends are gone: a turn that was scheduled before must not touch them. */
  private ended = false
  readonly counters: Counters = { submitted: 0, completed: 0, inline: 0, cancelled: 0 }

  /** `makeBackends` in order of preference: a request goes to the first that supports it. */
  constructor(
    makeBackends: (host: Host) => ReadonlyArray<Backend>,
    private readonly budget: Budget = defaultBudget
  ) {
    this.inlineRequests = budget.inlineRequests
    this.inlineBytes = budget.inlineBytes
    for (const backend of makeBackends(this)) this.lanes.push({ backend, queue: new Queue() })
  }

  /** The mechanism that the engine was built for. */
  get backend(): Backend {
    return this.lanes[0].backend
  }

  /** Requests accepted and not ended. */
  get outstanding(): number {
    return this.counters.submitted - this.counters.completed
  }

  /** Requests waiting for room in a backend. */
  get queued(): number {
    let sum = 0
    for (const lane of this.lanes) sum += lane.queue.size
    return sum
  }

  /** Whether this turn's budget allows to finish something without waiting. */
  get mayInline(): boolean {
    return this.inlineRequests > 0 && this.inlineBytes > 0 && !this.closed
  }

  /**
   * Tries an operation that has an inline form, on the spot: its result, or `PENDING`. A result is to be decoded from `scratch`
   * before anything else happens. Throws `BadArgument`.
   */
  tryInline(entry: Entry<any, any>, input: unknown): number {
    const { scratch } = this
    this.inlineRequests--
    scratch.encode(entry, input)
    const result = entry.inline!(scratch, input)
    if (result === PENDING) scratch.clear()
    else this.inlineBytes -= result
    return result
  }

  /** Counts a request that never became one: it was finished by `tryInline`. Lets go of its memory. */
  countInline(): void {
    this.scratch.clear()
    this.counters.submitted++
    this.counters.completed++
    this.counters.inline++
  }

  /** Accepts a request. Its `settled` is called exactly once, never before this returns. */
  submit(request: Request): void {
    this.counters.submitted++
    this.lane(request).queue.push(request)
    this.fresh.push(request)
    this.wake()
  }

  /** Asks for an early end of a submitted request. `settled` is still the one and only end. */
  cancel(request: Request): void {
    if (request.state === DONE || request.cancelled) return
    request.cancelled = true
    const lane = this.lane(request)
    if (request.state === QUEUED) {
      lane.queue.remove(request)
      this.settle(request, -errno.ECANCELED, null)
    } else if (request.state === IN_FLIGHT) {
      lane.backend.cancel(request)
      this.wake()
    }
  }

  /** Called by backends, see `Host`. */
  complete(submission: Submission, result: number): void {
    const request = submission.request!
    request.submission = null
    // Interrupted by our own cancelling signal: a cancelled request, whatever the mechanism calls it.
    this.settle(request, request.cancelled && result === -errno.EINTR ? -errno.ECANCELED : result, submission)
  }

  private settle(request: Request, result: number, memory: Submission | null): void {
    if (request.state === DONE) throw new Error(`second completion of a request (${request.entry.name})`)
    request.result = result
    request.state = DONE
    this.counters.completed++
    if (result === -errno.ECANCELED) this.counters.cancelled++
    request.settled(memory)
    if (this.onIdle !== undefined && this.outstanding === 0) this.finish()
  }

  /** Called by backends, see `Host`. */
  wake(): void {
    if (this.scheduled) return
    this.scheduled = true
    setImmediate(this.turn)
  }

  /**
   * Refuses new requests, cancels what is outstanding, waits for it, frees everything, then calls `done`. The caller makes sure
   * that nothing is submitted afterwards.
   */
  close(done: () => void): void {
    this.closed = true
    this.onIdle = done
    if (this.outstanding === 0) return this.finish()
    for (const { backend, queue } of this.lanes) {
      for (let request = queue.peek(); request !== null; request = queue.peek()) this.cancel(request)
      backend.forEachInFlight((request) => this.cancel(request))
    }
    this.wake()
  }

  private finish(): void {
    const done = this.onIdle!
    this.onIdle = undefined
    // Not from inside a backend's drain: it is still reading the ring that this frees.
    setImmediate(() => {
      this.ended = true
      void Promise.all(this.lanes.map(({ backend }) => backend.close())).then(done)
    })
  }

  private lane(request: Request): Lane {
    for (const lane of this.lanes) if (lane.backend.supports(request.entry)) return lane
    return this.lanes[this.lanes.length - 1]
  }

  private readonly turn = (): void => {
    this.scheduled = false
    if (this.ended) return
    this.inlineRequests = this.budget.inlineRequests
    this.inlineBytes = this.budget.inlineBytes
    const fresh = this.fresh
    if (fresh.length > 0) this.fresh = []
    let left = this.budget.completions
    for (const lane of this.lanes) {
      const { backend, queue } = lane
      for (;;) {
        if (queue.size > 0) this.dispatch(lane)
        backend.flush()
        const drained = backend.drain(left)
        left -= drained
        // Completions make room: fill it in this turn, as long as something moves.
        if (drained === 0 || queue.size === 0 || left <= 0) break
      }
      if (backend.hasCompletions) this.wake()
      backend.keepAlive(backend.inFlight > 0)
    }
    for (let i = 0; i < fresh.length; i++) if (fresh[i].state !== DONE) fresh[i].flushed()
  }

  /** Moves queued requests into the backend until it is full. */
  private dispatch({ backend, queue }: Lane): void {
    for (let request = queue.peek(); request !== null; request = queue.peek()) {
      const { entry } = request
      try {
        if (entry.inline !== undefined && !request.triedInline) {
          if (this.mayInline) {
            request.triedInline = true
            const result = this.tryInline(entry, request.input)
            if (result !== PENDING) {
              queue.remove(request)
              this.counters.inline++
              this.settle(request, result, this.scratch)
              this.scratch.clear()
              continue
            }
          } else if (this.budget.inlineRequests > 0 && (!backend.answersCached || entry.uring?.punted === true)) {
            // Waiting for the next turn's budget is faster than a thread, and as fair.
            this.wake()
            return
          }
        }
        if (!backend.submit(request)) return
        queue.remove(request)
        request.state = IN_FLIGHT
      } catch (error) {
        if (!(error instanceof BadArgument)) throw error
        queue.remove(request)
        request.problem = error
        this.settle(request, -errno.EINVAL, null)
      }
    }
  }
}
