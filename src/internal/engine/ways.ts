/** On the spot or through the mechanism: which way each request goes, by what the ways cost here and now. */
import { Contest, THROUGH } from "./contest.ts"
import { Habit } from "./habits.ts"
import type { Entry } from "./operation.ts"

/** What may be decreed instead, for tests: one way for all, or another one for each request. */
export type Way = "on the spot" | "through" | "at random"

class Kind {
  readonly habit = new Habit()
  /** By size of the crowd. */
  readonly contests: Array<Contest | undefined> = []
  /** The way of requests that come before the next turn. */
  goesThrough = false
}

/** Requests at once that stand for each size of a crowd, four times as many each: 3 to 10, 11 to 42, and so on. Of fewer none waits for another. */
const CROWDS = [1, 6, 24, 96, 384, 1024]

const sizeOf = (requests: number): number =>
  Math.min(CROWDS.length - 1, Math.max(0, 31 - Math.clz32((requests * 3) >> 1)) >> 1)

export class Ways {
  /** The way that is decreed. */
  private decree: Way | undefined = undefined
  private seed = 1
  private readonly kinds = new Map<Entry<any, any>, Kind>()
  /** The one asked about last: most programs do the same thing many times. */
  private entry: Entry<any, any> | undefined
  private kind = new Kind()
  private size = 0
  /** The contest that this turn of the event loop counts for. */
  private contest: Contest | undefined
  private time = 0
  private completed = 0

  private of(entry: Entry<any, any>): Kind {
    if (entry === this.entry) return this.kind
    let kind = this.kinds.get(entry)
    if (kind === undefined) {
      kind = new Kind()
      this.kinds.set(entry, kind)
    }
    this.entry = entry
    this.kind = kind
    return kind
  }

  /** Decides for all requests from now on, or no more. `seed`: of chance. */
  fix(way: Way | undefined, seed = 1): void {
    this.decree = way
    this.seed = seed
  }

  /** A generator of Park and Miller. */
  private isDecreed(): boolean {
    if (this.decree !== "at random") return this.decree === "on the spot"
    this.seed = (this.seed * 48271) % 0x7fffffff
    return this.seed % 2 === 0
  }

  /** A turn of the event loop begins: its time, and the requests that have ended so far. */
  beginTurn(time: number, completed: number): void {
    this.contest?.turn(time - this.time, completed - this.completed)
    this.contest = undefined
    this.time = time
    this.completed = completed
  }

  /** What waits is about to be looked at: so many requests are there or under way. */
  beginDispatch(requests: number): void {
    this.size = sizeOf(requests)
  }

  /** Whether requests that have just been made are tried, as far as the last turn tells. */
  mayTry(entry: Entry<any, any>): boolean {
    return this.decree === undefined ? !this.of(entry).goesThrough : this.isDecreed()
  }

  /** Whether one that waits is tried. */
  isOnTheSpot(entry: Entry<any, any>): boolean {
    if (this.decree !== undefined) return this.isDecreed()
    const kind = this.of(entry)
    const { contests, habit } = kind
    // What is not cached goes through either way.
    if (this.size === 0 || habit.isPoor) {
      kind.goesThrough = false
      return true
    }
    contests[this.size] ??= new Contest(CROWDS[this.size])
    const contest = contests[this.size]!
    this.contest ??= contest
    kind.goesThrough = contest.way === THROUGH
    return !kind.goesThrough
  }

  /**
   * Whether a try is worth it. Counts it. That of a read always is: on small cold files without it, threads had to be woken 1.97 times a file, and
   * 1.17 times with it.
   */
  tries(entry: Entry<any, any>): boolean {
    return this.decree !== undefined || entry.moves !== undefined || this.of(entry).habit.tries()
  }

  /** A try has ended. */
  tried(entry: Entry<any, any>, wasAnswered: boolean): void {
    this.of(entry).habit.tried(wasAnswered)
  }
}
