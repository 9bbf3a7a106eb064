/**
 * How many requests and bytes may start in a time: two token buckets.
 *
 * Not Effect's RateLimiter, which suspends a fiber for each: here there is none. A bucket holds what may start at once, a tenth of a
 * second's worth, at least one. A request larger than that may start when the bucket is full, and leaves a debt: the average holds for
 * every size.
 */

/** What a group may be held to. */
export interface Rates {
  readonly requestsPerSecond?: number | undefined
  readonly bytesPerSecond?: number | undefined
}

/** Parts of a second that a bucket holds. */
const BURST = 0.1

class Bucket {
  private readonly capacity: number
  private tokens: number

  constructor(
    private readonly perMillisecond: number,
    private last: number
  ) {
    this.capacity = Math.max(1, perMillisecond * 1000 * BURST)
    this.tokens = this.capacity
  }

  /** Milliseconds until so many tokens may be taken. */
  delay(count: number, now: number): number {
    this.tokens = Math.min(this.capacity, this.tokens + Math.max(0, now - this.last) * this.perMillisecond)
    this.last = now
    // A part of a token that is missing only by rounding is not waited for.
    const missing = Math.min(count, this.capacity) - this.tokens - 1e-9
    return missing <= 0 ? 0 : missing / this.perMillisecond
  }

  take(count: number): void {
    this.tokens -= count
  }
}

export class Throttle {
  private readonly requests: Bucket | undefined
  private readonly bytes: Bucket | undefined

  constructor({ bytesPerSecond, requestsPerSecond }: Rates, now: number) {
    if (requestsPerSecond !== undefined) this.requests = new Bucket(requestsPerSecond / 1000, now)
    if (bytesPerSecond !== undefined) this.bytes = new Bucket(bytesPerSecond / 1000, now)
  }

  /** Milliseconds until a request of so many bytes may start. */
  delay(bytes: number, now: number): number {
    return Math.max(this.requests?.delay(1, now) ?? 0, bytes === 0 ? 0 : (this.bytes?.delay(bytes, now) ?? 0))
  }

  /** It starts. */
  take(bytes: number): void {
    this.requests?.take(1)
    this.bytes?.take(bytes)
  }
}
