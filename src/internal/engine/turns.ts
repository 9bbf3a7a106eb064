/**
 * When an engine has its turns: one for each turn of the event loop that something was asked for in, and more right behind it while that
 * pays. A fiber that a completion has resumed asks for its next request at once; if that waited for the event loop to come round, the loop's
 * own work (epoll_wait, timers, checks) would be the larger part of a short request.
 */
import { now, setImmediate } from "../native/loop.ts"
import type { Limits } from "./limits.ts"

/** Milliseconds before the event loop comes round again: long enough to make its own work cheap, too short for others to notice. */
const LONGEST = 0.25

interface Host {
  readonly limits: Limits
  /** The event loop has come round, at this time. */
  beginTurns(time: number): void
  /** One turn that delivers so many completions at most; how many it did. */
  runTurn(limit: number): number
}

const microtask = Promise.resolve()

export class Turns {
  /** Another turn has been asked for. */
  private asked = false
  /** That turn may come before the event loop comes round: the last one has resumed fibers, which run first. */
  private lingers = false
  /** When the event loop has to come round, and how many completions may be delivered until then. */
  private end = 0
  private left = 0

  constructor(
    private readonly host: Host,
    private readonly clock: () => number = now
  ) {}

  /** Asks for a turn. Cheap, any number of times. */
  ask(): void {
    if (this.asked) return
    this.asked = true
    if (!this.lingers) setImmediate(this.begin)
  }

  private readonly begin = (): void => {
    const { limits } = this.host
    const time = this.clock()
    this.end = time + Math.min(LONGEST, limits.maxPollTime)
    this.left = limits.maxPollRequests
    this.host.beginTurns(time)
    this.run()
  }

  private run(): void {
    this.asked = false
    this.lingers = true
    let ended = 0
    try {
      ended = this.host.runTurn(this.left)
    } finally {
      this.left -= ended
      // In a microtask, behind those in which the resumed fibers run: what all of them ask for goes to the kernel in one call.
      if (ended > 0 && this.left > 0) void microtask.then(this.next)
      else this.leave()
    }
  }

  private readonly next = (): void => {
    if (this.asked && this.clock() < this.end) this.run()
    else this.leave()
  }

  private leave(): void {
    this.lingers = false
    if (this.asked) setImmediate(this.begin)
  }
}
