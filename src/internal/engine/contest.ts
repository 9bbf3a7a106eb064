/**
 * The two ways of requests that a cache may answer, measured against each other while the program runs: on the spot, or through the mechanism.
 *
 * Which is cheaper depends on the machine (a system call costs 0.2 to 1.5 microseconds, another core is free or not), on the mechanism, and on how
 * many requests there are at once. So there is a contest for each kind of operation and each size of a crowd. What is compared is the time from
 * one turn of the event loop to the next for each request that ended meanwhile: it counts what the program, its fibers and other cores make of it.
 *
 * The way that is not taken is measured again after so many requests that this costs a hundredth of the time.
 */

export const SPOT = 0
export const THROUGH = 1
type Course = typeof SPOT | typeof THROUGH

/** The way on the spot needs one core only: the other one has to be faster by so much. */
const CLEARLY = 0.97

/** Requests of the best way for each one of the other, at least, and for each time that the other one takes longer. */
const BETWEEN = 8
const BETWEEN_SLOW = 100

/** The first probes come soon, whatever they say: code that has just begun to run is slow. */
const EARLY = 4

/** Milliseconds of a turn, and for each of its requests, above which the program has had something else to do. */
const PAUSE = 2
const PAUSE_EACH = 0.1

/** After so many of those a probe ends: what cannot be measured is not worth staying with. */
const PAUSES = 8

/** Measurements in a row that must speak for the other way: one may have been put off by the system. */
const CONFIRMED = 2

/** What is believed of a way after a new measurement. Nothing makes a way look cheaper than it is, and much more expensive. */
const believed = (before: number, measured: number): number =>
  before === 0
    ? measured
    : measured < before
      ? (before + measured) / 2
      : before + (Math.min(measured, 2 * before) - before) / 4

export class Contest {
  /** The way to take now. */
  way: Course = SPOT
  /** Milliseconds for each request. 0: not known. */
  private readonly costs: [number, number] = [0, 0]
  /** Requests of one measurement, and before it those that belong to the way before. */
  private readonly length: number
  private settling = 0
  /** The measurement under way. */
  private time = 0
  private count = 0
  /** Requests before the other way is measured again, and since the last turn from one to the other. */
  private left = 0
  private spent = 0
  private isProbing = false
  private probes = 0
  private pauses = 0
  private doubts = 0

  /** `crowd`: about how many requests there are at once. */
  constructor(private readonly crowd: number) {
    this.length = Math.max(64, crowd * 2)
  }

  /** A turn of the event loop, in milliseconds, and the requests that ended in it. */
  turn(time: number, count: number): void {
    this.spent += count
    if (time > PAUSE + count * PAUSE_EACH) {
      if (this.isProbing && ++this.pauses === PAUSES) this.measured(PAUSE_EACH)
      return
    }
    if (this.settling > 0) {
      this.settling -= count
      return
    }
    this.time += time
    this.count += count
    if (this.count >= this.length) this.measured(this.time / this.count)
  }

  private measured(cost: number): void {
    const { costs, way } = this
    const other = way === SPOT ? THROUGH : SPOT
    costs[way] = believed(costs[way], cost)
    this.left -= this.count
    this.time = 0
    this.count = 0
    if (costs[other] === 0) return this.probe(other)
    if (this.isProbing) {
      this.isProbing = false
      this.probes++
      this.left = this.between()
      if (this.best !== way) this.turnTo(other)
      return
    }
    if (this.best === way) {
      this.doubts = 0
      if (this.left <= 0) this.probe(other)
    } else if (++this.doubts >= CONFIRMED) this.turnTo(other)
  }

  private get best(): Course {
    return this.costs[THROUGH] < this.costs[SPOT] * CLEARLY ? THROUGH : SPOT
  }

  /** After a probe. */
  private between(): number {
    const [spot, through] = this.costs
    const slower = Math.max(spot, through) / Math.min(spot, through) - 1
    const times = this.probes < EARLY ? BETWEEN : Math.max(BETWEEN, BETWEEN_SLOW * slower)
    return Math.max(this.spent, this.crowd + this.length) * times
  }

  private probe(way: Course): void {
    this.isProbing = true
    this.pauses = 0
    this.turnTo(way)
  }

  private turnTo(way: Course): void {
    this.way = way
    this.doubts = 0
    this.spent = 0
    this.settling = this.crowd
  }
}
