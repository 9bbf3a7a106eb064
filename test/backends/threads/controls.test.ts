/** The controls and limits can be read, changed one by one, and refuse what is no number of threads. */
import { availableParallelism } from "node:os"
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Either, Layer } from "effect"
import { Aio, MockAio, ThreadPool } from "effect-aio"

it.scopedLive("defaults", () =>
  Effect.gen(function* () {
    const threads = Math.max(4, availableParallelism())
    expect(yield* ThreadPool.controls).toEqual({
      minParallel: 0,
      maxParallel: threads,
      maxIdle: threads,
      idleTimeout: 10_000
    })
    expect(yield* Aio.limits).toEqual({
      maxPollRequests: 1024,
      maxPollTime: Duration.infinity,
      maxOutstanding: Number.POSITIVE_INFINITY
    })
  }).pipe(Effect.provide(ThreadPool.layer()))
)

it.scopedLive("a mock has no threads, and remembers what is set, for itself alone", () =>
  Effect.gen(function* () {
    const read = (layer: Layer.Layer<Aio.Aio, unknown>) =>
      Effect.provide(
        Effect.gen(function* () {
          const before = yield* ThreadPool.controls
          yield* ThreadPool.setMaxParallel(3)
          expect(yield* Effect.flip(ThreadPool.setMaxIdle(-1))).toMatchObject({ _tag: "AioBadArgument" })
          expect(yield* ThreadPool.controls).toEqual({ ...before, maxParallel: 3 })
          return before
        }),
        Layer.fresh(layer)
      )
    const mock = MockAio.layer()
    expect(yield* read(mock)).toEqual(yield* read(mock))
  })
)

it.scopedLive("what is set is read, and nothing else changes", () =>
  Effect.gen(function* () {
    const options = { minParallel: 1, maxParallel: 3, maxIdle: 2, idleTimeout: 5000 }
    const before = yield* ThreadPool.controls
    expect(before).toEqual(options)
    yield* ThreadPool.setMinParallel(2)
    yield* ThreadPool.setMaxParallel(9)
    yield* ThreadPool.setMaxIdle(7)
    yield* ThreadPool.setIdleTimeout("2 minutes")
    expect(yield* ThreadPool.controls).toEqual({ minParallel: 2, maxParallel: 9, maxIdle: 7, idleTimeout: 120_000 })
    yield* ThreadPool.setControls({ maxIdle: 0, idleTimeout: Duration.infinity })
    const after = { minParallel: 2, maxParallel: 9, maxIdle: 0, idleTimeout: Number.POSITIVE_INFINITY }
    expect(yield* ThreadPool.controls).toEqual(after)
    // What was read before is a value.
    expect(before).toEqual(options)
    yield* Aio.nop()
    expect(yield* Aio.limits).toMatchObject({ maxPollRequests: 7, maxOutstanding: 5 })
    yield* Aio.setLimits({ maxPollRequests: 8 })
    yield* Aio.setLimits({ maxPollTime: "3 millis" })
    yield* Aio.setLimits({ maxOutstanding: 6 })
    expect(yield* Aio.limits).toEqual({ maxPollRequests: 8, maxPollTime: Duration.millis(3), maxOutstanding: 6 })
  }).pipe(
    Effect.provide(
      ThreadPool.layer({
        minParallel: 1,
        maxParallel: 3,
        maxIdle: 2,
        idleTimeout: "5 seconds",
        maxPollRequests: 7,
        maxOutstanding: 5
      })
    )
  )
)

it.scopedLive("after the end of the Layer they can be set, and start nothing", () =>
  Effect.gen(function* () {
    const service = yield* Effect.tap(Aio.Aio, Aio.nop()).pipe(Effect.provide(ThreadPool.layer()))
    const change = Effect.zip(ThreadPool.setControls({ minParallel: 2 }), Aio.setLimits({ maxOutstanding: 3 }))
    const { threads } = yield* Effect.provideService(Aio.stats, Aio.Aio, service)
    yield* Effect.provideService(change, Aio.Aio, service)
    yield* Effect.sleep(10)
    expect(yield* Effect.provideService(Aio.stats, Aio.Aio, service)).toMatchObject({ threads })
  })
)

const wrong = [-1, 1.5, Number.NaN, Number.NEGATIVE_INFINITY]

describe("refused, and nothing changes", () => {
  for (const value of wrong) {
    it.scopedLive(`${value} threads`, () =>
      Effect.gen(function* () {
        const before = yield* ThreadPool.controls
        const setters = {
          minParallel: ThreadPool.setMinParallel(value),
          maxParallel: ThreadPool.setMaxParallel(value),
          maxIdle: ThreadPool.setMaxIdle(value)
        }
        for (const [argument, setter] of Object.entries(setters)) {
          const error = yield* Effect.flip(setter)
          expect(error).toMatchObject({ _tag: "AioBadArgument", argument })
          expect(error.message).toContain(String(value))
        }
        const both = yield* Effect.flip(ThreadPool.setControls({ maxParallel: 3, maxIdle: value }))
        expect(both).toMatchObject({ _tag: "AioBadArgument", argument: "maxIdle" })
        expect(yield* ThreadPool.controls).toEqual(before)
      }).pipe(Effect.provide(ThreadPool.layer()))
    )
  }

  for (const value of [...wrong, 0]) {
    it.scopedLive(`limits of ${value}`, () =>
      Effect.gen(function* () {
        const before = yield* Aio.limits
        for (const argument of ["maxPollRequests", "maxOutstanding"]) {
          const error = yield* Effect.flip(Aio.setLimits({ maxPollTime: 1, [argument]: value }))
          expect(error).toMatchObject({ _tag: "AioBadArgument", argument })
        }
        expect(yield* Aio.limits).toEqual(before)
      }).pipe(Effect.provide(ThreadPool.layer()))
    )
  }

  // A pool of -1 threads would be built, and every request would wait for ever.
  for (const option of ["minParallel", "maxParallel", "maxIdle", "maxPollRequests", "maxOutstanding"] as const) {
    it.live(`a Layer with such a ${option}`, () =>
      Effect.gen(function* () {
        for (const value of wrong) {
          const built = yield* Effect.either(Effect.scoped(Layer.build(ThreadPool.layer({ [option]: value }))))
          expect(Either.isLeft(built)).toBe(true)
        }
      })
    )
  }
})
