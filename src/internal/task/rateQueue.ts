/**
 * Groups whose next request waits for a rate: one line for a group and all within it, one alarm for the line.
 *
 * Whoever came first goes first: what a group is short of, those behind it do not take, or small requests of one group would keep a large
 * one of another waiting for ever. Who needs something else may pass.
 */
import { queueMicrotask } from "../native/loop.ts"
import type { Bucket } from "./throttle.ts"

/** What groups need of the program around them. */
export interface Clock {
  readonly now: () => number
  /** Calls `wake` after so many milliseconds, or before; what it returns calls that off. */
  readonly sleep: (milliseconds: number, wake: () => void) => () => void
}

export interface Waiter {
  /** Its own, and those of the groups around. */
  readonly buckets: ReadonlyArray<Bucket>
  /** Bytes of the request that it holds back. */
  readonly heldBytes: number
  /** Without, it waits for something else, and is pumped by whoever makes room. */
  readonly hasRoom: boolean
  /** Starts what may start. */
  pump(): void
}

/**
 * Milliseconds until it is worth another look: 0 if it may start, Infinity if somebody ahead waits for the same. What it is short of is
 * added to `awaited`.
 */
const delayOf = ({ buckets }: Waiter, bytes: number, now: number, awaited: Set<Bucket>): number => {
  let delay = 0
  for (const bucket of buckets) {
    const count = bucket.needs(bytes)
    if (count === 0) continue
    const missing = awaited.has(bucket) ? Number.POSITIVE_INFINITY : bucket.delay(count, now)
    if (missing === 0) continue
    awaited.add(bucket)
    // The first that is there: from then on others may have it, as long as this one waits for the rest.
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

  /** Whether so many bytes may start now; then they are counted. Otherwise it has a place in the line, and is pumped in its time. */
  admits(waiter: Waiter, bytes: number): boolean {
    const now = this.clock.now()
    const awaited = new Set<Bucket>()
    for (const ahead of this.waiting) {
      if (ahead === waiter) break
      if (!ahead.hasRoom || delayOf(ahead, ahead.heldBytes, now, awaited) > 0) continue
      // It is its turn.
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

  /** It has nothing more that waits for a rate. */
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
    // Those that wait again come last.
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
