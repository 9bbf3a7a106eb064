/** Deadlines of single requests. */
import { writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Scope, TestClock } from "effect"
import { Aio, AioOperation, MockAio } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { idlePipe, idlePipes, makeFifos } from "../support/fifo.ts"
import { nextTurn } from "../support/moments.ts"
import { quickest, standStill } from "../support/patience.ts"
import { descriptorsIn } from "../support/processState.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const idle = Effect.map(Aio.stats, ({ outstanding }) => outstanding)

describe.each(realBackends)("$name", ({ layer, layerWith }) => {
  it.scopedLive("a read of an idle pipe fails with ETIMEDOUT, not before its time, and is over", () =>
    Effect.gen(function* () {
      const pipe = yield* idlePipe
      for (const milliseconds of [0, 1, 30]) {
        const attempt = Effect.gen(function* () {
          const buffer = new Uint8Array(8)
          const start = performance.now()
          const error = yield* Effect.flip(AioOperation.withDeadline(AioOperation.read(pipe, buffer), milliseconds))
          const took = performance.now() - start
          expect(error).toMatchObject({ _tag: "AioError", code: "ETIMEDOUT", operation: "read", fd: pipe })
          expect(took).toBeGreaterThan(milliseconds - 1.5)
          writeSync(pipe, "late")
          expect(yield* Aio.read(pipe, new Uint8Array(8))).toBe(4)
          expect(buffer.every((byte) => byte === 0)).toBe(true)
          expect(yield* idle).toBe(0)
          return took
        })
        expect(yield* quickest(1000, attempt)).toBeLessThan(1000)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what ends in time is not disturbed", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      writeFileSync(path, "x")
      const pipe = yield* idlePipe
      const reading = yield* Effect.fork(
        AioOperation.withDeadline("20 seconds")(AioOperation.read(pipe, new Uint8Array(8)))
      )
      yield* Effect.sleep(20)
      writeSync(pipe, "hello")
      expect(yield* Fiber.join(reading)).toBe(5)
      expect(Number((yield* AioOperation.withDeadline(AioOperation.stat(path), "1 day")).size)).toBe(1)
      expect(Number((yield* AioOperation.withDeadline(AioOperation.stat(path), Number.POSITIVE_INFINITY)).size)).toBe(1)
      const fd = yield* AioOperation.withDeadline(AioOperation.open(path), "1 minute")
      yield* AioOperation.withDeadline(AioOperation.close(fd), 0)
      const many = yield* Effect.forEach(
        Array.from({ length: 500 }),
        () => AioOperation.withDeadline(AioOperation.nop(), "10 seconds"),
        { concurrency: "unbounded" }
      )
      expect(many.length).toBe(500)
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("many at once, on a small ring, and an open of a FIFO", () =>
    Effect.gen(function* () {
      const pipes = yield* idlePipes(40)
      const [fifo] = makeFifos(yield* temporaryDirectory, 1)
      const exits = yield* Effect.forEach(
        pipes,
        (fd) => Effect.exit(AioOperation.withDeadline(AioOperation.read(fd, new Uint8Array(8)), 50)),
        { concurrency: "unbounded" }
      ).pipe(Effect.timeout("30 seconds"))
      for (const exit of exits)
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ code: "ETIMEDOUT" })
      const error = yield* Effect.flip(AioOperation.withDeadline(AioOperation.open(fifo), 30)).pipe(
        Effect.timeout("30 seconds")
      )
      expect(error).toMatchObject({ code: "ETIMEDOUT", path: fifo })
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layerWith({ entries: 8 })))
  )

  it.scopedLive("an open of a FIFO whose time is over before anybody looks at what the kernel says", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [fifo] = makeFifos(directory, 1)
      for (const flag of ["r", "w"] as const) {
        for (let turns = 0; turns < 5; turns++) {
          // One completion a turn: that of the open waits behind the others.
          const others = yield* Effect.forEach(Array.from({ length: 3 }), () => Effect.fork(Aio.nop()))
          const opening = yield* Effect.fork(
            Effect.flip(AioOperation.withDeadline(AioOperation.open(fifo, { flag }), 5)).pipe(
              Effect.timeout("30 seconds")
            )
          )
          yield* Effect.yieldNow()
          for (let turn = 0; turn < turns; turn++) yield* nextTurn
          yield* standStill(10)
          expect([flag, turns, yield* Fiber.join(opening)]).toMatchObject([
            flag,
            turns,
            { code: "ETIMEDOUT", path: fifo }
          ])
          yield* Fiber.joinAll(others)
        }
      }
      expect(descriptorsIn(directory)).toBe(0)
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layerWith({ maxPollRequests: 1 })))
  )

  it.scopedLive("interruption comes first, and closing the Layer is no timeout", () =>
    Effect.gen(function* () {
      const pipe = yield* idlePipe
      const scope = yield* Scope.make()
      const aio = yield* Layer.buildWithScope(layer, scope)
      const read = Effect.provide(
        AioOperation.withDeadline(AioOperation.read(pipe, new Uint8Array(8)), "1 minute"),
        aio
      )
      const first = yield* Effect.fork(read)
      const second = yield* Effect.fork(read)
      yield* Effect.sleep(20)
      yield* Effect.timeout(Fiber.interrupt(first), "30 seconds")
      yield* Effect.timeout(Scope.close(scope, Exit.void), "30 seconds")
      const exit = yield* Fiber.await(second)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ code: "ECANCELED" })
    })
  )
})

