/** Threads without work: how many stay, for how long, and what they cost. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, ThreadPool } from "effect-aio"
import { settled } from "../support/processState.ts"
import { busy, executing, threadsFromHere } from "./fixtures/pool.ts"

const withPool = (options: ThreadPool.Options) =>
  Effect.provide(ThreadPool.layer({ inline: false, maxParallel: 6, ...options }))

/** Starts six threads and lets them go idle. */
const six = Effect.gen(function* () {
  const extra = yield* threadsFromHere
  const { release } = yield* busy(6)
  yield* executing(6)
  yield* release()
  return extra
})

it.scopedLive("threads beyond maxIdle end after idleTimeout, the others stay", () =>
  Effect.gen(function* () {
    const extra = yield* six
    yield* Effect.sleep(100)
    expect(extra()).toBe(6)
    expect(yield* settled(extra, 2)).toBe(2)
    yield* Effect.sleep(500)
    expect([extra(), yield* Effect.map(Aio.stats, ({ threads, idleThreads }) => [threads, idleThreads])]).toEqual([
      2,
      [2, 2]
    ])
    // They are alive: more work, more threads, and down again.
    const { release } = yield* busy(5)
    expect((yield* executing(5)).executing).toBe(5)
    yield* release()
    expect(yield* settled(extra, 2, 3000)).toBe(2)
  }).pipe(withPool({ maxIdle: 2, idleTimeout: 300 }))
)

it.scopedLive("maxIdle 0: all end", () =>
  Effect.gen(function* () {
    const extra = yield* six
    expect(yield* settled(extra, 0)).toBe(0)
    expect((yield* Aio.stats).threads).toBe(0)
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
    for (let round = 0; round < 150; round++) {
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
        const before = process.cpuUsage()
        yield* Effect.sleep(500)
        const { system, user } = process.cpuUsage(before)
        expect((system + user) / 500_000).toBeLessThan(0.05)
      }).pipe(withPool({ maxIdle: 6, idleTimeout }))
    )
  }
})
