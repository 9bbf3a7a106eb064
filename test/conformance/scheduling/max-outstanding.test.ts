/** `maxOutstanding`: so many requests are under way at once; the others are held, in order, and can be given up. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, IoUring, ThreadPool } from "effect-aio"
import { busy, busyNative } from "../../backends/threads/fixtures/pool.ts"
import { ioUringBackends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { bestOf } from "../../support/patience.ts"

const mechanisms = [
  { name: "threads", layer: (n: number) => ThreadPool.layer({ inline: false, maxParallel: 16, maxOutstanding: n }) },
  ...(ioUringBackends.length > 0
    ? [{ name: "io_uring", layer: (n: number) => IoUring.layer({ inline: false, maxOutstanding: n }) }]
    : [])
]

describe.each(mechanisms)("$name", ({ layer, name }) => {
  const occupy = name === "threads" ? busy : busyNative

  it.scopedLive("no more than so many, the others held", () =>
    Effect.gen(function* () {
      const { release } = yield* occupy(10)
      yield* statsReach({ executing: 3 })
      yield* Effect.sleep(50)
      expect(yield* Aio.stats).toMatchObject({ outstanding: 10, held: 7, ready: 0, executing: 3, pending: 0 })
      yield* release(0)
      yield* statsReach({ outstanding: 9, held: 6, executing: 3 })
      yield* release()
      expect(yield* Aio.stats).toMatchObject({ outstanding: 0, held: 0, completed: 10 })
    }).pipe(Effect.provide(layer(3)))
  )

  it.scopedLive("in order", () =>
    Effect.gen(function* () {
      const order: Array<number> = []
      const first = yield* occupy(1)
      const fibers = yield* Effect.forEach(
        Array.from({ length: 500 }, (_, index) => index),
        (index) =>
          Effect.fork(
            Effect.zipRight(
              Aio.nop(),
              Effect.sync(() => order.push(index))
            )
          )
      )
      yield* Effect.sleep(50)
      expect(order).toEqual([])
      yield* first.release()
      yield* Fiber.joinAll(fibers)
      expect(order).toEqual(Array.from({ length: 500 }, (_, index) => index))
    }).pipe(Effect.provide(layer(1)))
  )

  it.scopedLive("a held one is interrupted at once, and never runs", () =>
    Effect.gen(function* () {
      const { fibers, release } = yield* occupy(8)
      yield* Effect.sleep(50)
      let cancelled = 0
      const once = Effect.suspend(() => {
        const start = performance.now()
        return Effect.map(Fiber.interrupt(fibers[2 + cancelled++]), () => [performance.now() - start])
      })
      expect(yield* bestOf(once, 100)).toBeLessThan(100)
      expect(yield* Aio.stats).toMatchObject({ outstanding: 8 - cancelled, held: 7 - cancelled, cancelled })
      yield* Fiber.interruptAll(fibers.slice(2, 7))
      for (const index of [0, 1, 7]) yield* release(index)
      expect(yield* Aio.stats).toMatchObject({ outstanding: 0, held: 0 })
    }).pipe(Effect.provide(layer(1)))
  )

  it.scopedLive("raised: they go; lowered: those under way stay", () =>
    Effect.gen(function* () {
      const { release } = yield* occupy(8)
      yield* statsReach({ executing: 2 })
      yield* Aio.setLimits({ maxOutstanding: 5 })
      yield* statsReach({ executing: 5 })
      expect((yield* Aio.stats).held).toBe(3)
      yield* Aio.setLimits({ maxOutstanding: 1 })
      yield* Effect.sleep(50)
      expect(yield* Aio.stats).toMatchObject({ executing: 5, held: 3 })
      yield* release(0)
      yield* release(1)
      yield* Effect.sleep(50)
      yield* statsReach({ executing: 3, held: 3 })
      yield* Aio.setLimits({ maxOutstanding: Number.POSITIVE_INFINITY })
      yield* statsReach({ executing: 6 })
      expect((yield* Aio.stats).held).toBe(0)
      yield* release()
    }).pipe(Effect.provide(layer(2)))
  )

  it.scopedLive("held by priority", () =>
    Effect.gen(function* () {
      const order: Array<number> = []
      const first = yield* occupy(1)
      const fibers = yield* Effect.forEach([0, -4, 4, 1, 4, -4], (priority, index) =>
        Effect.fork(
          Effect.zipRight(
            Aio.withPriority(Aio.nop(), priority),
            Effect.sync(() => order.push(index))
          )
        )
      )
      yield* Effect.sleep(50)
      yield* first.release()
      yield* Fiber.joinAll(fibers)
      expect(order).toEqual([2, 4, 3, 0, 1, 5])
    }).pipe(Effect.provide(layer(1)))
  )

  it.live("a Layer that closes gives the held ones up, too", () =>
    Effect.gen(function* () {
      const fibers = yield* Effect.scoped(
        Effect.gen(function* () {
          const { fibers } = yield* occupy(5)
          yield* Effect.sleep(30)
          return fibers
        })
      ).pipe(Effect.provide(layer(1)), Effect.timeout("20 seconds"))
      yield* Fiber.awaitAll(fibers)
    })
  )
})
