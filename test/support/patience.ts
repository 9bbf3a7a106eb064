/**
 * Durations, on a machine that now and then stands still or has others to run. What is quick is so in one of a few attempts; what is
 * slow by itself, or waits for something that does not come, is so in each.
 */
import { Effect } from "effect"

const ATTEMPTS = 20

/** The machine stands still: nothing of this program runs for so many milliseconds. */
export const standStill = (milliseconds: number): Effect.Effect<void> =>
  Effect.sync(() => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds))

/** How many milliseconds an effect takes. */
export const lasting = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.gen(function* () {
    const start = performance.now()
    yield* effect
    return performance.now() - start
  })

/** The shortest of several attempts, each of which says how long it took; the last one is the first that took less than `limit`. */
export const quickest = <E, R>(limit: number, attempt: Effect.Effect<number, E, R>): Effect.Effect<number, E, R> =>
  Effect.gen(function* () {
    let shortest = Number.POSITIVE_INFINITY
    for (let i = 0; i < ATTEMPTS && shortest >= limit; i++) shortest = Math.min(shortest, yield* attempt)
    return shortest
  })

/** The value below which so large a share of the values is. */
export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/**
 * Milliseconds that `times` gives, once half of them are below `limit`, or else at the last of some attempts: an attempt during which
 * the machine stood still, or had other work, says nothing.
 */
export const bestOf = <E, R>(
  times: Effect.Effect<ReadonlyArray<number>, E, R>,
  limit: number,
  share = 0.5
): Effect.Effect<number, E, R> =>
  Effect.gen(function* () {
    let best = Number.POSITIVE_INFINITY
    for (let attempt = 0; attempt < 5 && best >= limit; attempt++) best = percentile(yield* times, share)
    return best
  })

/** Share of a core that this process uses, in the quietest of some moments: Node now and then has work of its own. */
export const quietest = (limit: number): Effect.Effect<number> =>
  Effect.gen(function* () {
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < 50 && best >= limit; round++) {
      const before = process.cpuUsage()
      const start = performance.now()
      yield* Effect.sleep(200)
      const { system, user } = process.cpuUsage(before)
      const lasted = performance.now() - start
      // Otherwise the machine stood still, and even a busy process would seem idle.
      if (lasted < 400) best = Math.min(best, (user + system) / 1000 / lasted)
    }
    return best
  })
