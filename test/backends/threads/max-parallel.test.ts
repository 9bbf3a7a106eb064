/** `maxParallel` changed while the pool runs: up, down, to 0 and up again. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioBlocking, ThreadPool } from "effect-aio"
import { statsReach } from "../../support/engine.ts"
import { settled } from "../../support/processState.ts"
import { busy, executing, threadsFromHere } from "./fixtures/pool.ts"

const withPool = (maxParallel: number) => Effect.provide(ThreadPool.layer({ inline: false, maxParallel, maxIdle: 16 }))

it.scopedLive("raised: what waited for a thread gets one", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    const { release } = yield* busy(8)
    yield* statsReach({ executing: 2, ready: 6 })
    yield* ThreadPool.setMaxParallel(5)
    yield* statsReach({ executing: 5, ready: 3 })
    expect(extra()).toBe(5)
    yield* ThreadPool.setMaxParallel(100)
    yield* statsReach({ executing: 8, ready: 0 })
    expect(extra()).toBe(8)
    yield* release()
  }).pipe(withPool(2))
)

it.scopedLive("lowered with idle threads: the surplus is gone when it is done", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    const { release } = yield* busy(8)
    yield* executing(8)
    yield* release()
    for (const limit of [7, 3, 1, 0]) {
      yield* ThreadPool.setMaxParallel(limit)
      expect([extra(), (yield* Aio.stats).threads]).toEqual([limit, limit])
    }
  }).pipe(withPool(8))
)

it.scopedLive("lowered with busy threads: waits for calls to end, and no new ones start", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    const { release } = yield* busy(6)
    yield* executing(4)
    const lowered = yield* Effect.fork(ThreadPool.setMaxParallel(2))
    yield* Effect.sleep(100)
    expect(lowered.unsafePoll()).toBeNull()
    expect(yield* Aio.stats).toMatchObject({ executing: 4, ready: 2 })
    yield* release(0)
    yield* release(1)
    yield* Fiber.join(lowered)
    expect(extra()).toBe(2)
    expect(yield* Aio.stats).toMatchObject({ executing: 2, ready: 2, threads: 2 })
    yield* release()
    expect(extra()).toBe(2)
  }).pipe(withPool(4))
)

it.scopedLive("0: what was handed over is drained, all threads are gone, new requests wait until it is raised", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    const { release } = yield* busy(2)
    yield* executing(2)
    const handed = yield* Effect.forEach(Array.from({ length: 500 }), () => Effect.fork(Aio.nop()))
    yield* statsReach({ outstanding: 502 })
    yield* AioBlocking.poll
    const stopped = yield* Effect.fork(ThreadPool.setMaxParallel(0))
    yield* Effect.sleep(20)
    const later = yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.fork(Aio.nop()))
    yield* Effect.sleep(80)
    expect(stopped.unsafePoll()).toBeNull()
    yield* release()
    yield* Fiber.join(stopped)
    expect([extra(), (yield* Aio.stats).threads]).toEqual([0, 0])
    yield* Fiber.joinAll(handed)
    yield* Effect.sleep(50)
    expect(later.every((fiber) => fiber.unsafePoll() === null)).toBe(true)
    expect(yield* Aio.stats).toMatchObject({ outstanding: 50, ready: 50, executing: 0, threads: 0 })
    // A waiting one can be interrupted, at once.
    yield* Fiber.interrupt(later[7])
    expect((yield* Aio.stats).outstanding).toBe(49)
    yield* ThreadPool.setMaxParallel(1)
    yield* Fiber.joinAll(later.filter((_, index) => index !== 7))
    expect(extra()).toBe(1)
  }).pipe(withPool(2))
)

it.scopedLive("0 before the first request, and from the start", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    yield* ThreadPool.setMaxParallel(0)
    const waiting = yield* Effect.fork(Aio.nop())
    yield* Effect.sleep(100)
    expect([extra(), waiting.unsafePoll()]).toEqual([0, null])
    yield* ThreadPool.setMaxParallel(3)
    yield* Fiber.join(waiting)
    expect(extra()).toBe(1)
  }).pipe(withPool(0))
)

it.scopedLive("an order that is taken back ends, too", () =>
  Effect.gen(function* () {
    const { release } = yield* busy(1)
    yield* executing(1)
    const stopped = yield* Effect.fork(ThreadPool.setMaxParallel(0))
    yield* Effect.sleep(30)
    yield* ThreadPool.setMaxParallel(2)
    // The thread in its call stays: nobody asks for its end any more.
    expect(yield* settled(() => stopped.unsafePoll() !== null, true)).toBe(true)
    yield* release()
  }).pipe(withPool(2))
)

describe("up and down under load", () => {
  it.scopedLive("every request is answered once", () =>
    Effect.gen(function* () {
      const extra = yield* threadsFromHere
      let answered = 0
      const load = yield* Effect.fork(
        Effect.forEach(
          Array.from({ length: 20_000 }),
          () =>
            Effect.zipRight(
              Aio.nop(),
              Effect.sync(() => answered++)
            ),
          {
            concurrency: 64,
            discard: true
          }
        )
      )
      for (const limit of [8, 1, 5, 0, 2, 0, 7, 3]) {
        yield* ThreadPool.setMaxParallel(limit)
        expect(extra()).toBeLessThanOrEqual(limit)
        yield* Effect.sleep(10)
      }
      yield* Fiber.join(load)
      expect(answered).toBe(20_000)
      expect(yield* Aio.stats).toMatchObject({ submitted: 20_000, completed: 20_000, outstanding: 0 })
    }).pipe(withPool(4))
  )
})
