/**
 * Looks now and then, while requests are outstanding, for completions that no descriptor has told of. Descriptors can be closed or replaced
 * by other code in this process, or writing to them can be refused: requests would then wait without end.
 */
import { clearTimeout, setTimeout } from "../native/loop.ts"

/** Milliseconds between two looks, at most, and after a look that found something. A look that found nothing doubles them. */
const LONGEST = 1000
const SHORTEST = 10

export class Watchdog {
  private timer: NodeJS.Timeout | undefined
  private interval = LONGEST

  /** Looks, in a turn: returns how many requests it ended, or -1 when none are left to look for. */
  constructor(private readonly look: () => number) {}

  start(): void {
    // Requests in flight keep the process alive; this timer does not.
    this.timer ??= setTimeout(this.wake, this.interval).unref()
  }

  private readonly wake = (): void => {
    this.timer = undefined
    const ended = this.look()
    if (ended < 0) return
    this.interval = ended > 0 ? SHORTEST : Math.min(this.interval * 2, LONGEST)
    this.start()
  }

  close(): void {
    clearTimeout(this.timer)
  }
}
