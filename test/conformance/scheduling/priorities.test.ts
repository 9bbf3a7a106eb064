/** Requests of higher priority overtake what has not started, on every backend. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"

const priorities = [-4, -1, -1, 0, 0, -4, 2, 0, 4, -1, 4, 2]

/** By priority, then as submitted. */
const inOrder = priorities.map((_, index) => index).sort((a, b) => priorities[b] - priorities[a] || a - b)

describe.each(backends)("$name: priorities", ({ layerWith, world }) => {
  it.scopedLive("with one request under way at a time, what is queued goes by priority, in order within one", () =>
    Effect.gen(function* () {
      const [reader] = yield* world.pipe
      const first = yield* Effect.fork(Aio.read(reader, new Uint8Array(1)))
      yield* statsReach({ executing: 1 })
      const order: Array<number> = []
      const fibers = yield* Effect.forEach(priorities, (priority, index) =>
        Effect.fork(
          Aio.withPriority(
            Effect.tap(Aio.nop(), () => Effect.sync(() => order.push(index))),
            priority
          )
        )
      )
      yield* statsReach({ held: priorities.length })
      expect(order).toEqual([])
      yield* Fiber.interrupt(first)
      yield* Effect.timeout(Fiber.joinAll(fibers), "30 seconds")
      expect(order).toEqual(inOrder)
    }).pipe(Effect.provide(layerWith({ maxOutstanding: 1 })))
  )

  it.scopedLive("one of high priority that comes late overtakes a thousand low ones", () =>
    Effect.gen(function* () {
      const [reader] = yield* world.pipe
      const first = yield* Effect.fork(Aio.read(reader, new Uint8Array(1)))
      yield* statsReach({ executing: 1 })
      let done = 0
      const nop = Effect.tap(Aio.nop(), () => Effect.sync(() => done++))
      const low = yield* Effect.forEach(Array.from({ length: 1000 }), () => Effect.fork(Aio.withPriority(nop, -1)))
      yield* statsReach({ held: 1000 })
      const high = yield* Effect.fork(
        Aio.withPriority(
          Effect.map(Aio.nop(), () => done),
          1
        )
      )
      yield* statsReach({ held: 1001 })
      yield* Fiber.interrupt(first)
      expect(yield* Effect.timeout(Fiber.join(high), "30 seconds")).toBe(0)
      yield* Effect.timeout(Fiber.joinAll(low), "30 seconds")
      expect(done).toBe(1000)
    }).pipe(Effect.provide(layerWith({ maxOutstanding: 1 })))
  )
})
