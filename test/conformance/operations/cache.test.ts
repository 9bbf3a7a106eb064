import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"
import { memoryDirectory } from "../../fixtures/memoryDirectory.ts"
import { realBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const PAGE = 4096
const SIZE = 256 * PAGE

describe.each(realBackends)("$name: what is cached and what is not", ({ layer }) => {
  it.scopedLive("a read across the end of what is cached is not short", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      const bytes = randomBytes(SIZE + 100)
      fs.writeFileSync(path, bytes)
      const file = yield* AioFile.open(path)
      yield* file.sync
      // No readahead, so that what was evicted stays so until it is read.
      yield* file.advise("random")
      for (const [cachedFrom, cachedTo] of [
        [0, 4],
        [4, 8],
        [0, 0],
        [1, 2],
        [0, 255]
      ]) {
        for (const [offset, length] of [
          [0, SIZE],
          [0, SIZE + 100],
          [PAGE, 5 * PAGE],
          [3 * PAGE + 17, 2 * PAGE],
          [SIZE - PAGE, 2 * PAGE]
        ]) {
          yield* file.advise("dontNeed")
          fs.readSync(file.fd, Buffer.alloc(SIZE), 0, (cachedTo - cachedFrom) * PAGE, cachedFrom * PAGE)
          const into = Buffer.alloc(length)
          const count = yield* file.read(into, { offset })
          expect([cachedFrom, offset, count]).toEqual([cachedFrom, offset, Math.min(length, SIZE + 100 - offset)])
          expect(into.subarray(0, count).equals(bytes.subarray(offset, offset + count))).toBe(true)
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("holes read as zeros, on disk and in memory", () =>
    Effect.gen(function* () {
      for (const directory of [yield* temporaryDirectory, yield* memoryDirectory]) {
        const path = join(directory, "file")
        const fd = fs.openSync(path, "w")
        fs.writeSync(fd, "start", 0)
        fs.writeSync(fd, "middle", 10 * PAGE + 100)
        fs.ftruncateSync(fd, 30 * PAGE)
        fs.closeSync(fd)
        const file = yield* AioFile.open(path)
        const expected = fs.readFileSync(path)
        yield* file.advise("dontNeed")
        expect(expected.equals(yield* file.readAlloc(40 * PAGE, { offset: 0 }))).toBe(true)
        expect(yield* file.readExactly(PAGE, { offset: 20 * PAGE })).toEqual(new Uint8Array(PAGE))
        const parts = [Buffer.alloc(50, 1), Buffer.alloc(100, 1)]
        yield* file.readv(parts, { offset: 10 * PAGE + 50 })
        expect(Buffer.concat(parts).equals(expected.subarray(10 * PAGE + 50, 10 * PAGE + 200))).toBe(true)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("cachestat says how many pages are in memory, and changed, as the kernel says", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, randomBytes(16 * PAGE))
      const file = yield* AioFile.open(path, { flag: "r+" })
      yield* file.sync
      // What was written is there, until it is thrown away, and on the disk.
      const all = yield* Effect.either(Aio.cachestat(file))
      if (all._tag === "Left") return expect(all.left).toMatchObject({ operation: "cachestat", code: "ENOSYS" })
      expect(all.right).toMatchObject({ cached: 16, dirty: 0, writeback: 0 })
      for (const [offset, length, cached] of [
        [0, PAGE, 1],
        [1, PAGE, 2],
        [15 * PAGE, 100 * PAGE, 1],
        [20 * PAGE, 0, 0]
      ]) {
        expect([offset, (yield* Aio.cachestat(file.fd, { offset, length })).cached]).toEqual([offset, cached])
      }
      fs.writeSync(file.fd, "x", 5 * PAGE)
      // One, or as many as the kernel keeps together.
      const { cached, dirty, writeback } = yield* Aio.cachestat(file)
      expect([dirty + writeback > 0, cached]).toEqual([true, 16])
      yield* file.sync
      yield* file.advise("dontNeed")
      expect(yield* Aio.cachestat(file)).toMatchObject({ cached: 0, dirty: 0, writeback: 0 })
      expect(yield* Effect.flip(Aio.cachestat(1_000_000))).toMatchObject({ operation: "cachestat", code: "EBADF" })
      expect(yield* Effect.flip(Aio.cachestat(file, { offset: -1 }))).toMatchObject({ argument: "offset" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a file that grows is read to its new end", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, "")
      const file = yield* AioFile.open(path)
      for (let size = 1; size <= 50; size++) {
        fs.appendFileSync(path, String(size % 10))
        expect(Buffer.from(yield* file.readAlloc(100, { offset: 0 })).toString()).toBe(fs.readFileSync(path, "utf8"))
      }
    }).pipe(Effect.provide(layer))
  )
})
