import { randomBytes } from "node:crypto"
import { dirname, join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { descriptorsIn } from "../../support/processState.ts"
import { descriptorOf, type World } from "../../support/world.ts"

const SIZE = 100_000

const randomFile = (world: World, options?: AioFile.OpenOptions) =>
  Effect.gen(function* () {
    const path = join(yield* world.directory, "file")
    const bytes = randomBytes(SIZE)
    yield* world.writeFile(path, bytes)
    return { path, bytes, file: yield* AioFile.open(path, { flag: "r+", ...options }) }
  })

describe.each(backends)("$name: AioFile", ({ layer, real, world }) => {
  it.scopedLive("every method does what its operation does", () =>
    Effect.gen(function* () {
      const { bytes, file, path } = yield* randomFile(world)
      const into = Buffer.alloc(100)
      expect(yield* file.read(into, { offset: 7 })).toBe(100)
      expect(into.equals(bytes.subarray(7, 107))).toBe(true)
      expect(yield* file.readv([into.subarray(0, 30), into.subarray(30)], { offset: 1000n })).toBe(100)
      expect(into.equals(bytes.subarray(1000, 1100))).toBe(true)
      expect(Buffer.from(yield* file.readAlloc(50, { offset: SIZE - 20 })).equals(bytes.subarray(SIZE - 20))).toBe(true)
      expect((yield* file.readAlloc(50, { offset: SIZE })).length).toBe(0)
      expect(yield* file.write(into, { offset: 0 })).toBe(100)
      into.copy(bytes, 0)
      expect(yield* file.writev([into, into], { offset: 500 })).toBe(200)
      into.copy(bytes, 500)
      into.copy(bytes, 600)
      yield* file.datasync
      yield* file.sync
      expect((yield* world.readFile(path)).equals(bytes)).toBe(true)
      expect(yield* file.stat).toMatchObject({ size: BigInt(SIZE), ino: (yield* world.facts(path)).ino })
      yield* file.truncate(5000)
      expect(Number((yield* world.facts(path)).size)).toBe(5000)
      yield* file.allocate({ offset: 5000, length: 3000 })
      expect(Number((yield* world.facts(path)).size)).toBe(8000)
      yield* file.advise("sequential")
      yield* file.advise("dontNeed", { offset: 0, length: 4096 })
      yield* file.readahead({ length: 8000 })
      yield* file.truncate()
      expect(Number((yield* world.facts(path)).size)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("without an offset, reads and writes share the position of the file", () =>
    Effect.gen(function* () {
      const { bytes, file, path } = yield* randomFile(world)
      expect(Buffer.from(yield* file.readAlloc(10)).equals(bytes.subarray(0, 10))).toBe(true)
      yield* file.writeAll(Buffer.from("written"))
      expect(Buffer.from(yield* file.readExactly(10)).equals(bytes.subarray(17, 27))).toBe(true)
      yield* file.readAlloc(10, { offset: 5000 })
      expect(yield* file.writev([Buffer.from("a"), Buffer.from("b")])).toBe(2)
      expect((yield* world.readFile(path)).subarray(10, 29).toString("latin1")).toBe(
        `written${bytes.subarray(17, 27).toString("latin1")}ab`
      )
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("readExactly fills what it is given, or tells how much was there", () =>
    Effect.gen(function* () {
      const { bytes, file, path } = yield* randomFile(world)
      const into = new Uint8Array(SIZE)
      expect(yield* file.readExactly(into, { offset: 0 })).toBe(into)
      expect(bytes.equals(into)).toBe(true)
      expect((yield* file.readExactly(0)).length).toBe(0)
      expect((yield* file.readExactly(0, { offset: SIZE * 2 })).length).toBe(0)
      const error = yield* Effect.flip(file.readExactly(1000, { offset: SIZE - 300 }))
      expect(error).toMatchObject({ _tag: "AioEndOfFile", fd: file.fd, path, expected: 1000, received: 300 })
      expect(error.message).toBe(`${path}: the file ended after 300 of 1000 bytes`)
      const borrowed = yield* AioFile.fromDescriptor(file.fd)
      const unnamed = yield* Effect.flip(borrowed.readExactly(1000, { offset: SIZE - 300 }))
      expect(unnamed.message).toBe(`fd ${file.fd}: the file ended after 300 of 1000 bytes`)
      const nothing = yield* Effect.flip(file.readExactly(10, { offset: SIZE }))
      expect(nothing).toMatchObject({ _tag: "AioEndOfFile", expected: 10, received: 0 })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("readMany: ranges that are near share a read, and each gets its bytes", () =>
    Effect.gen(function* () {
      const { bytes, file } = yield* randomFile(world)
      /** How many reads it took. */
      const reading = (ranges: ReadonlyArray<AioFile.ReadRange>, options?: AioFile.ReadManyOptions) =>
        Effect.gen(function* () {
          const before = yield* Aio.stats
          const results = yield* file.readMany(ranges, options)
          const { submitted } = yield* Aio.stats
          expect(results.length).toBe(ranges.length)
          for (const [i, { length, offset }] of ranges.entries()) {
            expect(bytes.subarray(Number(offset), Number(offset) + length).equals(results[i])).toBe(true)
          }
          return submitted - before.submitted
        })
      const scattered = [
        { offset: 50_000, length: 100 },
        { offset: 0, length: 10 },
        { offset: 10n, length: 10 },
        { offset: 5, length: 3 },
        { offset: 54_196, length: 100 },
        { offset: 60_000, length: 0 },
        { offset: 58_393, length: 100 }
      ]
      // A gap of a page is bridged, one of a byte more is not.
      expect(yield* reading(scattered)).toBe(3)
      expect(yield* reading(scattered, { maxGap: 4095 })).toBe(4)
      expect(yield* reading(scattered, { maxGap: 100_000 })).toBe(1)
      // What lies within a read costs nothing, however long that is.
      expect(yield* reading(scattered, { maxLength: 10 })).toBe(5)
      expect(yield* reading(scattered, { maxLength: 20 })).toBe(4)
      expect(yield* reading([])).toBe(0)
      expect(yield* reading(Array.from({ length: 1000 }, (_, i) => ({ offset: i * 100, length: 100 })))).toBe(1)
      // At the end of the file, and behind it: one more read finds that the first one was not just short.
      const end = [
        { offset: SIZE - 5, length: 10 },
        { offset: SIZE + 1, length: 3 },
        { offset: SIZE - 9, length: 4 }
      ]
      expect(yield* reading(end)).toBe(2)
      expect(yield* reading([{ offset: 2n ** 62n, length: 1 }])).toBe(1)
      const wrong: ReadonlyArray<readonly [unknown, unknown, string]> = [
        [[{ offset: -1, length: 1 }], undefined, "ranges[0].offset"],
        [[{ offset: 0, length: Number.NaN }], undefined, "ranges[0].length"],
        [[scattered[0], { offset: 2n ** 63n - 1n, length: 1 }], undefined, "ranges[1].length"],
        [[{ offset: 0, length: 2 ** 52 }], undefined, "ranges[0].length"],
        [[undefined], undefined, "ranges[0]"],
        [7, undefined, "ranges"],
        [[], { maxGap: -1 }, "maxGap"],
        [[], { maxLength: 0.5 }, "maxLength"]
      ]
      for (const [ranges, options, argument] of wrong) {
        expect(yield* Effect.flip(file.readMany(ranges as any, options as any))).toMatchObject({
          _tag: "AioBadArgument",
          operation: "readMany",
          argument
        })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("readExactly and writeAll go on after short answers", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* Effect.flatMap(world.pipe, Effect.forEach(AioFile.fromDescriptor))
      // More than a pipe holds (64 KiB): the writer has to wait for the reader more than once.
      const bytes = randomBytes(1 << 20)
      const [, read] = yield* Effect.all([writer.writeAll(bytes), reader.readExactly(bytes.length)], { concurrency: 2 })
      expect(bytes.equals(read)).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("append mode writes at the end", () =>
    Effect.gen(function* () {
      const { bytes, file, path } = yield* randomFile(world, { flag: "a+" })
      yield* file.writeAll(Buffer.from("one"), { offset: 0 })
      yield* file.writeAll(Buffer.from("two"))
      expect((yield* world.readFile(path)).equals(Buffer.concat([bytes, Buffer.from("onetwo")]))).toBe(true)
      expect(Buffer.from(yield* file.readAlloc(3, { offset: SIZE })).toString()).toBe("one")
    }).pipe(Effect.provide(layer))
  )

  it.live("is closed with its Scope, and says so from then on", () =>
    Effect.gen(function* () {
      const { file, path } = yield* Effect.scoped(randomFile(world))
      if (real) expect(descriptorsIn(dirname(path))).toBe(0)
      const buffer = Buffer.alloc(1)
      const uses: Array<Effect.Effect<unknown, { readonly message: string }>> = [
        file.read(buffer),
        file.read(buffer, { offset: 0 }),
        file.readAlloc(1, { offset: 0 }),
        file.readMany([{ offset: 0, length: 1 }]),
        file.readExactly(1, { offset: 0 }),
        file.readv([buffer], { offset: 0 }),
        file.write(buffer),
        file.writeAll(buffer),
        file.writev([buffer]),
        file.sync,
        file.datasync,
        file.stat,
        file.truncate(),
        file.allocate({ length: 1 }),
        file.advise("normal"),
        file.readahead({ length: 1 })
      ]
      for (const use of uses) {
        expect(yield* Effect.flip(use)).toMatchObject({
          _tag: "AioBadArgument",
          argument: "file",
          description: "it is closed"
        })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("fromDescriptor leaves the closing to whoever opened it", () =>
    Effect.gen(function* () {
      const { bytes, path } = yield* randomFile(world)
      const fd = yield* descriptorOf(path)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* AioFile.fromDescriptor(fd)
          expect(Buffer.from(yield* file.readExactly(100, { offset: 50 })).equals(bytes.subarray(50, 150))).toBe(true)
        })
      )
      expect((yield* Aio.fstat(fd)).size).toBe(BigInt(SIZE))
    }).pipe(Effect.provide(layer))
  )
})
