/** Threads without work: how many stay, for how long, and what they cost. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, ThreadPool } from "effect-aio"
import { statsReach } from "../../support/engine.ts"
import { quietest } from "../../support/patience.ts"
import { settled } from "../../support/processState.ts"
import { busy, executing, threadsFromHere } from "./fixtures/pool.ts"

const withPool = (options: ThreadPool.Options) =>
  Effect.provide(ThreadPool.layer({ inline: false, maxParallel: 6, ...options }))

/** Starts six threads and lets them go idle: not before `since`. */
const sixSince = Effect.gen(function* () {
  const extra = yield* threadsFromHere
  const { release } = yield* busy(6)
  yield* executing(6)
  const since = performance.now()
  yield* release()
  return { extra, since }
})

const six = Effect.map(sixSince, ({ extra }) => extra)

it.scopedLive("threads beyond maxIdle end after idleTimeout, the others stay", () =>
  Effect.gen(function* () {
    const { extra, since } = yield* sixSince
    // Asked for the first that ends, not at some moment in between: the machine may stand still for all of the timeout.
    expect(yield* settled(() => extra() < 6, true)).toBe(true)
    expect(performance.now() - since).toBeGreaterThan(295)
    expect(yield* settled(extra, 2)).toBe(2)
    yield* Effect.sleep(500)
    expect(extra()).toBe(2)
    yield* statsReach({ threads: 2, idleThreads: 2 })
    // They are alive: more work, more threads, and down again.
    const { release } = yield* busy(5)
    expect((yield* executing(5)).executing).toBe(5)
    yield* release()
    expect(yield* settled(extra, 2)).toBe(2)
  }).pipe(withPool({ maxIdle: 2, idleTimeout: 300 }))
)

it.scopedLive("of threads that go idle at the same moment, as many stay as may", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    for (let round = 0; round < 40; round++) {
      const { release } = yield* busy(6)
      yield* executing(6)
      yield* release()
      expect([round, yield* settled(extra, 2)]).toEqual([round, 2])
    }
  }).pipe(withPool({ maxIdle: 2, idleTimeout: 10 }))
)

it.scopedLive("maxIdle 0: all end", () =>
  Effect.gen(function* () {
    const extra = yield* six
    expect(yield* settled(extra, 0)).toBe(0)
    // Node tells of a thread's end a moment after it.
    yield* statsReach({ threads: 0 })
    yield* Aio.nop()
    expect(yield* settled(extra, 0)).toBe(0)
  }).pipe(withPool({ maxIdle: 0, idleTimeout: 50 }))
)

it.scopedLive("minParallel stay, whatever maxIdle says", () =>
  Effect.gen(function* () {
    const extra = yield* six
    expect(yield* settled(extra, 3)).toBe(3)
    yield* Effect.sleep(300)
    expect(extra()).toBe(3)
  }).pipe(withPool({ minParallel: 3, maxIdle: 0, idleTimeout: 50 }))
)

it.scopedLive("changed while they are idle", () =>
  Effect.gen(function* () {
    const extra = yield* six
    yield* Effect.sleep(200)
    expect(extra()).toBe(6)
    yield* ThreadPool.setIdleTimeout(50)
    yield* Effect.sleep(300)
    expect(extra()).toBe(6)
    yield* ThreadPool.setMaxIdle(4)
    expect(yield* settled(extra, 4)).toBe(4)
    yield* ThreadPool.setMaxIdle(1)
    expect(yield* settled(extra, 1)).toBe(1)
    yield* ThreadPool.setMaxIdle(0)
    expect(yield* settled(extra, 0)).toBe(0)
  }).pipe(withPool({ maxIdle: 6, idleTimeout: "1 hour" }))
)

it.scopedLive("work that comes while threads decide to end is done", () =>
  Effect.gen(function* () {
    for (let round = 0; round < 60; round++) {
      yield* Effect.forEach([1, 2, 3], () => Aio.nop(), { concurrency: 3, discard: true })
      yield* Effect.sleep(round % 4)
    }
    expect((yield* Aio.stats).outstanding).toBe(0)
  }).pipe(withPool({ maxIdle: 0, idleTimeout: 1 }))
)

describe("idle threads need no processor", () => {
  for (const idleTimeout of [0, 1, 10_000]) {
    it.scopedLive(`idleTimeout ${idleTimeout}`, () =>
      Effect.gen(function* () {
        yield* six
        yield* Effect.sleep(100)
        expect(yield* quietest(0.05)).toBeLessThan(0.05)
      }).pipe(withPool({ maxIdle: 6, idleTimeout }))
    )
  }
})
