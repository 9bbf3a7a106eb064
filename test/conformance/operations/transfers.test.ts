import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { Aio, AioError, AioFile } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { descriptorOf, type World } from "../../support/world.ts"

const SIZE = 300_000
/** Bytes that a pipe has no room for. */
const LARGE = 1 << 20

/** A file of random bytes, open for both, and closed with the Scope. */
const randomFile = (world: World) =>
  Effect.gen(function* () {
    const path = join(yield* world.directory, "file")
    const bytes = randomBytes(SIZE)
    yield* world.writeFile(path, bytes)
    const fd = yield* descriptorOf(path, "r+")
    return { path, fd, bytes }
  })

describe.each(backends)("$name: transfers", ({ layer, real, world }) => {
  it.scopedLive("reading nothing of a directory fails as reading something of it does", () =>
    Effect.gen(function* () {
      const fd = yield* descriptorOf(yield* world.directory)
      for (const length of [0, 1]) {
        expect(yield* Effect.flip(Aio.read(fd, new Uint8Array(length)))).toMatchObject({ code: "EISDIR" })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("read at an offset: what is there, up to and beyond the end", () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* randomFile(world)
      for (const offset of [0, 1, 4095, 4096, 65_537, SIZE - 4096, SIZE - 10, SIZE - 1, SIZE, SIZE + 1, 2 ** 40]) {
        for (const length of [1, 10, 4096, 70_000]) {
          const [into, expected] = [Buffer.alloc(length, 0xee), Buffer.alloc(length, 0xee)]
          const count = bytes.copy(expected, 0, Math.min(offset, SIZE), Math.min(offset + length, SIZE))
          expect(yield* Aio.read(fd, into, { offset })).toBe(count)
          expect(into.equals(expected)).toBe(true)
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("read without an offset goes on where the last one ended; with one the position stays", () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* randomFile(world)
      const part = Buffer.alloc(1000)
      for (let round = 0; round < 5; round++) {
        expect(yield* Aio.read(fd, part)).toBe(1000)
        expect(part.equals(bytes.subarray(round * 1000, (round + 1) * 1000))).toBe(true)
        yield* Aio.read(fd, part, { offset: 77_777 })
        expect(part.equals(bytes.subarray(77_777, 78_777))).toBe(true)
      }
      const rest = Buffer.alloc(SIZE)
      expect(yield* Aio.read(fd, rest)).toBe(SIZE - 5000)
      expect(yield* Aio.read(fd, rest)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("write at an offset, over, across and beyond the end", () =>
    Effect.gen(function* () {
      const { bytes, fd, path } = yield* randomFile(world)
      let model: Buffer<ArrayBufferLike> = Buffer.from(bytes)
      for (const offset of [0, 4095, SIZE - 10, SIZE + 50_000]) {
        const part = randomBytes(5000)
        expect(yield* Aio.write(fd, part, { offset })).toBe(5000)
        if (model.length < offset + 5000) model = Buffer.concat([model, Buffer.alloc(offset + 5000 - model.length)])
        part.copy(model, offset)
        expect((yield* world.readFile(path)).equals(model)).toBe(true)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("write without an offset goes on where the last one ended", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* randomFile(world)
      for (const text of ["one ", "two ", "three"]) expect(yield* Aio.write(fd, Buffer.from(text))).toBe(text.length)
      expect((yield* world.readFile(path)).subarray(0, 13).toString()).toBe("one two three")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("an append descriptor writes at the end, whatever the offset", () =>
    Effect.gen(function* () {
      const { path } = yield* randomFile(world)
      const fd = yield* Aio.open(path, { flag: "a" })
      yield* Aio.write(fd, Buffer.from("first"), { offset: 0 })
      yield* Aio.write(fd, Buffer.from("second"))
      yield* Aio.writev(fd, [Buffer.from("th"), Buffer.from("ird")])
      yield* Aio.close(fd)
      expect((yield* world.readFile(path)).subarray(SIZE).toString()).toBe("firstsecondthird")
    }).pipe(Effect.provide(layer))
  )

  for (const count of [0, 1, 3, 1024]) {
    it.scopedLive(`readv and writev of ${count} buffers, at an offset and at the position`, () =>
      Effect.gen(function* () {
        const { bytes, fd, path } = yield* randomFile(world)
        const lengths = Array.from({ length: count }, (_, i) => (i * 37) % 101)
        const total = lengths.reduce((sum, length) => sum + length, 0)
        const into = lengths.map((length) => Buffer.alloc(length))
        for (const offset of [undefined, 12_345]) {
          expect(yield* Aio.readv(fd, into, { offset })).toBe(total)
          const start = offset ?? 0
          expect(Buffer.concat(into).equals(bytes.subarray(start, start + total))).toBe(true)
        }
        const from = lengths.map((length) => randomBytes(length))
        expect(yield* Aio.writev(fd, from, { offset: 200_000 })).toBe(total)
        expect((yield* world.readFile(path)).subarray(200_000, 200_000 + total).equals(Buffer.concat(from))).toBe(true)
        // The positional calls left the position where the first readv had put it.
        expect(yield* Aio.writev(fd, from)).toBe(total)
        expect((yield* world.readFile(path)).subarray(total, total * 2).equals(Buffer.concat(from))).toBe(true)
      }).pipe(Effect.provide(layer))
    )
  }

  it.scopedLive("flags: the same bytes, or EOPNOTSUPP and none", () =>
    Effect.gen(function* () {
      const { bytes, fd, path } = yield* randomFile(world)
      const into = Buffer.alloc(1000)
      const unknown = <A>(transfer: Effect.Effect<A, AioError.AioFailure, Aio.Aio>) =>
        transfer.pipe(AioError.catchCode("EOPNOTSUPP", () => Effect.succeed(undefined)))
      for (const flag of ["highPriority", "uncached", "noWait"]) {
        for (const read of [
          Aio.read(fd, into, { offset: 500, [flag]: true }),
          Aio.readv(fd, [into], { offset: 500, [flag]: true })
        ]) {
          into.fill(0)
          const count = yield* unknown(read)
          if (count !== undefined) expect(into.equals(bytes.subarray(500, 1500))).toBe(true)
          else expect(flag).not.toBe("highPriority")
        }
      }
      const part = randomBytes(2000)
      for (const flag of ["dataSync", "sync", "highPriority", "uncached", "atomic", "noWait"]) {
        for (const write of [
          Aio.write(fd, part, { offset: 700, [flag]: true }),
          Aio.writev(fd, [part], { offset: 700, [flag]: true })
        ]) {
          const before = yield* world.readFile(path)
          const count = yield* unknown(write)
          if (count === undefined) expect((yield* world.readFile(path)).equals(before)).toBe(true)
          else
            expect((yield* world.readFile(path)).subarray(700, 700 + count).equals(part.subarray(0, count))).toBe(true)
          if (flag === "atomic") expect(count).toBe(undefined)
          if (flag === "dataSync" || flag === "sync") expect(count).toBe(2000)
          yield* Aio.write(fd, randomBytes(2000), { offset: 700 })
        }
      }
      // A large one, and one at the position, which moves.
      const large = randomBytes(LARGE)
      expect(yield* Aio.write(fd, large, { dataSync: true })).toBe(LARGE)
      expect(yield* Aio.write(fd, Buffer.from("end"), { sync: true })).toBe(3)
      expect((yield* world.readFile(path)).equals(Buffer.concat([large, Buffer.from("end")]))).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("append: at the end, whatever the offset, and all at once", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* randomFile(world)
      const lines = Array.from({ length: 40 }, (_, i) => Buffer.from(`line ${String(i).padStart(3)}\n`))
      yield* Effect.forEach(
        lines,
        (line, i) => Aio.write(fd, line, i % 2 === 0 ? { append: true } : { offset: 0, append: true }),
        {
          concurrency: "unbounded"
        }
      )
      const added = (yield* world.readFile(path)).subarray(SIZE).toString()
      expect(added.match(/.{8}\n/g)!.sort()).toEqual(lines.map(String).sort())
      expect(added.length).toBe(lines.length * 9)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("noWait: EAGAIN where a peer would have to be waited for, and what there is otherwise", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      const now = { noWait: true }
      const into = Buffer.alloc(10)
      for (const read of [Aio.read(reader, into, now), Aio.readv(reader, [into], now)]) {
        expect(yield* Effect.flip(read)).toMatchObject({ _tag: "AioError", code: "EAGAIN", reason: "WouldBlock" })
      }
      // Others wait meanwhile.
      const waiting = yield* Effect.fork(Aio.read(reader, Buffer.alloc(1)))
      yield* statsReach({ executing: 1 })
      expect(yield* Aio.write(writer, Buffer.from("xyz"), now)).toBe(3)
      expect(yield* Fiber.join(waiting)).toBe(1)
      expect(yield* Aio.read(reader, into, now)).toBe(2)
      expect(into.toString("latin1", 0, 2)).toBe("yz")
      yield* Aio.close(writer)
      expect(yield* Aio.read(reader, into, now)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("flags of open files, and of the writes that all of some bytes take", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "log")
      const file = yield* AioFile.open(path, { flag: "w" })
      yield* file.writeAll(Buffer.from("first "), { dataSync: true })
      yield* Stream.run(
        Stream.make(Buffer.from("second "), Buffer.from("third")),
        file.sink({ offset: 0, append: true, sync: true })
      )
      expect((yield* world.readFile(path)).toString()).toBe("first second third")
      const wrong: any = { sync: "yes" }
      for (const write of [
        file.writeAll(Buffer.from("x"), wrong),
        Stream.run(Stream.make(Buffer.from("x")), file.sink(wrong))
      ]) {
        expect(yield* Effect.flip(write)).toMatchObject({ _tag: "AioBadArgument", argument: "sync" })
      }
      expect((yield* file.stat).size).toBe(18n)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("readv across the end fills what there is", () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* randomFile(world)
      const into = [Buffer.alloc(6, 0xee), Buffer.alloc(6, 0xee)]
      expect(yield* Aio.readv(fd, into, { offset: SIZE - 8 })).toBe(8)
      expect(Buffer.concat(into)).toEqual(Buffer.concat([bytes.subarray(SIZE - 8), Buffer.alloc(4, 0xee)]))
      expect(yield* Aio.readv(fd, into, { offset: SIZE })).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a pipe: what is there is the answer, the rest comes with the next read", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      const into = Buffer.alloc(100)
      expect(yield* Aio.write(writer, Buffer.from("hello"))).toBe(5)
      expect(yield* Aio.read(reader, into)).toBe(5)
      expect(yield* Aio.writev(writer, [Buffer.from("some "), Buffer.from("more")])).toBe(9)
      expect(yield* Aio.readv(reader, [into.subarray(0, 5), into.subarray(5, 7)])).toBe(7)
      expect(yield* Aio.read(reader, into.subarray(7))).toBe(2)
      expect(into.subarray(0, 9).toString()).toBe("some more")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a pipe ends when its writer has left, and breaks when its reader has", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      yield* Aio.write(writer, Buffer.from("end"))
      yield* Aio.close(writer)
      const into = Buffer.alloc(100)
      expect([yield* Aio.read(reader, into), yield* Aio.read(reader, into)]).toEqual([3, 0])
      const [left, alone] = yield* world.pipe
      yield* Aio.close(left)
      expect(yield* Effect.flip(Aio.write(alone, into))).toMatchObject({ code: "EPIPE", operation: "write", fd: alone })
      expect(yield* Effect.flip(Aio.writev(alone, [into]))).toMatchObject({ code: "EPIPE", operation: "writev" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a pipe has no offsets", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      yield* Aio.write(writer, Buffer.from("there is something to read"))
      for (const [fd, use] of [
        [reader, Aio.read(reader, Buffer.alloc(3), { offset: 0 })],
        [reader, Aio.readv(reader, [Buffer.alloc(3)], { offset: 0 })],
        [writer, Aio.write(writer, Buffer.alloc(3), { offset: 0 })],
        [writer, Aio.writev(writer, [Buffer.alloc(3)], { offset: 0 })]
      ] as const) {
        expect(yield* Effect.flip(use)).toMatchObject({ code: "ESPIPE", fd })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(real)("one call moves at most 2 GiB less a page, as read(2) says", () =>
    Effect.gen(function* () {
      // Never touched: /dev/null takes the bytes unseen, so this costs address space only.
      const huge = new Uint8Array(2 ** 31 + 5)
      const fd = yield* Aio.open("/dev/null", { flag: "r+" })
      expect(yield* Aio.write(fd, huge)).toBe(0x7ffff000)
      expect(yield* Aio.read(fd, huge)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a hundred at once land each in its own place", () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* randomFile(world)
      const parts = Array.from({ length: 100 }, (_, i) => ({ offset: i * 2999, into: Buffer.alloc(2999) }))
      const counts = yield* Effect.forEach(parts, ({ into, offset }) => Aio.read(fd, into, { offset }), {
        concurrency: "unbounded"
      })
      expect(new Set(counts)).toEqual(new Set([2999]))
      for (const { into, offset } of parts) expect(into.equals(bytes.subarray(offset, offset + 2999))).toBe(true)
    }).pipe(Effect.provide(layer))
  )
})

/** A write of more than a pipe has room for waits for the reader; it must not take away what the reader needs. */
describe.each(backends)("$name: writes larger than a pipe", ({ layerWith, world }) => {
  for (const maxParallel of [1, 4]) {
    it.scopedLive(`as many as there are threads (${maxParallel}), read by the same program`, () =>
      Effect.gen(function* () {
        const bytes = randomBytes(LARGE)
        yield* Effect.forEach(
          Array.from({ length: maxParallel }),
          () =>
            Effect.gen(function* () {
              const [reader, writer] = yield* Effect.flatMap(world.pipe, Effect.forEach(AioFile.fromDescriptor))
              const [, read] = yield* Effect.all([writer.writeAll(bytes), reader.readExactly(LARGE)], {
                concurrency: 2
              })
              expect(bytes.equals(read)).toBe(true)
            }),
          { concurrency: "unbounded", discard: true }
        )
      }).pipe(Effect.timeout("45 seconds"), Effect.provide(layerWith({ maxParallel })))
    )
  }
})
