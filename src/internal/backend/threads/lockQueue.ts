/**
 * Requests that wait for locks. Nothing tells when a lock is free but the call that waits for it, in a thread. What frees the lock, and everything
 * else of the program, needs threads, too, and there are 256. So most locks are waited for in a thread, which gets them at once and in turn;
 * those that are too many ask again and again, and take a thread for as long as an answer takes.
 */
import type { Entry } from "../../engine/operation.ts"
import type { Request, Slot } from "../../engine/request.ts"
import { clearTimeout, setTimeout } from "../../native/loop.ts"

/** Locks that are waited for in threads. */
const MOST_WAITING = 128
/** Milliseconds between two questions, and more where many ask: so many in a millisecond. */
const ASK_AGAIN = 20
const MOST_A_MILLISECOND = 1
/** Milliseconds, at most. */
const SELDOM = 500

export class LockQueue {
  /** In threads. */
  private waiting = 0
  private readonly asking = new Set<Request>()
  private timer: NodeJS.Timeout | undefined

  constructor(private readonly askAgain: (request: Request) => void) {}

  get size(): number {
    return this.asking.size
  }

  /** Called with a system call that a thread is to make: from here on it waits for its lock, or asks once. */
  enter(submission: Slot, { lock }: Entry<any, any>): void {
    if (lock?.waits(submission) !== true) return
    if (this.waiting < MOST_WAITING) {
      this.waiting++
      submission.lockWait = "waits"
    } else {
      lock.askOnce(submission)
      submission.lockWait = "asks"
    }
  }

  /** Called when a thread has made it. */
  leave(submission: Slot): void {
    if (submission.lockWait === "waits") this.waiting--
  }

  /** A request whose lock others have asks later. */
  park(request: Request): void {
    this.asking.add(request)
    const wait = Math.min(Math.max(ASK_AGAIN, this.asking.size / MOST_A_MILLISECOND), SELDOM)
    this.timer ??= setTimeout(this.ask, wait).unref()
  }

  private readonly ask = (): void => {
    this.timer = undefined
    const requests = [...this.asking]
    this.asking.clear()
    requests.forEach(this.askAgain)
  }

  /** Takes a request out; false if it is not here. */
  remove(request: Request): boolean {
    return this.asking.delete(request)
  }

  forEach(visit: (request: Request) => void): void {
    for (const request of [...this.asking]) visit(request)
  }

  close(): void {
    clearTimeout(this.timer)
  }
}
