import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { backends } from "../support/backends.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const SIZE = 300_000

/** A file of random bytes, open for both, and closed with the Scope. */
const randomFile = Effect.gen(function* () {
  const path = join(yield* temporaryDirectory, "file")
  const bytes = randomBytes(SIZE)
  fs.writeFileSync(path, bytes)
  const fd = yield* Effect.acquireRelease(
    Effect.sync(() => fs.openSync(path, "r+")),
    (fd) => Effect.sync(() => fs.closeSync(fd))
  )
  return { path, fd, bytes }
})

const pipe = Effect.gen(function* () {
  const path = join(yield* temporaryDirectory, "fifo")
  execFileSync("mkfifo", [path])
  return yield* Effect.acquireRelease(
    Effect.sync(() => fs.openSync(path, "r+")),
    (fd) => Effect.sync(() => fs.closeSync(fd))
  )
})

describe.each(backends)("$name: transfers", ({ layer }) => {
  it.scopedLive("read at an offset: the same count and bytes as fs.readSync, up to and beyond the end", () =>
    Effect.gen(function* () {
      const { fd } = yield* randomFile
      for (const offset of [0, 1, 4095, 4096, 65_537, SIZE - 4096, SIZE - 10, SIZE - 1, SIZE, SIZE + 1, 2 ** 40]) {
        for (const length of [1, 10, 4096, 70_000]) {
          const [ours, theirs] = [Buffer.alloc(length, 0xee), Buffer.alloc(length, 0xee)]
          const count = yield* Aio.read(fd, ours, { offset })
          expect(count).toBe(fs.readSync(fd, theirs, 0, length, offset))
          expect(ours.equals(theirs)).toBe(true)
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("read without an offset goes on where the last one ended; with one the position stays", () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* randomFile
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
      const { bytes, fd, path } = yield* randomFile
      let model: Buffer<ArrayBufferLike> = Buffer.from(bytes)
      for (const offset of [0, 4095, SIZE - 10, SIZE + 50_000]) {
        const part = randomBytes(5000)
        expect(yield* Aio.write(fd, part, { offset })).toBe(5000)
        if (model.length < offset + 5000) model = Buffer.concat([model, Buffer.alloc(offset + 5000 - model.length)])
        part.copy(model, offset)
        expect(fs.readFileSync(path).equals(model)).toBe(true)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("write without an offset goes on where the last one ended", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* randomFile
      for (const text of ["one ", "two ", "three"]) expect(yield* Aio.write(fd, Buffer.from(text))).toBe(text.length)
      expect(fs.readFileSync(path).subarray(0, 13).toString()).toBe("one two three")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("an append descriptor writes at the end, whatever the offset", () =>
    Effect.gen(function* () {
      const { path } = yield* randomFile
      const fd = yield* Aio.open(path, { flag: "a" })
      yield* Aio.write(fd, Buffer.from("first"), { offset: 0 })
      yield* Aio.write(fd, Buffer.from("second"))
      yield* Aio.writev(fd, [Buffer.from("th"), Buffer.from("ird")])
      yield* Aio.close(fd)
      expect(fs.readFileSync(path).subarray(SIZE).toString()).toBe("firstsecondthird")
    }).pipe(Effect.provide(layer))
  )

  for (const count of [0, 1, 3, 1024]) {
    it.scopedLive(`readv and writev of ${count} buffers, at an offset and at the position`, () =>
      Effect.gen(function* () {
        const { bytes, fd, path } = yield* randomFile
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
        expect(
          fs
            .readFileSync(path)
            .subarray(200_000, 200_000 + total)
            .equals(Buffer.concat(from))
        ).toBe(true)
        // The positional calls left the position where the first readv had put it.
        expect(yield* Aio.writev(fd, from)).toBe(total)
        expect(
          fs
            .readFileSync(path)
            .subarray(total, total * 2)
            .equals(Buffer.concat(from))
        ).toBe(true)
      }).pipe(Effect.provide(layer))
    )
  }

  it.scopedLive("readv across the end fills what there is", () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* randomFile
      const into = [Buffer.alloc(6, 0xee), Buffer.alloc(6, 0xee)]
      expect(yield* Aio.readv(fd, into, { offset: SIZE - 8 })).toBe(8)
      expect(Buffer.concat(into)).toEqual(Buffer.concat([bytes.subarray(SIZE - 8), Buffer.alloc(4, 0xee)]))
      expect(yield* Aio.readv(fd, into, { offset: SIZE })).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a pipe: what is there is the answer, the rest comes with the next read", () =>
    Effect.gen(function* () {
      const fd = yield* pipe
      const into = Buffer.alloc(100)
      expect(yield* Aio.write(fd, Buffer.from("hello"))).toBe(5)
      expect(yield* Aio.read(fd, into)).toBe(5)
      fs.writeSync(fd, "some more")
      expect(yield* Aio.readv(fd, [into.subarray(0, 5), into.subarray(5, 7)])).toBe(7)
      expect(yield* Aio.read(fd, into.subarray(7))).toBe(2)
      expect(into.subarray(0, 9).toString()).toBe("some more")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a pipe has no offsets", () =>
    Effect.gen(function* () {
      const fd = yield* pipe
      fs.writeSync(fd, "there is something to read")
      expect(yield* Effect.flip(Aio.read(fd, Buffer.alloc(3), { offset: 0 }))).toMatchObject({ code: "ESPIPE" })
      expect(yield* Effect.flip(Aio.readv(fd, [Buffer.alloc(3)], { offset: 0 }))).toMatchObject({ code: "ESPIPE" })
      expect(yield* Effect.flip(Aio.write(fd, Buffer.alloc(3), { offset: 0 }))).toMatchObject({ code: "ESPIPE" })
      expect(yield* Effect.flip(Aio.writev(fd, [Buffer.alloc(3)], { offset: 0 }))).toMatchObject({ code: "ESPIPE" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("one call moves at most 2 GiB less a page, as read(2) says", () =>
    Effect.gen(function* () {
      // Never touched: /dev/null takes the bytes unseen, so this costs address space only.
      const huge = new Uint8Array(2 ** 31 + 5)
      const fd = yield* Effect.acquireRelease(
        Effect.sync(() => fs.openSync("/dev/null", "r+")),
        (fd) => Effect.sync(() => fs.closeSync(fd))
      )
      expect(yield* Aio.write(fd, huge)).toBe(0x7ffff000)
      expect(yield* Aio.read(fd, huge)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a hundred at once land each in its own place", () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* randomFile
      const parts = Array.from({ length: 100 }, (_, i) => ({ offset: i * 2999, into: Buffer.alloc(2999) }))
      const counts = yield* Effect.forEach(parts, ({ into, offset }) => Aio.read(fd, into, { offset }), {
        concurrency: "unbounded"
      })
      expect(new Set(counts)).toEqual(new Set([2999]))
      for (const { into, offset } of parts) expect(into.equals(bytes.subarray(offset, offset + 2999))).toBe(true)
    }).pipe(Effect.provide(layer))
  )
})
