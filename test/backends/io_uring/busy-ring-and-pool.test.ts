/** What io_uring leaves to its threads gets its turns however busy the ring is. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio } from "effect-aio"
import { ioUringBackends } from "../../support/backends.ts"

describe.each(ioUringBackends)("$name", ({ layerWith }) => {
  it.scopedLive("though every turn delivers as much as it may", () =>
    Effect.gen(function* () {
      yield* Aio.statvfs("/")
      const flood = yield* Effect.fork(
        Effect.forEach(Array.from({ length: 64 }), () => Effect.forever(Aio.nop()), {
          concurrency: "unbounded",
          discard: true
        })
      )
      for (let i = 0; i < 20; i++) yield* Effect.timeout(Aio.statvfs("/"), "20 seconds")
      yield* Fiber.interrupt(flood)
      expect((yield* Aio.stats).backend).toBe("io_uring")
    }).pipe(Effect.provide(layerWith({ maxPollRequests: 4 })))
  )
})
