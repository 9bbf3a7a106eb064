/** What waits for a peer takes no thread, or does not count as one. */
import { expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, ThreadPool } from "effect-aio"
import { makeFifos } from "../../support/fifo.ts"
import { settled } from "../../support/processState.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { busy, busyNative, executing, threadsFromHere } from "./fixtures/pool.ts"

const withPool = (options: ThreadPool.Options) => Effect.provide(ThreadPool.layer({ inline: false, ...options }))

/** Opens of FIFOs without the other side, each of which keeps a thread. */
const openFifos = (count: number) =>
  Effect.gen(function* () {
    const paths = makeFifos(yield* temporaryDirectory, count)
    return yield* Effect.forEach(paths, (path) => Effect.forkScoped(Aio.open(path)))
  })

it.scopedLive("reads of idle pipes: no thread, until there is data", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    const { release } = yield* busyNative(30)
    yield* Effect.sleep(100)
    expect(extra()).toBe(0)
    expect(yield* Aio.stats).toMatchObject({ outstanding: 30, executing: 30, threads: 0 })
    yield* release()
    expect(extra()).toBeGreaterThanOrEqual(1)
    expect(extra()).toBeLessThanOrEqual(2)
  }).pipe(withPool({ maxParallel: 2 }))
)

it.scopedLive("opens of FIFOs: threads of their own, which end with them", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    const fibers = yield* openFifos(6)
    // The seventh works for the others.
    yield* Effect.timeout(Aio.nop(), "20 seconds")
    expect(extra()).toBeGreaterThanOrEqual(7)
    expect(extra()).toBeLessThanOrEqual(8)
    yield* Fiber.interruptAll(fibers)
    expect(yield* settled(extra, 1)).toBe(1)
  }).pipe(withPool({ maxParallel: 2, maxIdle: 1, idleTimeout: 50 }))
)

it.scopedLive("controls are set though opens wait for ever", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    const fibers = yield* openFifos(4)
    yield* Effect.timeout(Aio.nop(), "20 seconds")
    yield* Effect.timeout(ThreadPool.setMaxIdle(3), "20 seconds")
    yield* Effect.timeout(ThreadPool.setMaxParallel(3), "20 seconds")
    yield* Effect.timeout(ThreadPool.setMaxParallel(1), "20 seconds")
    expect(extra()).toBeLessThanOrEqual(5)
    yield* Effect.timeout(Aio.nop(), "20 seconds")
    // All threads: with the opens, too.
    const stopped = yield* Effect.fork(ThreadPool.setMaxParallel(0))
    yield* Effect.sleep(50)
    expect(stopped.unsafePoll()).toBeNull()
    yield* Fiber.interruptAll(fibers)
    yield* Fiber.join(stopped)
    expect(extra()).toBe(0)
  }).pipe(withPool({ maxParallel: 2 }))
)

it.scopedLive("opens that only wait for a thread get none of their own", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    const { release } = yield* busy(2)
    yield* executing(2)
    const opens = yield* Effect.forEach(Array.from({ length: 50 }), () =>
      Effect.forkScoped(Effect.flatMap(Aio.open("/"), Aio.close))
    )
    // Several looks at opens that take long.
    yield* Effect.sleep(200)
    expect(extra()).toBe(2)
    yield* release()
    yield* Effect.timeout(Fiber.joinAll(opens), "20 seconds")
  }).pipe(withPool({ maxParallel: 2 }))
)

it.scopedLive("threads that are busy otherwise do count", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    const { release } = yield* busyNative(2)
    yield* executing(2)
    yield* release()
    yield* Effect.forEach(Array.from({ length: 500 }), () => Aio.statvfs("/"), { concurrency: 100, discard: true })
    expect(extra()).toBeLessThanOrEqual(2)
  }).pipe(withPool({ maxParallel: 2 }))
)
