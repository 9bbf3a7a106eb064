/** Requests that wait for somebody: pipes, FIFOs, locks; their interruption; the end of the Layer. */
import { constants } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Scope, TestClock } from "effect"
import { Aio, AioBlocking, AioFile, MockAio } from "effect-aio"
import { nextTurn, someTime } from "../../support/moments.ts"
import { random, seed } from "../../support/random.ts"

const latencies = random(seed + 1)

/** Until nothing moves any more. */
const settle = TestClock.adjust(0)
const withMock = (options?: MockAio.Options) => Effect.provide(MockAio.layer(options))

describe("pipes", () => {
  it.effect("a read waits for bytes, and sees the end when all writers have closed", () =>
    Effect.gen(function* () {
      const { read, write } = yield* MockAio.pipe
      const into = Buffer.alloc(10)
      const fiber = yield* Effect.fork(Aio.read(read, into))
      yield* settle
      expect(Option.isNone(yield* fiber.poll)).toBe(true)
      yield* Aio.write(write, Buffer.from("hello"))
      expect(yield* Fiber.join(fiber)).toBe(5)
      expect(into.toString("utf8", 0, 5)).toBe("hello")
      const last = yield* Effect.fork(Aio.read(read, into))
      yield* Aio.close(write)
      expect(yield* Fiber.join(last)).toBe(0)
      expect(yield* Effect.flip(Aio.read(read, into, { offset: 0 }))).toMatchObject({ code: "ESPIPE" })
    }).pipe(withMock())
  )

  it.effect("a large write waits for room, and is whole; one without readers fails", () =>
    Effect.gen(function* () {
      const { read, write } = yield* MockAio.pipe
      const fiber = yield* Effect.fork(Aio.write(write, Buffer.alloc(200_000, 7)))
      const into = Buffer.alloc(50_000)
      for (let left = 200_000; left > 0; ) left -= yield* Aio.read(read, into)
      expect(yield* Fiber.join(fiber)).toBe(200_000)
      yield* Aio.close(read)
      expect(yield* Effect.flip(Aio.write(write, Buffer.from("x")))).toMatchObject({ code: "EPIPE" })
    }).pipe(withMock())
  )

  it.effect("an interrupted read leaves the bytes to others", () =>
    Effect.gen(function* () {
      const { read, write } = yield* MockAio.pipe
      const into = Buffer.alloc(5)
      const fiber = yield* Effect.fork(Aio.read(read, into))
      yield* settle
      yield* Fiber.interrupt(fiber)
      yield* Aio.write(write, Buffer.from("hello"))
      expect(into.toString("hex")).toBe("0000000000")
      const other = Buffer.alloc(5)
      expect(yield* Aio.read(read, other)).toBe(5)
      expect(other.toString()).toBe("hello")
    }).pipe(withMock())
  )

  it.effect("an open of a FIFO waits for the other side, and both are opened", () =>
    Effect.gen(function* () {
      yield* MockAio.mkfifo("/tmp/fifo")
      expect(yield* Aio.stat("/tmp/fifo")).toMatchObject({ type: "FIFO", mode: 0o010644 })
      const flag = constants.O_WRONLY | constants.O_NONBLOCK
      expect(yield* Effect.flip(Aio.open("/tmp/fifo", { flag }))).toMatchObject({ code: "ENXIO" })
      const reader = yield* Effect.fork(Aio.open("/tmp/fifo"))
      yield* settle
      expect(Option.isNone(yield* reader.poll)).toBe(true)
      const write = yield* Aio.open("/tmp/fifo", { flag: constants.O_WRONLY })
      const read = yield* Fiber.join(reader)
      yield* Aio.write(write, Buffer.from("through"))
      expect(yield* Aio.read(read, Buffer.alloc(10))).toBe(7)
      // One that is given up is no end any more.
      yield* Aio.close(read)
      yield* Aio.close(write)
      const waiting = yield* Effect.fork(Aio.open("/tmp/fifo"))
      yield* settle
      yield* Fiber.interrupt(waiting)
      expect(yield* Effect.flip(Aio.open("/tmp/fifo", { flag }))).toMatchObject({ code: "ENXIO" })
      expect(yield* MockAio.descriptors).toEqual(new Map())
    }).pipe(withMock())
  )

  it.effect("pollFd tells what is the case, when it is", () =>
    Effect.gen(function* () {
      const { read, write } = yield* MockAio.pipe
      expect(yield* Aio.pollFd(write, { writable: true })).toMatchObject({ writable: true, readable: false })
      const fiber = yield* Effect.fork(Aio.pollFd(read, { readable: true }))
      yield* settle
      expect(Option.isNone(yield* fiber.poll)).toBe(true)
      yield* Aio.write(write, Buffer.from("x"))
      expect(yield* Fiber.join(fiber)).toMatchObject({ readable: true, hangUp: false })
      yield* Aio.close(write)
      expect(yield* Aio.pollFd(read, { readable: true })).toMatchObject({ readable: true, hangUp: true })
    }).pipe(withMock())
  )
})

