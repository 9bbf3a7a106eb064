/** Requests of higher priority overtake what has not started; within one priority nobody overtakes. */
import { writeSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import { Aio, AioBlocking, AioEvents, IoUring, ThreadPool } from "effect-aio"
import { ioUringBackends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { idlePipes } from "../../support/fifo.ts"
import { block, busy, busyNative, executing } from "./fixtures/pool.ts"

const oneThread = ThreadPool.layer({ inline: false, maxParallel: 1 })

/** Runs one `nop` per priority behind a thread that is busy, `later` when the others are queued; the order in which they ended. */
const orderOf = (priorities: ReadonlyArray<number>, later: ReadonlyArray<number> = []) =>
  Effect.gen(function* () {
    const order: Array<number> = []
    const first = yield* busy(1)
    yield* executing(1)
    const run = (priority: number, index: number) =>
      Aio.withPriority(
        Effect.zipRight(
          Aio.nop(),
          Effect.sync(() => order.push(index))
        ),
        priority
      )
    const fibers = yield* Effect.forEach(priorities, (priority, index) => Effect.fork(run(priority, index)))
    // All are where they wait: handed to the threads, as many as there is room for.
    const handedOver = (outstanding: number) => Effect.zipRight(statsReach({ outstanding }), AioBlocking.poll)
    yield* handedOver(1 + priorities.length)
    const late = yield* Effect.forEach(later, (priority, at) => Effect.fork(run(priority, priorities.length + at)))
    yield* handedOver(1 + priorities.length + later.length)
    yield* Effect.sync(() => {
      writeSync(first.pipes[0], "x")
      // The event loop may be late: what the thread takes next must not depend on that.
      block(20)
    })
    yield* Fiber.joinAll([...fibers, ...late])
    return order
  })

/** As `orderOf` is to be: by priority, then as submitted. */
const inOrder = (priorities: ReadonlyArray<number>) =>
  priorities.map((_, index) => index).sort((a, b) => priorities[b] - priorities[a] || a - b)

describe("threads", () => {
  it.scopedLive("all levels, in order within one", () =>
    Effect.gen(function* () {
      const priorities = Array.from({ length: 400 }, (_, index) => ((index * 7) % 9) - 4)
      expect(yield* orderOf(priorities)).toEqual(inOrder(priorities))
    }).pipe(Effect.provide(oneThread))
  )

  it.scopedLive("3,000 of one priority, in order", () =>
    Effect.gen(function* () {
      const priorities = Array.from({ length: 3000 }, () => -2)
      expect(yield* orderOf(priorities)).toEqual(inOrder(priorities))
    }).pipe(Effect.provide(oneThread))
  )

  for (const [low, high] of [
    [-4, 4],
    [0, 1],
    [-1, 0],
    [3, 4]
  ]) {
    it.scopedLive(`one of priority ${high} overtakes 3,000 queued ones of ${low}`, () =>
      Effect.gen(function* () {
        const order = yield* orderOf(
          Array.from({ length: 3000 }, () => low),
          [high, high]
        )
        expect([order.indexOf(3000), order.indexOf(3001)]).toEqual([0, 1])
      }).pipe(Effect.provide(oneThread))
    )
  }

  it.scopedLive("overtakes what is submitted in the same turn", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const note = (name: string, priority: number) =>
        Aio.withPriority(
          Effect.zipRight(
            Aio.nop(),
            Effect.sync(() => order.push(name))
          ),
          priority
        )
      yield* Effect.all([note("low", -1), note("usual", 0), note("high", 1)], { concurrency: 3 })
      expect(order).toEqual(["high", "usual", "low"])
    }).pipe(Effect.provide(oneThread))
  )
})