describe("by the program's Clock", () => {
  it.effect("on the mock, whose requests take their time by it too", () =>
    Effect.gen(function* () {
      yield* MockAio.put("/file", "hello")
      const read = Effect.scoped(
        Effect.gen(function* () {
          const fd = yield* Aio.open("/file")
          return yield* AioOperation.withDeadline(AioOperation.read(fd, new Uint8Array(8)), "1 second")
        })
      )
      const reading = yield* Effect.fork(Effect.either(read))
      yield* TestClock.adjust("999 millis")
      expect(yield* Fiber.poll(reading)).toMatchObject({ _tag: "None" })
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(reading)).toMatchObject({ _tag: "Left", left: { code: "ETIMEDOUT", operation: "read" } })
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(MockAio.layer({ latency: { read: "2 seconds" } })))
  )

  it.effect("no time at all is over at once; what ends in time is not disturbed", () =>
    Effect.gen(function* () {
      yield* MockAio.put("/file", "hello")
      const fd = yield* Aio.open("/file")
      const read = AioOperation.read(fd, new Uint8Array(8))
      expect(yield* Effect.flip(AioOperation.withDeadline(read, 0))).toMatchObject({ code: "ETIMEDOUT" })
      const reading = yield* Effect.fork(AioOperation.withDeadline(read, "3 seconds"))
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(reading)).toBe(5)
    }).pipe(Effect.provide(MockAio.layer({ latency: { read: "2 seconds" } })))
  )

  it.scoped("longer than the machine's timers can hold", () =>
    Effect.gen(function* () {
      const { read } = yield* MockAio.pipe
      const reading = yield* Effect.fork(
        Effect.flip(AioOperation.withDeadline(AioOperation.read(read, new Uint8Array(8)), "30 days"))
      )
      const endless = yield* Effect.fork(
        AioOperation.withDeadline(AioOperation.read(read, new Uint8Array(8)), Number.POSITIVE_INFINITY)
      )
      yield* TestClock.adjust("29 days")
      expect(reading.unsafePoll()).toBe(null)
      yield* TestClock.adjust("2 days")
      expect(yield* Fiber.join(reading)).toMatchObject({ code: "ETIMEDOUT" })
      expect(endless.unsafePoll()).toBe(null)
      yield* Fiber.interrupt(endless)
    }).pipe(Effect.provide(MockAio.layer()))
  )

  it.scoped("on real backends: the machine's time is of no interest", () =>
    Effect.gen(function* () {
      for (const { layer } of realBackends) {
        yield* Effect.gen(function* () {
          const pipe = yield* idlePipe
          const reading = yield* Effect.fork(
            Effect.flip(AioOperation.withDeadline(AioOperation.read(pipe, new Uint8Array(8)), "1 minute"))
          )
          yield* TestClock.adjust("1 minute")
          expect(yield* Fiber.join(reading)).toMatchObject({ code: "ETIMEDOUT" })
        }).pipe(Effect.provide(layer), Effect.scoped)
      }
    })
  )
})
