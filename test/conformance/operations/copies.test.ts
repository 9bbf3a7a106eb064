/** copyFileRange. */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Aio, AioFile } from "effect-aio"
import { memoryDirectory } from "../../fixtures/memoryDirectory.ts"
import { backends, realBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { descriptorOf, type World } from "../../support/world.ts"

const SIZE = 100_000
const bytes = randomBytes(SIZE)

/** A file of random bytes, and an empty one, both open. */
const place = (world: World) =>
  Effect.gen(function* () {
    const directory = yield* world.directory
    const [source, target] = [join(directory, "source"), join(directory, "target")]
    yield* world.writeFile(source, bytes)
    yield* world.writeFile(target, "")
    const [from, to] = [yield* descriptorOf(source, "r+"), yield* descriptorOf(target, "r+")]
    return { directory, source, target, from, to, copied: world.readFile(target) }
  })

describe.each(backends)("$name: copyFileRange", ({ layer, world }) => {
  it.scopedLive("at offsets: the range, and no position moves", () =>
    Effect.gen(function* () {
      const { copied, from, to } = yield* place(world)
      for (const [offset, toOffset, length] of [
        [0, 0, SIZE],
        [100, 50, 1000],
        [4096n, 8192n, 4096n],
        [1, 4095, 10_000],
        [0, SIZE + 5000, 10]
      ] as const) {
        const before = yield* copied
        expect(yield* Aio.copyFileRange(from, to, { offset, toOffset, length })).toBe(Number(length))
        const expected = Buffer.alloc(Math.max(before.length, Number(toOffset) + Number(length)))
        before.copy(expected)
        bytes.copy(expected, Number(toOffset), Number(offset), Number(offset) + Number(length))
        expect((yield* copied).equals(expected)).toBe(true)
      }
      const into = Buffer.alloc(5)
      expect(yield* Aio.read(from, into)).toBe(5)
      expect(into.equals(bytes.subarray(0, 5))).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("at the positions of the files, which move; or at one and an offset", () =>
    Effect.gen(function* () {
      const { copied, from, to } = yield* place(world)
      expect(yield* Aio.copyFileRange(from, to, { length: 1000 })).toBe(1000)
      expect(yield* Aio.copyFileRange(from, to, { length: 500 })).toBe(500)
      expect((yield* copied).equals(bytes.subarray(0, 1500))).toBe(true)
      expect(yield* Aio.copyFileRange(from, to, { offset: 0, length: 100 })).toBe(100)
      expect(yield* Aio.copyFileRange(from, to, { toOffset: 0, length: 100 })).toBe(100)
      const expected = Buffer.concat([bytes.subarray(1500, 1600), bytes.subarray(100, 1500), bytes.subarray(0, 100)])
      expect((yield* copied).equals(expected)).toBe(true)
      const into = Buffer.alloc(3)
      yield* Aio.read(from, into)
      expect(into.equals(bytes.subarray(1600, 1603))).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("up to the end of the source, and nothing from there on", () =>
    Effect.gen(function* () {
      const { copied, from, to } = yield* place(world)
      expect(yield* Aio.copyFileRange(from, to, { offset: SIZE - 10, toOffset: 0, length: 1000 })).toBe(10)
      expect(yield* Aio.copyFileRange(from, to, { offset: SIZE, toOffset: 0, length: 1000 })).toBe(0)
      expect(yield* Aio.copyFileRange(from, to, { offset: SIZE + 4096, toOffset: 0, length: 1000 })).toBe(0)
      expect(yield* Aio.copyFileRange(from, to, { offset: 2n ** 40n, toOffset: 0, length: 2n ** 40n })).toBe(0)
      expect(yield* Aio.copyFileRange(from, to, { offset: 0, toOffset: 0, length: 0 })).toBe(0)
      expect((yield* copied).equals(bytes.subarray(SIZE - 10))).toBe(true)
      // Of a length that no call moves at once.
      expect(yield* Aio.copyFileRange(from, to, { offset: 0, toOffset: 0, length: 2n ** 62n })).toBe(SIZE)
      expect((yield* copied).equals(bytes)).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("between open files, neither of which is closed before it has ended", () =>
    Effect.gen(function* () {
      const { copied, source, target } = yield* place(world)
      const [fromScope, toScope] = [yield* Scope.make(), yield* Scope.make()]
      const from = yield* Scope.extend(AioFile.open(source), fromScope)
      const to = yield* Scope.extend(AioFile.open(target, { flag: "r+" }), toScope)
      expect(yield* from.copyFileRange(to, { offset: 0, toOffset: 0, length: SIZE })).toBe(SIZE)
      expect(yield* to.size).toBe(BigInt(SIZE))
      expect((yield* copied).equals(bytes)).toBe(true)
      const copies = yield* Effect.forEach(Array.from({ length: 50 }), () =>
        Effect.fork(Aio.copyFileRange(from, to, { offset: 0, toOffset: 0, length: SIZE }))
      )
      yield* Effect.yieldNow()
      yield* Scope.close(toScope, Exit.void)
      for (const exit of yield* Effect.forEach(copies, Fiber.await)) {
        // Whatever was done by then is right, the rest ended with the file.
        if (Exit.isSuccess(exit)) expect(exit.value).toBe(SIZE)
      }
      for (const copy of [from.copyFileRange(to, { length: 1 }), Aio.copyFileRange(to, from, { length: 1 })]) {
        expect(yield* Effect.flip(copy)).toMatchObject({ _tag: "AioBadArgument", argument: "file" })
      }
      // The other one is not held by what was refused.
      yield* Effect.timeout(Scope.close(fromScope, Exit.void), "30 seconds")
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("holes come out as zeros", () =>
    Effect.gen(function* () {
      const { copied, from, to } = yield* place(world)
      yield* Aio.ftruncate(from, 0)
      yield* Aio.write(from, Buffer.from("start"), { offset: 0 })
      yield* Aio.write(from, Buffer.from("end"), { offset: 60_000 })
      yield* Aio.ftruncate(from, 80_000)
      let done = 0
      while (done < 80_000) {
        const count = yield* Aio.copyFileRange(from, to, { offset: done, toOffset: done, length: 80_000 - done })
        expect(count).toBeGreaterThan(0)
        done += count
      }
      const expected = Buffer.alloc(80_000)
      expected.write("start")
      expected.write("end", 60_000)
      expect((yield* copied).equals(expected)).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("within one file: apart from each other, or EINVAL", () =>
    Effect.gen(function* () {
      const { from, source } = yield* place(world)
      const other = yield* descriptorOf(source, "r+")
      expect(yield* Aio.copyFileRange(from, other, { offset: 0, toOffset: 50_000, length: 1000 })).toBe(1000)
      expect(yield* Aio.copyFileRange(from, from, { offset: 0, toOffset: 1000, length: 1000 })).toBe(1000)
      const expected = Buffer.from(bytes)
      bytes.copy(expected, 50_000, 0, 1000)
      bytes.copy(expected, 1000, 0, 1000)
      expect((yield* world.readFile(source)).equals(expected)).toBe(true)
      for (const [offset, toOffset, length] of [
        [0, 999, 1000],
        [999, 0, 1000],
        [500, 500, 1]
      ] as const) {
        expect(yield* Effect.flip(Aio.copyFileRange(from, other, { offset, toOffset, length }))).toMatchObject({
          code: "EINVAL",
          operation: "copyFileRange",
          fd: from
        })
      }
      expect((yield* world.readFile(source)).equals(expected)).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("descriptors that are not fit for it", () =>
    Effect.gen(function* () {
      const { directory, from, source, target, to } = yield* place(world)
      const readOnly = yield* descriptorOf(target)
      const writeOnly = yield* descriptorOf(source, fs.constants.O_WRONLY)
      const append = yield* descriptorOf(target, "a")
      const list = yield* descriptorOf(directory, fs.constants.O_DIRECTORY)
      const [reader, writer] = yield* world.pipe
      for (const [fd, into, code] of [
        [from, readOnly, "EBADF"],
        [writeOnly, to, "EBADF"],
        [from, append, "EBADF"],
        [999_999, to, "EBADF"],
        [from, 999_999, "EBADF"],
        [list, to, "EISDIR"],
        [reader, to, "EINVAL"],
        [from, writer, "EINVAL"]
      ] as const) {
        const error = yield* Effect.flip(Aio.copyFileRange(fd, into, { length: 10 }))
        expect([fd, into, error]).toMatchObject([fd, into, { code, operation: "copyFileRange", fd }])
      }
      expect((yield* world.readFile(target)).length).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("many at once do not mix: each has its own offsets", () =>
    Effect.gen(function* () {
      const { copied, from, to } = yield* place(world)
      yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i * 1000),
        (offset) => Aio.copyFileRange(from, to, { offset, toOffset: SIZE - 1000 - offset, length: 1000 }),
        { concurrency: "unbounded" }
      )
      const expected = Buffer.concat(
        Array.from({ length: 100 }, (_, i) => bytes.subarray(SIZE - (i + 1) * 1000, SIZE - i * 1000))
      )
      expect((yield* copied).equals(expected)).toBe(true)
    }).pipe(Effect.provide(layer))
  )
})

describe.each(realBackends)("$name: copyFileRange and the operating system", ({ layer, world }) => {
  it.scopedLive("to another file system: copied, or EXDEV", () =>
    Effect.gen(function* () {
      const { from } = yield* place(world)
      const path = join(yield* memoryDirectory, "target")
      const to = yield* descriptorOf(path, "w")
      const result = yield* Effect.either(Aio.copyFileRange(from, to, { offset: 0, length: SIZE }))
      if (result._tag === "Right") expect(fs.readFileSync(path).equals(bytes.subarray(0, result.right))).toBe(true)
      else expect(result.left).toMatchObject({ code: "EXDEV" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("the end of what a file can hold", () =>
    Effect.gen(function* () {
      const { from, to } = yield* place(world)
      for (const use of [
        Aio.copyFileRange(from, to, { offset: 0, toOffset: 2n ** 63n - 1n, length: 10 }),
        Aio.copyFileRange(from, to, { offset: 2n ** 63n - 1n, toOffset: 0, length: 10 })
      ]) {
        const result = yield* Effect.either(use)
        // At the far end of the source there is nothing to copy; beyond the far end of the destination nothing can be.
        if (result._tag === "Right") expect(result.right).toBe(0)
        else expect(["EINVAL", "EFBIG", "EOVERFLOW"]).toContain((result.left as { readonly code: string }).code)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a large copy that is interrupted has ended when its fiber has", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [source, target] = [join(directory, "source"), join(directory, "target")]
      fs.writeFileSync(source, Buffer.alloc(64 << 20, 7))
      const from = yield* descriptorOf(source)
      for (let round = 0; round < 5; round++) {
        const to = yield* descriptorOf(target, "w")
        const fiber = yield* Effect.fork(Aio.copyFileRange(from, to, { offset: 0, toOffset: 0, length: 64 << 20 }))
        yield* Effect.sleep(round * 6)
        const exit = yield* Fiber.interrupt(fiber)
        const { size } = fs.statSync(target)
        if (Exit.isSuccess(exit)) expect(size).toBe(exit.value)
        yield* Effect.sleep(30)
        expect(fs.statSync(target).size).toBe(size)
      }
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})