describe("withPriority and nice", () => {
  let made = 0
  /** What requests made here have. */
  const priority = Effect.gen(function* () {
    const requests = yield* AioEvents.completions({ scoped: true })
    const path = `/none/${made++}`
    const seen = yield* Effect.fork(Stream.runHead(Stream.filter(requests, (request) => request.path === path)))
    yield* Effect.ignore(Aio.stat(path))
    return Option.getOrThrow(yield* Fiber.join(seen)).priority
  }).pipe(Effect.scoped)

  it.live("in both forms, clamped", () =>
    Effect.gen(function* () {
      expect(yield* priority).toBe(0)
      expect(yield* Aio.withPriority(priority, 3)).toBe(3)
      expect(yield* priority.pipe(Aio.withPriority(-3))).toBe(-3)
      expect(yield* Aio.withPriority(priority, 100)).toBe(4)
      expect(yield* Aio.withPriority(priority, Number.NEGATIVE_INFINITY)).toBe(-4)
      expect(yield* Aio.withPriority(Aio.withPriority(priority, 1), 4)).toBe(1)
    }).pipe(Effect.provide(oneThread))
  )

  it.live("nice adds up, from where it is, within the range", () =>
    Effect.gen(function* () {
      expect(yield* Aio.nice(priority, 2)).toBe(-2)
      expect(yield* priority.pipe(Aio.nice(1), Aio.nice(2))).toBe(-3)
      expect(yield* priority.pipe(Aio.nice(-1), Aio.withPriority(-2))).toBe(-1)
      expect(yield* priority.pipe(Aio.nice(3), Aio.nice(3))).toBe(-4)
      expect(yield* priority.pipe(Aio.nice(-9))).toBe(4)
    }).pipe(Effect.provide(oneThread))
  )

  it.live("are inherited by fibers, and theirs are their own", () =>
    Effect.gen(function* () {
      const [child, other] = yield* Effect.all([priority, Aio.nice(priority, 1)], { concurrency: 2 }).pipe(
        Aio.withPriority(2)
      )
      expect([child, other, yield* priority]).toEqual([2, 1, 0])
    }).pipe(Effect.provide(oneThread))
  )

  it.scopedLive("reaches the requests", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const note = (name: string) =>
        Effect.zipRight(
          Aio.nop(),
          Effect.sync(() => order.push(name))
        )
      const first = yield* busy(1)
      yield* executing(1)
      const fibers = yield* Effect.forEach(
        [
          note("nice 3").pipe(Aio.nice(1), Aio.nice(2)),
          note("nice 2").pipe(Aio.nice(2)),
          note("0"),
          note("nice -1").pipe(Aio.nice(-1))
        ],
        Effect.fork
      )
      yield* Effect.sleep(20)
      yield* first.release()
      yield* Fiber.joinAll(fibers)
      expect(order).toEqual(["nice -1", "0", "nice 2", "nice 3"])
    }).pipe(Effect.provide(oneThread))
  )
})

describe.skipIf(ioUringBackends.length === 0)("io_uring with a ring of 8", () => {
  it.scopedLive("what waits in the engine goes by priority", () =>
    Effect.gen(function* () {
      // The ring is full of what waits, so that everything else queues.
      const blocked = yield* busyNative(16)
      yield* executing(16)
      const [pipe] = yield* idlePipes(1)
      // Writes of one byte into one pipe: the order in which the kernel ran them.
      const priorities = [...Array.from({ length: 300 }, () => -4), 0, 4, 0, 4]
      const fibers = yield* Effect.forEach(priorities, (priority) =>
        Effect.fork(Aio.withPriority(Aio.write(pipe, Uint8Array.of(priority + 4)), priority))
      )
      yield* Effect.sleep(5)
      yield* blocked.release()
      yield* Fiber.joinAll(fibers)
      const written = new Uint8Array(priorities.length)
      expect(yield* Aio.read(pipe, written)).toBe(priorities.length)
      // A full ring in which nothing moves grows by its own size: so many may have started before.
      const started = written.indexOf(8)
      expect(started).toBeLessThanOrEqual(64)
      expect([...written.subarray(started, started + 4)]).toEqual([8, 8, 4, 4])
    }).pipe(Effect.provide(IoUring.layer({ inline: false, entries: 8 })))
  )
})
