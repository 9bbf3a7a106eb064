/** Requests that wait for `maxOutstanding` are not overtaken by those that come later. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { nextTurn } from "../../support/moments.ts"

describe.each(backends)("$name", ({ layerWith }) => {
  it.scopedLive("also while others keep coming", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const nop = (name: string) => Effect.tap(Aio.nop(), () => Effect.sync(() => order.push(name)))
      // Each asks for its next at the very moment in which it makes room.
      const stream = yield* Effect.fork(
        Effect.forEach(
          Array.from({ length: 4 }),
          () => Effect.forEach(Array.from({ length: 200 }), () => nop("late"), { discard: true }),
          { concurrency: 4, discard: true }
        )
      )
      yield* nextTurn
      const early = yield* Effect.fork(nop("early"))
      yield* Fiber.join(stream)
      yield* Fiber.join(early)
      expect(order.indexOf("early")).toBeLessThan(100)
    }).pipe(Effect.provide(layerWith({ maxOutstanding: 2 })))
  )
})
