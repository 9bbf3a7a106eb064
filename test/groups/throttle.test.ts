/** Rates: by Effect's Clock, so that a test need not wait. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { Aio, AioGroup } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { nextTurn } from "../support/moments.ts"

/** Until nothing changes any more in real time; the Clock stands still. */
const untilQuiet = (group: AioGroup.AioGroup) =>
  Effect.gen(function* () {
    const { engine } = yield* Aio.Aio
    for (let quiet = 0, last = -1; quiet < 20; ) {
      yield* nextTurn
      const { ended } = yield* group.stats
      quiet = ended === last && engine.outstanding === 0 ? quiet + 1 : 0
      last = ended
    }
    return (yield* group.stats).ended
  })

const nops = (count: number) => Array.from({ length: count }, () => Aio.request.nop())

describe.each(realBackends)("$name", ({ layer }) => {
  it.scoped("requests in a second", () =>
    Effect.gen(function* () {
      const group = yield* AioGroup.make({ requestsPerSecond: 100 })
      const feeding = yield* Effect.fork(group.feed(nops(60)))
      // A tenth of a second's worth at once.
      expect(yield* untilQuiet(group)).toBe(10)
      yield* TestClock.adjust("100 millis")
      expect(yield* untilQuiet(group)).toBe(20)
      for (let i = 0; i < 10; i++) {
        yield* TestClock.adjust("10 millis")
        yield* untilQuiet(group)
      }
      expect(yield* untilQuiet(group)).toBe(30)
      // After a pause no more than the bucket holds.
      yield* TestClock.adjust("10 seconds")
      yield* untilQuiet(group)
      expect(yield* untilQuiet(group)).toBeLessThanOrEqual(60)
      for (let i = 0; i < 40; i++) {
        yield* TestClock.adjust("10 millis")
        yield* untilQuiet(group)
      }
      expect(yield* Fiber.join(feeding)).toEqual({ requests: 60, failed: 0 })
    }).pipe(Effect.provide(layer))
  )

  it.scoped("bytes in a second, whatever their sizes; held by the group around, too", () =>
    Effect.gen(function* () {
      const outer = yield* AioGroup.make({ bytesPerSecond: 1000, onFailure: "continue" })
      const group = yield* outer.group({ requestsPerSecond: 1_000_000, onFailure: "continue" })
      // Larger than a bucket: each is made up for. The descriptor is none, so nothing is really written.
      const writes = Array.from({ length: 5 }, () => Aio.request.write(1_000_000, new Uint8Array(500)))
      const feeding = yield* Effect.fork(group.feed(writes))
      const ends: Array<number> = []
      for (let i = 0; i < 25; i++) {
        ends.push(yield* untilQuiet(group))
        yield* TestClock.adjust("100 millis")
      }
      // 500 bytes are half a second.
      expect(ends[0]).toBe(1)
      expect(ends[4]).toBe(1)
      expect(ends[6]).toBe(2)
      expect(ends[11]).toBe(3)
      expect(ends[24]).toBe(5)
      expect((yield* Fiber.join(feeding)).requests).toBe(5)
    }).pipe(Effect.provide(layer))
  )

  it.scoped("a group that waits for its rate can be cancelled, and closed", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const group = yield* AioGroup.make({ requestsPerSecond: 1 })
          const feeding = yield* Effect.fork(group.feed(nops(10)))
          expect(yield* untilQuiet(group)).toBe(1)
          yield* group.cancel
          expect((yield* Fiber.await(feeding))._tag).toBe("Failure")
          yield* group.addAll(nops(3))
        })
      )
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scoped("rates that are none", () =>
    Effect.gen(function* () {
      for (const options of [{ requestsPerSecond: 0 }, { bytesPerSecond: -1 }, { limit: 0.5 }]) {
        expect(yield* Effect.flip(AioGroup.make(options))).toMatchObject({ _tag: "AioBadArgument" })
      }
    }).pipe(Effect.provide(layer))
  )
})
