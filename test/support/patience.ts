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
