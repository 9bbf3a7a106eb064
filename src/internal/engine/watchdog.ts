/**
 * Looks now and then for what nobody tells of, while requests are outstanding. Completions are told by descriptors, and those can be
 * closed or replaced by others in this process, or writing them be refused. Requests would wait for ever then.
 */
import { clearTimeout, setTimeout } from "../native/loop.ts"

/** Milliseconds between two looks, and between the next two after one that was worth it: each that was not doubles them. */
const LONGEST = 1000
const SHORTEST = 10

export class Watchdog {
  private timer: NodeJS.Timeout | undefined
  private interval = LONGEST

  /** `look` has a turn: how many requests it ended, or -1 when none are left to look for. */
  constructor(private readonly look: () => number) {}

  start(): void {
    // Requests in flight keep the process alive, not this.
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
