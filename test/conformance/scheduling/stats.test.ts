/** `Aio.stats` and the gauges of `AioMetrics` say where requests are and how many there were. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Metric } from "effect"
import { Aio, AioFile, AioMetrics, IoUring, ThreadPool } from "effect-aio"
import { block, busy, busyNative, executing } from "../../backends/threads/fixtures/pool.ts"
import { realBackends as backends, ioUringBackends } from "../../support/backends.ts"
import { byHand, statsReach } from "../../support/engine.ts"
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
      const hand = yield* byHand
      yield* Aio.statvfs("/")
      const fiber = yield* Effect.fork(Aio.statvfs("/"))
      yield* Effect.yieldNow()
      yield* Effect.sync(() => {
        hand.poll()
        const end = performance.now() + 20_000
        const isComplete = ({ outstanding, pending }: Aio.Stats) => pending === outstanding
        while (!isComplete(hand.stats()) && performance.now() < end) block(1)
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

it.scopedLive("the gauges of AioMetrics follow, Layers of one backend add up, and none is left at their end", () =>
  Effect.gen(function* () {
    const value = (metric: Metric.Metric.Gauge<number>, state: string) =>
      Effect.map(
        Metric.value(metric.pipe(Metric.tagged("backend", "threads"), Metric.tagged("state", state))),
        ({ value }) => value
      )
    const gauges = Effect.all({
      held: value(AioMetrics.outstanding, "held"),
      ready: value(AioMetrics.outstanding, "ready"),
      executing: value(AioMetrics.outstanding, "executing"),
      pending: value(AioMetrics.outstanding, "pending"),
      busy: value(AioMetrics.threads, "busy"),
      idle: value(AioMetrics.threads, "idle")
    })
    const none = { held: 0, ready: 0, executing: 0, pending: 0, busy: 0, idle: 0 }
    const metrics = AioMetrics.layer({ interval: "10 millis" })
    const pool = () => Layer.fresh(ThreadPool.layer({ inline: false, maxParallel: 2 }))
    yield* Effect.scoped(
      Effect.gen(function* () {
        const { release } = yield* busy(5)
        yield* executing(2)
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* Layer.build(metrics)
            const first = { ...none, ready: 3, executing: 2, busy: 2 }
            expect(yield* gauges).toEqual(first)
            yield* Effect.scoped(
              Effect.gen(function* () {
                yield* Layer.build(Layer.provideMerge(metrics, pool()))
                expect(yield* gauges).toEqual(first)
              })
            )
            yield* release()
            // Looked at again by itself.
            const isQuiet = Effect.map(gauges, ({ busy, executing, ready }) => busy + executing + ready === 0)
            yield* Effect.repeat(Effect.sleep(5), { until: () => isQuiet })
          })
        )
        expect(yield* gauges).toEqual(none)
      }).pipe(Effect.provide(pool()))
    )
  })
)

it.scopedLive.skipIf(ioUringBackends.length === 0)("io_uring counts its pool's threads", () =>
  Effect.gen(function* () {
    expect(yield* Aio.stats).toMatchObject({ backend: "io_uring", threads: 0 })
    yield* Aio.statvfs("/")
    yield* statsReach({ threads: 1, idleThreads: 1 })
  }).pipe(Effect.provide(IoUring.layer()))
)
