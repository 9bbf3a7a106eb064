/** What the engine at hand is doing, and turns of it, by nothing but what is public: `Aio.stats` and `AioBlocking`. */
import { Effect, Runtime } from "effect"
import { Aio, AioBlocking } from "effect-aio"

/** For code that is no step of a fiber: a loop that blocks the thread, an iterable, a callback. */
export interface ByHand {
  /** `Aio.stats`. */
  readonly stats: () => Aio.Stats
  /** `AioBlocking.poll`: one turn. */
  readonly poll: () => number
  /** `AioBlocking.wait`, so many milliseconds at most. With 0 it hands over what waits, and takes no completion. */
  readonly wait: (milliseconds: number) => void
}

export const byHand: Effect.Effect<ByHand, never, Aio.Aio> = Effect.map(Effect.runtime<Aio.Aio>(), (runtime) => {
  const run = Runtime.runSync(runtime)
  return {
    stats: () => run(Aio.stats),
    poll: () => run(AioBlocking.poll),
    wait: (timeout) => run(AioBlocking.wait({ timeout }))
  }
})

/** Numbers as they are to be, or what is to be true of all of them. */
export type Expected = Partial<Aio.Stats> | ((stats: Aio.Stats) => boolean)

const isMet = (expected: Expected, stats: Aio.Stats): boolean =>
  typeof expected === "function"
    ? expected(stats)
    : Object.entries(expected).every(([name, value]) => stats[name as keyof Aio.Stats] === value)

const textOf = (expected: Expected): string =>
  typeof expected === "function" ? String(expected) : JSON.stringify(expected)

/**
 * Waits until `Aio.stats` is as expected; what it is then. A defect, which says what it was at last, after so many milliseconds: a machine that
 * stands still for a while is no reason.
 */
export const statsReach = (expected: Expected, milliseconds = 20_000): Effect.Effect<Aio.Stats, never, Aio.Aio> =>
  Effect.gen(function* () {
    const end = performance.now() + milliseconds
    for (;;) {
      const stats = yield* Aio.stats
      if (isMet(expected, stats)) return stats
      if (performance.now() > end) {
        return yield* Effect.dieMessage(`Aio.stats: ${textOf(expected)} expected, and it is ${JSON.stringify(stats)}`)
      }
      yield* Effect.sleep(5)
    }
  })
