/**
 * How sides are compared: in one process, alternating, so that whatever else the machine does meets all of them alike.
 *
 * A side is warmed up (which also tells how many requests fill an interval), then every round runs each side once. Medians over
 * the rounds are reported, and ratios are medians of the ratios within a round: what slows a whole round down cancels out.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Counts, counted } from "./counting/counts.ts"

/** What one interval took. `cpuSeconds` is user and system time of all threads, the kernel's workers for this process included. */
export interface Sample {
  readonly requests: number
  readonly seconds: number
  readonly cpuSeconds: number
  /** Voluntary context switches, getrusage(2). Not of what measures itself. */
  readonly switches?: number
}

/** Does this many requests. */
export type Run = (requests: number) => Effect.Effect<Sample, unknown>

/** One way to do the work of a scenario. */
export interface Side {
  readonly name: string
  /** Opens what the requests need, outside the measured interval. */
  readonly open: Effect.Effect<Run, unknown, Scope.Scope>
  /** It measures itself, for a time of its own: nothing to warm up. */
  readonly external?: boolean
}

/** The same work, several sides. Ratios are relative to the first. */
export interface Comparison {
  readonly name: string
  readonly title: string
  /** What one request is. */
  readonly unit: string
  /** Requests of one interval; left out, as many as fill the interval asked for. */
  readonly requests?: number
  /** Counted by nobody: what it prepares before each interval would be counted, too. */
  readonly isUncounted?: boolean
  /** Intervals here are so many times as long. Default 1. */
  readonly stretch?: number
  readonly sides: ReadonlyArray<Side>
}

export interface SideResult {
  readonly side: string
  readonly perSecond: number
  readonly cpuMicros: number
  /** How many times as fast the first side is, and its CPU time per request as a part of this side's. */
  readonly firstIsFaster: number
  readonly firstUsesCpu: number
  /** Of a run of its own. Not of what measures itself. */
  readonly counts?: Counts
  readonly samples: ReadonlyArray<Sample>
}

export interface ComparisonResult {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly sides: ReadonlyArray<SideResult>
}

/** A single number that is not a comparison of sides. */
export interface Figure {
  readonly name: string
  readonly unit: string
  readonly value: number
}

/** Several numbers about each of several things. */
export interface Table {
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<TableRow>
}

export interface TableRow {
  readonly name: string
  readonly values: ReadonlyArray<number>
}

export interface Effort {
  readonly rounds: number
  /** Seconds. */
  readonly interval: number
}

/** A side did something else than asked: its time would mean nothing. */
export class WrongWork extends Data.TaggedError("WrongWork")<{ readonly side: string; readonly reason: string }> {
  override get message(): string {
    return `${this.side}: ${this.reason}`
  }
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** What an effect gives, and what it took. */
export const metered = <A, E>(work: Effect.Effect<A, E>): Effect.Effect<readonly [A, Omit<Sample, "requests">], E> =>
  Effect.gen(function* () {
    const before = process.resourceUsage()
    const start = performance.now()
    const answer = yield* work
    const seconds = (performance.now() - start) / 1000
    const after = process.resourceUsage()
    const cpuMicros = after.userCPUTime + after.systemCPUTime - before.userCPUTime - before.systemCPUTime
    const switches = after.voluntaryContextSwitches - before.voluntaryContextSwitches
    return [answer, { seconds, cpuSeconds: cpuMicros / 1e6, switches }]
  })

/**
 * A side in this process. `open` gives the loop that does the requests and returns the bytes that they moved, which is how a side
 * proves that it did the work.
 */
export const side = <E1, E2>(
  name: string,
  bytesPerRequest: number,
  open: Effect.Effect<(requests: number) => Effect.Effect<number, E1>, E2, Scope.Scope>
): Side => ({
  name,
  open: Effect.map(
    open,
    (loop): Run =>
      (requests) =>
        Effect.flatMap(metered(loop(requests)), ([bytes, spent]) =>
          bytes === requests * bytesPerRequest
            ? Effect.succeed({ requests, ...spent })
            : new WrongWork({ side: name, reason: `moved ${bytes} bytes, not ${requests} times ${bytesPerRequest}` })
        )
  )
})

/** How many requests fill the interval, judging by a sample. */
const fitting = ({ requests, seconds }: Sample, interval: number): number =>
  Math.ceil(Math.min(Math.max((requests * interval) / seconds, requests / 4), requests * 8))

/**
 * Runs for a few intervals, so that the code is compiled, and returns how many requests to ask for in a round: `fixed`, or what
 * fills an interval.
 */
const warmUp = (run: Run, interval: number, fixed: number | undefined): Effect.Effect<number, unknown> =>
  Effect.gen(function* () {
    let requests = fixed ?? 64
    for (let spent = 0; spent < 3 * interval; ) {
      const sample = yield* run(requests)
      if (fixed === undefined) requests = fitting(sample, interval)
      spent += sample.seconds
    }
    return requests
  })

/** Requests of a run that is counted: strace makes each of their system calls take long. */
const COUNTED = 2048

const perSecond = (sample: Sample): number => sample.requests / sample.seconds
const cpuMicros = (sample: Sample): number => (sample.cpuSeconds * 1e6) / sample.requests

const summarize = (name: string, samples: ReadonlyArray<Sample>, first: ReadonlyArray<Sample>): SideResult => ({
  side: name,
  perSecond: median(samples.map(perSecond)),
  cpuMicros: median(samples.map(cpuMicros)),
  firstIsFaster: median(samples.map((sample, round) => perSecond(first[round]) / perSecond(sample))),
  firstUsesCpu: median(samples.map((sample, round) => cpuMicros(first[round]) / cpuMicros(sample))),
  samples
})

export const compare = (comparison: Comparison, effort: Effort): Effect.Effect<ComparisonResult, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { name, requests, sides, stretch = 1, title, unit } = comparison
      const interval = effort.interval * stretch
      const lanes: Array<{ name: string; run: Run; requests: number; samples: Array<Sample>; external: boolean }> = []
      for (const { external = false, name, open } of sides) {
        const run = yield* open
        const count = external ? 0 : yield* warmUp(run, interval, requests)
        lanes.push({ name, run, requests: count, samples: [], external })
      }
      for (let round = 0; round < effort.rounds; round++) {
        for (let i = 0; i < lanes.length; i++) {
          // Nobody always runs in the wake of the same neighbour. No forced collection in between: a full one throws optimized
          // code away too, and intervals this short would measure the compiler.
          const lane = lanes[(i + round) % lanes.length]
          const sample = yield* lane.run(lane.requests)
          lane.samples.push(sample)
          // The machine may have been busier, or the code less compiled, when it was last judged.
          if (requests === undefined) lane.requests = fitting(sample, interval)
        }
      }
      const first = lanes[0].samples
      const results: Array<SideResult> = []
      for (const { external, name, requests, run, samples } of lanes) {
        const summary = summarize(name, samples, first)
        if (comparison.isUncounted || external) {
          results.push(summary)
          continue
        }
        const switches = median(samples.map((sample) => (sample.switches ?? 0) / sample.requests))
        results.push({ ...summary, counts: yield* counted(run, Math.min(requests, COUNTED), switches) })
      }
      return { name, title, unit, sides: results }
    })
  )

/** Seconds that an effect takes. */
export const seconds = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeNanos
    yield* effect
    return Number((yield* Clock.currentTimeNanos) - start) / 1e9
  })