describe("locks", () => {
  it.effect("an exclusive lock waits for shared ones, also those given up by a close", () =>
    Effect.gen(function* () {
      const open = Aio.open("/tmp/lock", { flag: "a" })
      const [a, b, c] = [yield* open, yield* open, yield* open]
      yield* Aio.flock(a, "shared")
      yield* Aio.flock(b, "shared")
      expect(yield* Effect.flip(Aio.flock(c, "exclusive", { wait: false }))).toMatchObject({ code: "EAGAIN" })
      const fiber = yield* Effect.fork(Aio.flock(c, "exclusive"))
      yield* Aio.flock(a, "unlock")
      yield* settle
      expect(Option.isNone(yield* fiber.poll)).toBe(true)
      yield* Aio.close(b)
      yield* Fiber.join(fiber)
      expect(yield* Effect.flip(Aio.flock(a, "shared", { wait: false }))).toMatchObject({ code: "EAGAIN" })
    }).pipe(withMock())
  )
})

describe("interruption", () => {
  it.live(`at any moment: no descriptor is lost, no byte comes late, nothing hangs (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const dice = random()
      const { read } = yield* MockAio.pipe
      const before = yield* MockAio.descriptors
      for (let i = 0; i < 400; i++) {
        const into = Buffer.alloc(100)
        const kinds = [
          Aio.read(read, into),
          AioFile.withFile("/tmp/file", (file) => file.read(into, { offset: 0 })),
          AioFile.readFile("/tmp/file"),
          Effect.scoped(Effect.flatMap(AioFile.open("/tmp/file"), (file) => file.readExactly(into, { offset: 0 }))),
          Effect.acquireUseRelease(
            Aio.open("/tmp/file"),
            (fd) => Aio.read(fd, into, { offset: 0 }),
            (fd) => Effect.orDie(Aio.close(fd))
          )
        ]
        const fiber = yield* Effect.fork(dice.pick<Effect.Effect<unknown, unknown, Aio.Aio>>(kinds))
        yield* someTime(dice)
        yield* Fiber.interrupt(fiber)
        const seen = into.toString("hex")
        yield* nextTurn
        expect(into.toString("hex")).toBe(seen)
        expect(yield* MockAio.descriptors).toEqual(before)
      }
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(withMock({ files: { "/tmp/file": "x".repeat(100) }, latency: () => latencies.integer(3) }))
  )

  it.live("closing the Layer ends what is outstanding", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        MockAio.layer({ latency: "1 day", cancellation: "completion" }),
        scope
      )
      const fibers = yield* Effect.gen(function* () {
        const { read } = yield* MockAio.pipe
        yield* MockAio.hang("statvfs")
        return yield* Effect.forEach(
          [Aio.read(read, Buffer.alloc(1)), Aio.statvfs("/"), Aio.stat("/tmp"), Aio.nop()],
          (request) => Effect.forkDaemon(Effect.flip(request))
        )
      }).pipe(Effect.provide(context))
      yield* nextTurn
      yield* Scope.close(scope, Exit.void)
      for (const fiber of fibers) expect(yield* Fiber.join(fiber)).toMatchObject({ code: "ECANCELED" })
    })
  )

  it.live("AioBlocking.flush and AioBlocking.pollDescriptor work as on other backends", () =>
    Effect.gen(function* () {
      const fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>> = [
        yield* Effect.fork(Aio.nop()),
        yield* Effect.fork(Aio.stat("/"))
      ]
      yield* Effect.yieldNow()
      expect((yield* Aio.stats).outstanding).toBe(2)
      yield* AioBlocking.flush
      expect((yield* Aio.stats).outstanding).toBe(0)
      for (const fiber of fibers) yield* Fiber.join(fiber)
      expect(yield* AioBlocking.pollDescriptor).toBeGreaterThan(2)
    }).pipe(withMock())
  )
})
