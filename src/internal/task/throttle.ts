/**
 * How many requests and bytes may start in a time: token buckets.
 *
 * Not Effect's RateLimiter, which suspends a fiber for each request: groups have no fibers. A bucket holds the tokens that may be taken at
 * once: those of a tenth of a second, and at least one. A request of more tokens may start when the bucket is full, and leaves a debt: the
 * average rate holds for every size. Bytes that a request does not move are given back.
 */

/** The limits of a group. */
export interface Rates {
  readonly requestsPerSecond?: number | undefined
  readonly bytesPerSecond?: number | undefined
}

/** Parts of a second that a bucket holds. */
const BURST = 0.1

export class Bucket {
  private readonly capacity: number
  private readonly perMillisecond: number
  private tokens: number

  constructor(
    perSecond: number,
    private readonly ofBytes: boolean,
    private last: number
  ) {
    this.perMillisecond = perSecond / 1000
    this.capacity = Math.max(1, perSecond * BURST)
    this.tokens = this.capacity
  }

  /** Tokens that a request of so many bytes needs. */
  needs(bytes: number): number {
    return this.ofBytes ? bytes : 1
  }

  /** Milliseconds until so many tokens may be taken. */
  delay(count: number, now: number): number {
    this.tokens = Math.min(this.capacity, this.tokens + Math.max(0, now - this.last) * this.perMillisecond)
    this.last = now
    // A fraction of a token that is missing through rounding is not waited for.
    const missing = Math.min(count, this.capacity) - this.tokens - 1e-9
    return missing <= 0 ? 0 : missing / this.perMillisecond
  }

  take(count: number): void {
    this.tokens -= count
  }

  /** Bytes that were taken and not moved. */
  refund(bytes: number): void {
    if (this.ofBytes) this.tokens += bytes
  }
}

/** An infinite rate is no limit. */
const isRate = (rate: number | undefined): rate is number => rate !== undefined && rate !== Number.POSITIVE_INFINITY

export const bucketsOf = ({ bytesPerSecond, requestsPerSecond }: Rates, now: number): ReadonlyArray<Bucket> => [
  ...(isRate(requestsPerSecond) ? [new Bucket(requestsPerSecond, false, now)] : []),
  ...(isRate(bytesPerSecond) ? [new Bucket(bytesPerSecond, true, now)] : [])
]
