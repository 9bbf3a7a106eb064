/**
 * Groups whose next request waits for a rate. One queue, with one timer, serves a group and all groups within it.
 *
 * First come, first served: tokens that a group lacks are not taken by groups behind it. Otherwise small requests of one group would keep a
 * large one of another group waiting without end. A group that lacks other tokens may pass.
 */
import { queueMicrotask } from "../native/loop.ts"
import type { Bucket } from "./throttle.ts"

/** A clock and its timers. */
export interface Clock {
  readonly now: () => number
  /** Calls `wake` after so many milliseconds, or earlier. Returns a function that cancels this. */
  readonly sleep: (milliseconds: number, wake: () => void) => () => void
}

export interface Waiter {
  /** The buckets of the group, and those of the groups around it. */
  readonly buckets: ReadonlyArray<Bucket>
  /** Bytes of the request that it holds back. */
  readonly heldBytes: number
  /** False: it waits for something other than a rate, and is pumped when there is room. */
  readonly hasRoom: boolean
  /** Starts what may start. */
  pump(): void
}

/**
 * Milliseconds until it is worth another look: 0 if the request may start, Infinity if a group ahead waits for the same bucket. The buckets
 * that lack tokens are added to `awaited`.
 */
const delayOf = ({ buckets }: Waiter, bytes: number, now: number, awaited: Set<Bucket>): number => {
  let delay = 0
  for (const bucket of buckets) {
    const count = bucket.needs(bytes)
    if (count === 0) continue
    const missing = awaited.has(bucket) ? Number.POSITIVE_INFINITY : bucket.delay(count, now)
    if (missing === 0) continue
    awaited.add(bucket)
    // Until the first of the buckets has enough: from then on other groups may take its tokens while this one waits for the rest.
    delay = delay === 0 ? missing : Math.min(delay, missing)
  }
  return delay
}

export class RateQueue {
  private readonly waiting = new Set<Waiter>()
  private alarm: (() => void) | undefined
  private wakesAt = Number.POSITIVE_INFINITY
  private isServing = false
  private isToServe = false

  constructor(private readonly clock: Clock) {}

  /**
   * Whether a request of so many bytes may start now; then its tokens are taken. Otherwise the group gets a place in the queue, and is
   * pumped when its turn has come.
   */
  admits(waiter: Waiter, bytes: number): boolean {
    const now = this.clock.now()
    const awaited = new Set<Bucket>()
    for (const ahead of this.waiting) {
      if (ahead === waiter) break
      if (!ahead.hasRoom || delayOf(ahead, ahead.heldBytes, now, awaited) > 0) continue
      // Its turn has come.
      for (const bucket of ahead.buckets) awaited.add(bucket)
      this.serveSoon()
    }
    const delay = delayOf(waiter, bytes, now, awaited)
    if (delay > 0) {
      this.waiting.add(waiter)
      this.wakeAfter(delay, now)
      return false
    }
    for (const bucket of waiter.buckets) bucket.take(bucket.needs(bytes))
    this.leave(waiter)
    return true
  }

  /** Fewer bytes were moved than had been counted. */
  refund({ buckets }: Waiter, bytes: number): void {
    for (const bucket of buckets) bucket.refund(bytes)
    if (this.waiting.size > 0) this.serveSoon()
  }

  /** The group has no more requests that wait for a rate. */
  leave(waiter: Waiter): void {
    if (!this.waiting.delete(waiter)) return
    // A timer would keep the process alive.
    if (this.waiting.size === 0) this.callOff()
    else this.serveSoon()
  }

  /** Not now: groups may be about to be cancelled together. */
  private serveSoon(): void {
    if (this.isServing || this.isToServe) return
    this.isToServe = true
    queueMicrotask(this.serve)
  }

  private readonly serve = (): void => {
    this.isToServe = false
    this.isServing = true
    this.callOff()
    const now = this.clock.now()
    const awaited = new Set<Bucket>()
    // Groups that have to wait again go to the end.
    for (const waiter of this.waiting) {
      if (!waiter.hasRoom) continue
      const delay = delayOf(waiter, waiter.heldBytes, now, awaited)
      if (delay > 0) this.wakeAfter(delay, now)
      else waiter.pump()
    }
    this.isServing = false
  }

  private wakeAfter(delay: number, now: number): void {
    if (delay === Number.POSITIVE_INFINITY || now + delay >= this.wakesAt) return
    this.alarm?.()
    this.wakesAt = now + delay
    this.alarm = this.clock.sleep(delay, this.serve)
  }

  private callOff(): void {
    this.alarm?.()
    this.alarm = undefined
    this.wakesAt = Number.POSITIVE_INFINITY
  }
}
