/** Operations that are finished on the spot, without waiting. A budget between two turns leaves time for timers and sockets. */
import type { Counters } from "./counters.ts"
import { Failed, LATER } from "./failed.ts"
import type { Limits } from "./limits.ts"
import type { Observer } from "./observer.ts"
import type { Descriptors } from "./openDescriptor.ts"
import { type Entry, type Operation, PENDING, UNFIT } from "./operation.ts"
import type { Request } from "./request.ts"
import { Submission } from "./submission.ts"
import { Ways } from "./ways.ts"

interface Host {
  readonly closed: boolean
  readonly counters: Counters
  readonly descriptors: Descriptors
  readonly limits: Limits
  readonly observer: Observer | null
}

export class Attempts {
  /** Encoded, run and decoded before any other code runs. */
  private readonly scratch = new Submission()
  private requests: number
  private bytes: number
  readonly ways = new Ways()

  constructor(private readonly host: Host) {
    this.requests = host.limits.inlineRequests
    this.bytes = host.limits.inlineBytes
  }

  /** Whether there is a budget at all. */
  get hasBudget(): boolean {
    const { inlineBytes, inlineRequests } = this.host.limits
    return inlineRequests > 0 && inlineBytes > 0
  }

  /** Whether some of the budget is left. */
  get isLeft(): boolean {
    return this.requests > 0 && this.bytes > 0 && !this.host.closed
  }

  /** Whether a request of this kind that has just been made is tried first. */
  mayTry(entry: Entry<any, any>): boolean {
    return entry.inline !== undefined && this.isLeft && this.ways.mayTry(entry)
  }

  /** A turn of the event loop begins at `time`: `room` is how many may end. */
  refill(room: number, time: number): void {
    const { counters, limits } = this.host
    const { inlineBytes, inlineRequests } = limits
    this.ways.beginTurn(time, counters.completed)
    this.requests = Math.min(inlineRequests, room)
    this.bytes = inlineBytes
  }

  /** No more than so many may end now. */
  restrict(room: number): void {
    this.requests = Math.min(this.requests, room)
  }

  /** See `Engine.attempt`. */
  attempt<A>(operation: Operation<A>, bytes?: number): A | Failed | typeof LATER {
    const { entry, input } = operation
    if (!this.isWorthIt(entry)) return LATER
    const { scratch } = this
    try {
      scratch.encode(entry, input, bytes)
      return this.endOf(operation, scratch)
    } catch (problem) {
      return new Failed(entry.name, input, 0, problem)
    } finally {
      scratch.clear()
    }
  }

  /** See `Engine.attemptEncoded`. */
  attemptEncoded<A>(operation: Operation<A>, submission: Submission): A | Failed | typeof LATER {
    return this.isWorthIt(operation.entry) ? this.endOf(operation, submission) : LATER
  }

  /** Whether a request that waits is tried before it goes to its backend. If not, that is settled. */
  isToBeTried(request: Request): boolean {
    const { entry } = request
    if (entry.inline === undefined || request.triedInline || !this.hasBudget) return false
    if (this.ways.isOnTheSpot(entry)) return true
    request.triedInline = true
    this.host.counters.untried++
    return false
  }

  /** Whether this request is to be tried, judged by how others of its kind ended. */
  private isWorthIt(entry: Entry<any, any>): boolean {
    if (this.ways.tries(entry)) return true
    this.host.counters.untried++
    return false
  }

  private endOf<A>(operation: Operation<A>, submission: Submission): A | Failed | typeof LATER {
    const result = this.run(operation, submission)
    if (result <= UNFIT) return LATER
    const { entry, input } = operation
    const { counters, observer } = this.host
    let end: A | Failed
    try {
      end = result < 0 ? new Failed(entry.name, input, -result, undefined) : entry.decode(submission, result, input)
      // As of a request: until the program owns the descriptor, it is closed with this thread.
      if (entry.producesDescriptor === true && result >= 0) this.host.descriptors.own(result)
    } catch (defect) {
      end = new Failed(entry.name, input, 0, defect)
    }
    if (observer !== null) observer.inlineEnded()
    counters.submitted++
    counters.completed++
    counters.inline++
    return end
  }

  /**
   * Tries a request that waits in a queue. Returns whether the try ended it; `settle` is called with the result then. Throws `BadArgument`.
   */
  attemptRequest(request: Request, settle: (request: Request, result: number, memory: Submission) => void): boolean {
    if (!this.isWorthIt(request.entry)) return false
    const { scratch } = this
    try {
      scratch.encode(request.entry, request.input, request.bytes)
      const result = this.run(request, scratch)
      if (result <= UNFIT) return false
      settle(request, result, scratch)
      return true
    } finally {
      scratch.clear()
    }
  }

  private run({ entry, input }: Operation<any>, submission: Submission): number {
    const { counters, observer } = this.host
    this.requests--
    if (observer !== null) observer.trying()
    const result = entry.inline!(submission, input)
    if (result === UNFIT) return result
    this.ways.tried(entry, result !== PENDING)
    if (result === PENDING) {
      counters.missed++
      return result
    }
    this.bytes -= result
    if (observer !== null) observer.tried(entry, input, result)
    return result
  }
}
