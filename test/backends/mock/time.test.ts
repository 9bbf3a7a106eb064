/** A test's clock decides when a request is complete. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Option, TestClock } from "effect"
import { Aio, AioFile, MockAio } from "effect-aio"

/** Whether a fiber has ended, when all that could run has run. */
const hasEnded = (fiber: Fiber.Fiber<unknown, unknown>) =>
  Effect.zipRight(TestClock.adjust(0), Effect.map(fiber.poll, Option.isSome))

const files = { "/tmp/file": "content" }

describe("the mock's time", () => {
  it.effect("without latency a request needs none", () =>
    Effect.gen(function* () {
      expect(Buffer.from(yield* AioFile.readFile("/tmp/file")).toString()).toBe("content")
      expect((yield* MockAio.journal).every(({ endNs }) => endNs === 0n)).toBe(true)
    }).pipe(Effect.provide(MockAio.layer({ files })))
  )

  it.effect("a request is complete when its time is over, not before", () =>
    Effect.gen(function* () {
      const fd = yield* Aio.open("/tmp/file")
      const into = Buffer.alloc(7)
      const fiber = yield* Effect.fork(Aio.read(fd, into, { offset: 0 }))
      yield* TestClock.adjust("9 millis")
      expect(yield* hasEnded(fiber)).toBe(false)
      // Bytes come with the completion.
      expect(into.toString("hex")).toBe("00".repeat(7))
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(fiber)).toBe(7)
      expect(into.toString()).toBe("content")
      const [opened, read] = yield* MockAio.journal
      expect([opened.endNs, read.startNs, read.endNs]).toEqual([0n, 0n, 10_000_000n])
    }).pipe(Effect.provide(MockAio.layer({ files, latency: { read: "10 millis" } })))
  )

  it.live("its time counts from when it was made, however late the event loop gets to it", () =>
    Effect.gen(function* () {
      let now = 0n
      const clock: Clock.Clock = Object.assign(Clock.make(), {
        unsafeCurrentTimeNanos: () => now,
        sleep: () => Effect.die("there is nothing left to wait for")
      })
      const mock = MockAio.layer({ files, latency: "1 second" })
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.fork(Aio.stat("/tmp/file"))
        yield* Effect.yieldNow()
        expect((yield* Aio.stats).outstanding).toBe(1)
        // It has been made, and the event loop has not had its turn.
        now = 1_000_000_000n
        yield* Fiber.join(fiber)
        expect(yield* MockAio.journal).toMatchObject([{ startNs: 0n, endNs: 1_000_000_000n }])
      }).pipe(Effect.provide(mock), Effect.withClock(clock))
    })
  )

  it.effect("requests under way at the same time take it once", () =>
    Effect.gen(function* () {
      const all = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 100 }, () => Aio.stat("/tmp/file")),
          { concurrency: "unbounded", discard: true }
        )
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(all)
    }).pipe(Effect.provide(MockAio.layer({ files, latency: "1 second" })))
  )

  it.effect("latency may be a function of the request, and be changed", () =>
    Effect.gen(function* () {
      const fd = yield* Aio.open("/tmp/file")
      const slow = yield* Effect.fork(Aio.read(fd, new Uint8Array(1000), { offset: 0 }))
      const fast = yield* Effect.fork(Aio.read(fd, new Uint8Array(10), { offset: 0 }))
      yield* TestClock.adjust("10 millis")
      expect(yield* Fiber.join(fast)).toBe(7)
      expect(yield* hasEnded(slow)).toBe(false)
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(slow)).toBe(7)
      yield* MockAio.configure({ latency: Duration.zero })
      expect(yield* Aio.read(fd, new Uint8Array(1000), { offset: 0 })).toBe(7)
    }).pipe(
      Effect.provide(
        MockAio.layer({
          files,
          latency: ({ input, operation }) => (operation === "read" ? Duration.millis(Number(input.length)) : 0)
        })
      )
    )
  )

  it.effect("a timeout ends a request that takes too long", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.timeoutOption(Aio.stat("/tmp/file"), "1 second"))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(fiber)).toEqual(Option.none())
      expect(yield* MockAio.journal).toMatchObject([{ error: "ECANCELED", cancelled: true }])
    }).pipe(Effect.provide(MockAio.layer({ files, latency: "1 hour" })))
  )

  it.effect("with cancellation on completion, as on a disk, the fiber ends with its request", () =>
    Effect.gen(function* () {
      const fd = yield* Aio.open("/tmp/file", { flag: "r+" })
      const fiber = yield* Effect.fork(Aio.write(fd, Buffer.from("C"), { offset: 0 }))
      yield* TestClock.adjust("1 second")
      const end = yield* Effect.fork(Fiber.interrupt(fiber))
      // Longer than an interrupt is not looked at.
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 30)))
      yield* TestClock.adjust("58 seconds")
      expect(yield* hasEnded(end)).toBe(false)
      expect(yield* MockAio.tree("/tmp")).toEqual({ file: "content" })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(end)
      // What could not be stopped has been done.
      expect(yield* MockAio.tree("/tmp")).toEqual({ file: "Content" })
      expect((yield* MockAio.journal)[1]).toMatchObject({ result: 1, cancelled: true })
    }).pipe(
      Effect.provide(MockAio.layer({ files, latency: { write: "1 minute" }, cancellation: { write: "completion" } }))
    )
  )

  it.live("on a live clock, latency is real", () =>
    Effect.gen(function* () {
      const start = performance.now()
      yield* Aio.stat("/tmp/file")
      // A timer counts from the beginning of its turn of the event loop, which is some milliseconds before `start`.
      expect(performance.now() - start).toBeGreaterThan(10)
    }).pipe(Effect.provide(MockAio.layer({ files, latency: "20 millis" })))
  )

  it.effect("times of files are the clock's", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const file = yield* AioFile.open("/tmp/new", { flag: "w+" })
      yield* TestClock.adjust("1 hour")
      yield* file.write(Buffer.from("x"), { offset: 0 })
      const hour = 3_600_000_000_000n
      expect(yield* file.stat).toMatchObject({ birthtimeNs: hour, mtimeNs: 2n * hour, ctimeNs: 2n * hour })
    }).pipe(Effect.scoped, Effect.provide(MockAio.layer()))
  )
})
