/** The clock that tells requests they are overdue: from then on they can be cancelled. See wait.ts. */
import { clearInterval, setInterval } from "../native/loop.ts"
import { guarded } from "./guarded.ts"
import type { Request } from "./request.ts"

/**
 * Milliseconds between two ticks; a request is overdue after one to two of them. Long enough for a disk under load, short enough for a
 * fiber that interrupts.
 */
const TICK = 5

export class OverdueClock {
  /**
   * The ends of the list of requests, by age. A request that is done leaves the list at once: thousands of them, kept until the clock has
   * ticked twice, would survive the collections of young objects, and be copied each time (a sixth of the rate at 256 at a time).
   */
  private eldest: Request | null = null
  private youngest: Request | null = null
  /** 0 would mean that a request is not watched. */
  private ticks = 1
  private clock: NodeJS.Timeout | undefined

  watch(request: Request): void {
    const elder = this.youngest
    request.tick = this.ticks
    request.elder = elder
    if (elder === null) this.eldest = request
    else elder.younger = request
    this.youngest = request
    // Requests in flight keep the process alive; this timer does not.
    this.clock ??= setInterval(this.age, TICK).unref()
  }

  /** The request is done, or has been told that it is overdue. */
  forget(request: Request): void {
    const { elder, younger } = request
    if (elder === null) this.eldest = younger
    else elder.younger = younger
    if (younger === null) this.youngest = elder
    else younger.elder = elder
    request.tick = 0
    request.elder = null
    request.younger = null
  }

  private readonly age = (): void => {
    this.ticks++
    for (let request = this.eldest; request !== null && request.tick + 2 <= this.ticks; request = this.eldest) {
      this.forget(request)
      // The request is still under way: what this throws must not end anything.
      guarded(() => request.overdue())
    }
    if (this.eldest === null) this.close()
  }

  close(): void {
    clearInterval(this.clock)
    this.clock = undefined
  }
}
