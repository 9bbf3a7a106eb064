/** Threads that die: what they were working on ends with an error, everything else goes on with others. */
import type { Worker } from "node:worker_threads"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Exit, Fiber } from "effect"
import { Aio, ThreadPool } from "effect-aio"
import { busy, executing, threadsFromHere } from "./fixtures/pool.ts"

const withPool = (maxParallel: number) => Effect.provide(ThreadPool.layer({ inline: false, maxParallel }))

/**
 * Asks for the death of all threads that are up; those in a system call die when it is over. Through what nobody but a test may touch.
 * Node does not survive the end of a thread that is still loading native code, so those are spared.
 */
const kill = Effect.map(Aio.Aio, ({ engine }): ReadonlyArray<Promise<number>> => {
  const { threads } = engine.backend as any
  if (threads === undefined) return []
  const workers: ReadonlyArray<Worker | undefined> = threads.workers
  return workers.flatMap((worker, index) =>
    worker !== undefined && Atomics.load(threads.views.tids, index) > 0 ? [worker.terminate()] : []
  )
})

const within = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.timeout(effect, "20 seconds")

it.scopedLive("idle threads: the next request has a new one", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    const { release } = yield* busy(3)
    yield* executing(3)
    yield* release()
    const deaths = yield* kill
    yield* Effect.promise(() => Promise.all(deaths))
    expect(extra()).toBe(0)
    yield* within(Aio.nop())
    expect([extra(), (yield* Aio.stats).threads]).toEqual([1, 1])
  }).pipe(withPool(3))
)

it.scopedLive("requests that come while idle threads die are answered", () =>
  Effect.gen(function* () {
    for (let round = 0; round < 10; round++) {
      yield* within(Aio.nop())
      yield* kill
      const exits = yield* within(
        Effect.forEach(Array.from({ length: 20 }), () => Effect.exit(Aio.nop()), { concurrency: 20 })
      )
      expect(exits.length).toBe(20)
    }
    yield* within(Aio.nop())
    expect((yield* Aio.stats).outstanding).toBe(0)
  }).pipe(withPool(2))
)

describe("in a call", () => {
  it.scopedLive("that ends by itself: a typed error or the result", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 15; round++) {
        const { fibers, release } = yield* busy(2)
        yield* executing(2)
        yield* kill
        yield* Effect.sleep(5)
        yield* Effect.fork(Effect.ignore(release()))
        for (const exit of yield* within(Effect.forEach(fibers, (fiber) => Effect.either(Fiber.join(fiber))))) {
          if (Either.isLeft(exit)) expect(exit.left).toMatchObject({ _tag: "AioError", code: "EIO", operation: "read" })
        }
        yield* within(Aio.nop())
      }
    }).pipe(withPool(2))
  )

  it.scopedLive("that is interrupted: the fiber ends", () =>
    Effect.gen(function* () {
      const { fibers } = yield* busy(2)
      yield* executing(2)
      yield* kill
      const exits = yield* within(Effect.forEach(fibers, Fiber.interrupt, { concurrency: 2 }))
      expect(exits.every(Exit.isInterrupted)).toBe(true)
      expect((yield* Aio.stats).outstanding).toBe(0)
      yield* within(Aio.nop())
    }).pipe(withPool(2))
  )

  it.scopedLive("with requests queued behind it: they run on the next thread", () =>
    Effect.gen(function* () {
      const first = yield* busy(1)
      yield* executing(1)
      const queued = yield* Effect.forEach(Array.from({ length: 2000 }), () => Effect.fork(Aio.nop()))
      yield* Effect.sleep(20)
      yield* kill
      yield* Effect.fork(Effect.ignore(first.release()))
      yield* within(Fiber.joinAll(queued))
      yield* within(Fiber.await(first.fibers[0]))
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(withPool(1))
  )
})

it.scopedLive("again and again under load: every request ends once", () =>
  Effect.gen(function* () {
    let ended = 0
    const load = yield* Effect.fork(
      Effect.forEach(
        Array.from({ length: 5000 }),
        () =>
          Effect.zipRight(
            Effect.either(Aio.statvfs("/")),
            Effect.sync(() => ended++)
          ),
        { concurrency: 50, discard: true }
      )
    )
    for (let round = 0; round < 15 && load.unsafePoll() === null; round++) {
      yield* Effect.sleep(40)
      yield* kill
    }
    yield* Effect.timeout(Fiber.join(load), 40_000)
    expect(ended).toBe(5000)
    yield* within(Aio.nop())
    expect((yield* Aio.stats).outstanding).toBe(0)
  }).pipe(withPool(3))
)
