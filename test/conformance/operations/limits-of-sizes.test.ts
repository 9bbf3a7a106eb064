/** Numbers that are no sizes, budgets that are none. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Aio, AioFile, AioMetrics, IoUring, ThreadPool } from "effect-aio"
import { realBackends as backends } from "../../support/backends.ts"

const self = "/proc/self/exe"

describe.each(backends)("$name", ({ layer }) => {
  it.scopedLive("more bytes than an array can have", () =>
    Effect.gen(function* () {
      const file = yield* AioFile.open(self)
      expect(yield* Effect.flip(file.readAlloc(2 ** 40))).toMatchObject({ _tag: "AioBadArgument", argument: "length" })
      expect(yield* Effect.flip(file.readExactly(2 ** 40))).toMatchObject({ _tag: "AioBadArgument", argument: "into" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a file can be printed", () =>
    Effect.gen(function* () {
      for (const path of [self, Uint8Array.from(Buffer.from(self))]) {
        const file = yield* AioFile.open(path)
        expect(JSON.parse(JSON.stringify(file))).toEqual({ _id: "AioFile", fd: file.fd, path: self, closed: false })
      }
    }).pipe(Effect.provide(layer))
  )

  it.live("statistics after the Layer has gone are zeros, not an end of the program", () =>
    Effect.gen(function* () {
      const service = yield* Effect.tap(Aio.Aio, Aio.nop()).pipe(Effect.provide(layer))
      const stats = yield* Effect.provideService(Aio.stats, Aio.Aio, service)
      expect(stats).toMatchObject({ outstanding: 0, ready: 0, executing: 0, pending: 0 })
      yield* Effect.scoped(Effect.provideService(Layer.build(AioMetrics.layer()), Aio.Aio, service))
    })
  )
})

describe.each([
  ["io_uring", IoUring.layer],
  ["threads", ThreadPool.layer]
] as const)("%s", (_, layer) => {
  it.live("a budget of no bytes is none: everything goes to the backend", () =>
    Effect.gen(function* () {
      expect((yield* Aio.stat("/")).type).toBe("Directory")
      expect((yield* Aio.stats).inline).toBe(0)
    }).pipe(Effect.timeout(5000), Effect.provide(layer({ inline: { bytes: 0 } })))
  )

  it.live.each([
    { inline: { bytes: Number.NaN } },
    { inline: { requests: -1 } },
    { inline: { requests: 1.5 } },
    { maxPollRequests: 0 }
  ])("%o", (options) =>
    Effect.gen(function* () {
      expect((yield* Effect.flip(Effect.provide(Aio.nop(), layer(options))))._tag).toBe("AioUnavailable")
    })
  )
})
