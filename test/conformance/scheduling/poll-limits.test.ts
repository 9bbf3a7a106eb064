/** `maxPollRequests` and `maxPollTime`: a turn of the event loop delivers no more, and nothing is lost. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioBlocking } from "effect-aio"
import { defaultLimits } from "../../../src/internal/engine/limits.ts"
import { Turns } from "../../../src/internal/engine/turns.ts"
import { block } from "../../backends/threads/fixtures/pool.ts"
import { realBackends as backends } from "../../support/backends.ts"
import { byHand } from "../../support/engine.ts"
import { nextTurn } from "../../support/moments.ts"

const REQUESTS = 400

/** `REQUESTS` requests of which all completions wait, and the loop has not looked at them. */
const completions = Effect.gen(function* () {
  const hand = yield* byHand
  // The threads are up.
  yield* Effect.forEach(Array.from({ length: 8 }), () => Aio.statvfs("/"), { concurrency: 8, discard: true })
  const fibers = yield* Effect.forEach(Array.from({ length: REQUESTS }), () => Effect.fork(Aio.statvfs("/")))
  yield* Effect.yieldNow()
  yield* Effect.sync(() => {
    // Hands them over; what is there already by then counts as delivered.
    hand.poll()
    const end = performance.now() + 20_000
    const isComplete = ({ outstanding, pending }: Aio.Stats) => pending === outstanding
    while (!isComplete(hand.stats()) && performance.now() < end) block(1)
  })
  return fibers
})

describe.each(backends)("$name", ({ layer }) => {
  it.scopedLive("maxPollRequests: so many, turn by turn", () =>
    Effect.gen(function* () {
      yield* Aio.setLimits({ maxPollRequests: 10 })
      const fibers = yield* completions
      const { pending } = yield* Aio.stats
      expect(pending).toBeGreaterThan(REQUESTS - 20)
      expect(yield* AioBlocking.poll).toBe(10)
      expect((yield* Aio.stats).pending).toBe(pending - 10)
      yield* Aio.setLimits({ maxPollRequests: 25 })
      // Nobody asks any more: Node's event loop does it, a turn after the other.
      const perTurn: Array<number> = []
      for (let last = yield* Aio.stats; last.outstanding > 0; ) {
        yield* nextTurn
        const now = yield* Aio.stats
        perTurn.push(now.completed - last.completed)
        last = now
      }
      expect(Math.max(...perTurn)).toBeLessThanOrEqual(25)
      expect(perTurn.length).toBeLessThan(5 * REQUESTS)
      yield* Fiber.joinAll(fibers)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("maxPollTime: a turn ends early", () =>
    Effect.gen(function* () {
      yield* Aio.setLimits({ maxPollTime: 0 })
      const fibers = yield* completions
      const { pending } = yield* Aio.stats
      const delivered = yield* AioBlocking.poll
      expect(delivered).toBeGreaterThan(0)
      expect(delivered).toBeLessThanOrEqual(64)
      expect((yield* Aio.stats).pending).toBe(pending - delivered)
      yield* Fiber.joinAll(fibers)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("maxPollTime: enough time delivers all", () =>
    Effect.gen(function* () {
      yield* Aio.setLimits({ maxPollTime: "1 minute", maxPollRequests: 100_000 })
      const fibers = yield* completions
      const { pending } = yield* Aio.stats
      expect(yield* AioBlocking.poll).toBe(pending)
      yield* Fiber.joinAll(fibers)
    }).pipe(Effect.provide(layer))
  )
})

describe("turns that follow each other without an iteration of the event loop", () => {
  /** What is done in turns, each of which ends `ended` requests and asks for another one, on a clock that each moves by `step`. */
  const turnsOf = (ended: number, step: number, maxPollRequests = 1024) =>
    Effect.gen(function* () {
      const log: Array<string> = []
      let time = 0
      const host = {
        limits: { ...defaultLimits(), maxPollRequests },
        beginTurns: () => void log.push("loop"),
        runTurn: (limit: number) => {
          log.push(`turn ${limit}`)
          time += step
          // As a fiber that was resumed: in a microtask of its own.
          void Promise.resolve().then(() => log.length < 20 && turns.ask())
          return ended
        }
      }
      const turns = new Turns(host, () => time)
      turns.ask()
      turns.ask()
      while (log.length < 20) yield* nextTurn
      return log
    })

  it.live("while fibers that were resumed ask for more, for a quarter of a millisecond", () =>
    Effect.gen(function* () {
      const log = yield* turnsOf(1, 0.1)
      expect(log.slice(0, 8)).toEqual([
        "loop",
        "turn 1024",
        "turn 1023",
        "turn 1022",
        "loop",
        "turn 1024",
        "turn 1023",
        "turn 1022"
      ])
    })
  )

  it.live("up to the limit of completions", () =>
    Effect.gen(function* () {
      expect((yield* turnsOf(4, 0, 8)).slice(0, 6)).toEqual(["loop", "turn 8", "turn 4", "loop", "turn 8", "turn 4"])
    })
  )

  it.live("not after a turn in which nothing has ended", () =>
    Effect.gen(function* () {
      expect((yield* turnsOf(0, 0)).slice(0, 4)).toEqual(["loop", "turn 1024", "loop", "turn 1024"])
    })
  )
})
