/** How many threads there are while there is work: none before, as many as needed, never more than allowed. */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, ThreadPool } from "effect-aio"
import { statsReach } from "../../support/engine.ts"
import { settled } from "../../support/processState.ts"
import { busy, executing, threadsFromHere } from "./fixtures/pool.ts"

const withPool = (options: ThreadPool.Options) => Effect.provide(ThreadPool.layer({ inline: false, ...options }))

it.scopedLive("none before the first request, one for one request", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    yield* Effect.gen(function* () {
      yield* Effect.sleep(50)
      expect([extra(), (yield* Aio.stats).threads]).toEqual([0, 0])
      for (let i = 0; i < 20; i++) yield* Aio.nop()
      expect([extra(), (yield* Aio.stats).threads]).toEqual([1, 1])
    }).pipe(withPool({ maxParallel: 8 }))
    expect(yield* settled(extra, 0)).toBe(0)
  })
)

it.scopedLive("none at all for what is answered on the spot", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    for (let i = 0; i < 100; i++) yield* Aio.stat("/proc/../tmp")
    expect([extra(), (yield* Aio.stats).inline]).toEqual([0, 100])
  }).pipe(Effect.provide(ThreadPool.layer()))
)

it.scopedLive("one for each request that waits, up to maxParallel", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    for (const count of [1, 3, 5]) {
      const { release } = yield* busy(count)
      // Counts are of different moments: a thread that is between two requests has one of them a little longer.
      yield* statsReach({ executing: count, ready: 0, threads: count, idleThreads: 0 })
      expect(extra()).toBe(count)
      yield* release()
      // A thread that is still awake will take what comes next, but who is put off on its way to sleep is not there yet.
      yield* statsReach({ idleThreads: count })
    }
    const { release } = yield* busy(9)
    yield* statsReach({ executing: 6, ready: 3, threads: 6, idleThreads: 0 })
    yield* Effect.sleep(100)
    expect(extra()).toBe(6)
    yield* release()
    expect(extra()).toBe(6)
  }).pipe(withPool({ maxParallel: 6, maxIdle: 6 }))
)

it.scopedLive("a burst of short requests stays within maxParallel", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    yield* Effect.forEach(Array.from({ length: 3000 }), () => Aio.nop(), { concurrency: "unbounded", discard: true })
    expect(extra()).toBeGreaterThanOrEqual(1)
    expect(extra()).toBeLessThanOrEqual(2)
  }).pipe(withPool({ maxParallel: 2 }))
)

it.scopedLive("minParallel are started with the first request", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    yield* Effect.sleep(50)
    expect(extra()).toBe(0)
    yield* Aio.nop()
    expect(yield* settled(extra, 3)).toBe(3)
    yield* ThreadPool.setMinParallel(5)
    expect(yield* settled(extra, 5)).toBe(5)
    expect((yield* Aio.stats).threads).toBe(5)
    yield* ThreadPool.setMinParallel(100)
    expect(yield* settled(extra, 7)).toBe(7)
    yield* Effect.sleep(150)
    expect(extra()).toBe(7)
  }).pipe(withPool({ minParallel: 3, maxParallel: 7, maxIdle: 0, idleTimeout: "1 minute" }))
)

it.scopedLive("maxParallel: Infinity is 256, and the threads stay", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    const { release } = yield* busy(12)
    expect((yield* executing(12)).executing).toBe(12)
    yield* release()
    yield* Effect.sleep(200)
    expect(extra()).toBe(12)
  }).pipe(withPool({ maxParallel: Number.POSITIVE_INFINITY, maxIdle: Number.POSITIVE_INFINITY, idleTimeout: 50 }))
)
