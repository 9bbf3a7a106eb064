/** What goes wrong when it is told to. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Fiber, Option, TestClock } from "effect"
import { Aio, AioFile, MockAio } from "effect-aio"

const codeOf = <A, R>(effect: Effect.Effect<A, { readonly message: string }, R>) =>
  Effect.match(effect, {
    onFailure: (error) => ("code" in error ? error.code : error.message),
    onSuccess: (value) => value
  })

const files = { "/tmp/a": "a".repeat(10_000), "/tmp/b": "b" }
const withMock = (options?: MockAio.Options) => Effect.provide(MockAio.layer({ files, ...options }))

describe("faults", () => {
  it.effect("an error after so many requests, so many times, for one path", () =>
    Effect.gen(function* () {
      yield* MockAio.fail("fsync", "EIO", { after: 2, times: 1, path: "/tmp/a" })
      const [a, b] = [yield* Aio.open("/tmp/a"), yield* Aio.open("/tmp/b")]
      const seen = []
      for (let i = 0; i < 5; i++) seen.push(yield* codeOf(Aio.fsync(a)), yield* codeOf(Aio.fsync(b)))
      expect(seen).toEqual([undefined, undefined, undefined, undefined, "EIO", ...Array(5).fill(undefined)])
      expect((yield* MockAio.journal).filter(({ error }) => error !== undefined)).toMatchObject([
        { operation: "fsync", path: "/tmp/a", error: "EIO", result: undefined }
      ])
    }).pipe(withMock())
  )

  it.effect("given as options: several operations, a pattern of paths, and an end to it", () =>
    Effect.gen(function* () {
      expect(yield* codeOf(Aio.stat("/tmp/a"))).toBe("EACCES")
      expect(yield* codeOf(Aio.open("/tmp/b"))).toBe("EACCES")
      expect(yield* codeOf(Aio.stat("/tmp"))).toMatchObject({ type: "Directory" })
      yield* MockAio.heal
      expect(yield* codeOf(Aio.stat("/tmp/a"))).toMatchObject({ size: 10_000n })
    }).pipe(withMock({ faults: [{ operation: ["stat", "open"], path: /^\/tmp\/./, error: "EACCES" }] }))
  )

  it.effect("by chance, the same for the same seed", () =>
    Effect.gen(function* () {
      const run = (seed: number) =>
        Effect.forEach(Array.from({ length: 200 }), () => codeOf(Aio.access("/tmp/a"))).pipe(
          withMock({ seed, faults: [{ probability: 0.3, error: "ENOMEM" }] })
        )
      const [first, again, other] = [yield* run(1), yield* run(1), yield* run(2)]
      expect(again).toEqual(first)
      expect(other).not.toEqual(first)
      const failures = first.filter((code) => code === "ENOMEM").length
      expect(failures).toBeGreaterThan(30)
      expect(failures).toBeLessThan(90)
    })
  )

  it.effect("short transfers, which readExactly, readMany and writeAll make whole", () =>
    Effect.gen(function* () {
      yield* MockAio.short(["read", "write", "readv", "copyFileRange"], 100)
      const file = yield* AioFile.open("/tmp/a", { flag: "r+" })
      expect(yield* file.read(new Uint8Array(1000), { offset: 0 })).toBe(100)
      const parts = [Buffer.alloc(60), Buffer.alloc(60)]
      expect(yield* file.readv(parts, { offset: 0 })).toBe(100)
      expect(Buffer.concat(parts).toString()).toBe("a".repeat(100) + "\0".repeat(20))
      expect(Buffer.from(yield* file.readExactly(1000, { offset: 0 })).toString()).toBe("a".repeat(1000))
      // A range that is read with another one is as long as that, wherever the read stops.
      const ranges = [90, 0, 9990, 50].map((offset) => ({ offset, length: 60 }))
      const many = yield* file.readMany(ranges, { maxGap: 10_000 })
      expect(many.map((bytes) => Buffer.from(bytes).toString())).toEqual([60, 60, 10, 60].map((n) => "a".repeat(n)))
      yield* file.writeAll(Buffer.alloc(250, "x"), { offset: 0 })
      expect(Buffer.from(yield* file.readExactly(300, { offset: 0 })).toString()).toBe("x".repeat(250) + "a".repeat(50))
      const to = yield* Aio.open("/tmp/copy", { flag: "w" })
      expect(yield* Aio.copyFileRange(file.fd, to, { offset: 0, length: 1000 })).toBe(100)
    }).pipe(Effect.scoped, withMock())
  )

  it.effect("EINTR is never seen", () =>
    Effect.gen(function* () {
      yield* MockAio.fail("read", "EINTR")
      expect((yield* AioFile.readFile("/tmp/a")).length).toBe(10_000)
    }).pipe(withMock())
  )

  it.effect("a full disk: short at first, then ENOSPC, and room again when something is removed", () =>
    Effect.gen(function* () {
      const file = yield* AioFile.open("/tmp/new", { flag: "w" })
      expect(yield* file.write(Buffer.alloc(100_000), { offset: 0 })).toBe(10 * 4096)
      expect(yield* codeOf(file.write(Buffer.alloc(1), { offset: 10 * 4096 }))).toBe("ENOSPC")
      // What is allocated may still be written.
      expect(yield* file.write(Buffer.alloc(4096), { offset: 0 })).toBe(4096)
      expect(yield* codeOf(file.allocate({ offset: 0, length: 11 * 4096 }))).toBe("ENOSPC")
      expect((yield* Aio.statvfs("/")).blocksFree).toBe(0n)
      yield* Aio.unlink("/tmp/a")
      expect((yield* Aio.statvfs("/")).blocksFree).toBe(3n)
      expect(yield* file.write(Buffer.alloc(1), { offset: 10 * 4096 })).toBe(1)
    }).pipe(Effect.scoped, withMock({ capacity: 14 * 4096 }))
  )

  it.effect("too many descriptors, until one is closed", () =>
    Effect.gen(function* () {
      const fds = [yield* Aio.open("/tmp/a"), yield* Aio.open("/tmp/b")]
      expect(fds).toEqual([3, 4])
      expect(yield* codeOf(Aio.open("/tmp/a"))).toBe("EMFILE")
      yield* Aio.close(3)
      expect(yield* Aio.open("/tmp/a")).toBe(3)
    }).pipe(withMock({ maxDescriptors: 5 }))
  )

  it.effect("a disk that hangs: requests stay until it goes on", () =>
    Effect.gen(function* () {
      const fd = yield* Aio.open("/tmp/a")
      yield* MockAio.hang("read")
      const into = Buffer.alloc(3)
      const fiber = yield* Effect.fork(Aio.read(fd, into, { offset: 0 }))
      yield* TestClock.adjust("1 day")
      expect(Option.isNone(yield* fiber.poll)).toBe(true)
      expect((yield* MockAio.journal).at(-1)).toMatchObject({ operation: "read", result: undefined, endNs: undefined })
      expect((yield* Aio.stats).outstanding).toBe(1)
      yield* MockAio.resume
      expect(yield* Fiber.join(fiber)).toBe(3)
      expect(into.toString()).toBe("aaa")
    }).pipe(withMock())
  )

  it.effect("what hangs can be interrupted, and moves no bytes any more", () =>
    Effect.gen(function* () {
      const fd = yield* Aio.open("/tmp/a")
      yield* MockAio.hang()
      const into = Buffer.alloc(3)
      const fiber = yield* Effect.fork(Aio.read(fd, into, { offset: 0 }))
      yield* TestClock.adjust(0)
      yield* Fiber.interrupt(fiber)
      yield* MockAio.resume
      yield* Aio.stat("/tmp/a")
      expect(into.toString("hex")).toBe("000000")
      expect((yield* MockAio.journal)[1]).toMatchObject({ operation: "read", error: "ECANCELED", cancelled: true })
    }).pipe(withMock())
  )

  it.effect("a Layer with hanging requests can be closed", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.gen(function* () {
        const file = yield* AioFile.open("/tmp/a")
        yield* MockAio.hang()
        const fiber = yield* Effect.forkDaemon(Effect.either(file.read(new Uint8Array(10), { offset: 0 })))
        yield* TestClock.adjust(0)
        return fiber
      }).pipe(Effect.scoped, withMock())
      expect(Either.isLeft(yield* Fiber.join(fiber))).toBe(true)
    })
  )

  it.effect("arguments that no kernel would take do not reach it", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(Aio.stat("a\0b"))).toMatchObject({ _tag: "AioBadArgument", argument: "path" })
      expect(yield* Effect.flip(Aio.read(3, new Uint8Array(1), { offset: -1 }))).toMatchObject({ argument: "offset" })
      expect(yield* MockAio.journal).toEqual([])
    }).pipe(withMock())
  )

  it.effect("options that cannot be are refused", () =>
    Effect.gen(function* () {
      for (const options of [{ maxDescriptors: 0 }, { capacity: -1 }, { seed: 0.5 }, { journal: 0 }]) {
        expect(yield* Effect.flip(Effect.provide(Aio.nop(), MockAio.layer(options)))).toMatchObject({
          _tag: "AioUnavailable"
        })
      }
      const layer = MockAio.layer({ files: { "/tmp/a": "", "/tmp/a/b": "" } })
      expect((yield* Effect.flip(Effect.provide(Aio.nop(), layer))).message).toContain("ENOTDIR")
    })
  )
})
