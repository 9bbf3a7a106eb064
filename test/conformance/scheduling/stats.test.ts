/** `Aio.stats` and its gauges say where requests are and how many there were. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Metric } from "effect"
import { Aio, AioFile, IoUring, ThreadPool } from "effect-aio"
import { currentEngine } from "../../../src/internal/effect/service.ts"
import { block, busy, busyNative, executing, numbers } from "../../backends/threads/fixtures/pool.ts"
import { realBackends as backends, ioUringBackends } from "../../support/backends.ts"
import { percentile } from "../../support/patience.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const nothing = { outstanding: 0, held: 0, ready: 0, executing: 0, pending: 0 }

it.scopedLive("threads: every number at a moment at which it is known", () =>
  Effect.gen(function* () {
    const counters = { submitted: 0, completed: 0, inline: 0, missed: 0, untried: 0, cancelled: 0 }
    const before = { backend: "threads", ...nothing, threads: 0, idleThreads: 0, ...counters }
    expect(yield* Aio.stats).toEqual(before)
    const { fibers, release } = yield* busy(10)
    expect(yield* executing(4)).toEqual({
      ...before,
      outstanding: 10,
      held: 3,
      ready: 3,
      executing: 4,
      threads: 4,
      submitted: 10
    })
    // The last is held: it never runs.
    yield* Fiber.interrupt(fibers[9])
    expect(yield* Aio.stats).toMatchObject({ outstanding: 9, held: 2, cancelled: 1, completed: 1 })
    yield* Effect.forEach(Array.from({ length: 9 }), (_, index) => release(index), { concurrency: 9, discard: true })
    expect(yield* Aio.stats).toMatchObject({ ...nothing, submitted: 10, completed: 10, cancelled: 1, threads: 4 })
  }).pipe(Effect.provide(ThreadPool.layer({ inline: false, maxParallel: 4, maxOutstanding: 7 })))
)

describe.each(backends)("$name", ({ layer }) => {
  it.scopedLive("pending: complete, and not delivered", () =>
    Effect.gen(function* () {
      const engine = yield* currentEngine
      yield* Aio.statvfs("/")
      const fiber = yield* Effect.fork(Aio.statvfs("/"))
      yield* Effect.yieldNow()
      yield* Effect.sync(() => {
        engine.poll()
        const end = performance.now() + 20_000
        while (engine.places.pending < engine.outstanding && performance.now() < end) block(1)
      })
      const now = yield* Aio.stats
      // It may have been quick enough for the poll itself.
      if (now.outstanding === 1) expect(now).toMatchObject({ ready: 0, executing: 0, pending: 1 })
      yield* Fiber.join(fiber)
      expect(yield* Aio.stats).toMatchObject({ ...nothing, submitted: 2, completed: 2 })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("at all times the places add up to what is outstanding", () =>
    Effect.gen(function* () {
      const file = yield* AioFile.open(join(yield* temporaryDirectory, "file"), { flag: "w+" })
      const load = yield* Effect.fork(
        Effect.forEach(
          Array.from({ length: 2000 }, (_, index) => index),
          (index): Effect.Effect<unknown, unknown, Aio.Aio> =>
            index % 3 === 0
              ? Aio.statvfs("/")
              : index % 3 === 1
                ? file.write(new Uint8Array(100), { offset: index * 100 })
                : file.stat,
          { concurrency: 200, discard: true }
        )
      )
      const apart: Array<number> = []
      while (load.unsafePoll() === null) {
        const { executing, held, outstanding, pending, ready } = yield* Aio.stats
        apart.push(Math.abs(outstanding - held - ready - executing - pending))
        yield* Effect.yieldNow()
      }
      yield* Fiber.join(load)
      expect(apart.length).toBeGreaterThan(3)
      // Threads go on while their words are read one after the other, far if this one is put off in between.
      expect(percentile(apart, 0.5)).toBeLessThanOrEqual(8)
      expect(yield* Aio.stats).toMatchObject(nothing)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("totals", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 10; i++) yield* Aio.nop()
      yield* Effect.ignore(Aio.unlink("/no such file"))
      const { fibers } = yield* busyNative(3)
      yield* executing(3)
      yield* Fiber.interruptAll(fibers)
      expect(yield* Aio.stats).toMatchObject({ ...nothing, submitted: 14, completed: 14, cancelled: 3 })
    }).pipe(Effect.provide(layer))
  )
})

it.scopedLive("inline: what was answered on the spot", () =>
  Effect.gen(function* () {
    const path = join(yield* temporaryDirectory, "file")
    writeFileSync(path, "content")
    yield* Aio.stat(path)
    yield* Effect.scoped(Effect.flatMap(AioFile.open(path), (file) => file.readAlloc(7, { offset: 0 })))
    expect((yield* Aio.stats).inline).toBeGreaterThanOrEqual(2)
  }).pipe(Effect.provide(ThreadPool.layer()))
)

it.scopedLive("recordMetrics sets the gauges, by backend", () =>
  Effect.gen(function* () {
    const { release } = yield* busy(5)
    yield* executing(2)
    yield* Aio.recordMetrics
    const valueOf = (name: keyof typeof Aio.metrics) =>
      Effect.map(Metric.value(Metric.tagged(Aio.metrics[name], "backend", "threads")), ({ value }) => value)
    const values = yield* Effect.all({
      outstanding: valueOf("outstanding"),
      held: valueOf("held"),
      ready: valueOf("ready"),
      executing: valueOf("executing"),
      pending: valueOf("pending"),
      threads: valueOf("threads"),
      idleThreads: valueOf("idleThreads"),
      submitted: valueOf("submitted"),
      completed: valueOf("completed"),
      inline: valueOf("inline"),
      missed: valueOf("missed"),
      untried: valueOf("untried"),
      cancelled: valueOf("cancelled")
    })
    expect({ backend: "threads", ...values }).toEqual(yield* Aio.stats)
    expect(Object.keys(values).sort()).toEqual(Object.keys(Aio.metrics).sort())
    yield* release()
    expect(yield* valueOf("executing")).toBe(2)
    yield* Aio.recordMetrics
    expect([yield* valueOf("executing"), yield* valueOf("completed")]).toEqual([0, 5])
  }).pipe(Effect.provide(ThreadPool.layer({ inline: false, maxParallel: 2 })))
)

it.scopedLive.skipIf(ioUringBackends.length === 0)("io_uring counts its pool's threads", () =>
  Effect.gen(function* () {
    expect(yield* Aio.stats).toMatchObject({ backend: "io_uring", threads: 0 })
    yield* Aio.statvfs("/")
    expect(yield* numbers({ idleThreads: 1 })).toMatchObject({ threads: 1, idleThreads: 1 })
  }).pipe(Effect.provide(IoUring.layer()))
)
