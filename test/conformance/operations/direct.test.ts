import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Stream } from "effect"
import { AioBuffer, AioFile } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const PAGE = 4096

/** A file that does not end on a sector, opened past the page cache. */
const opened = (size: number, flag: "r" | "r+" = "r+") =>
  Effect.gen(function* () {
    const path = join(yield* temporaryDirectory, "file")
    const bytes = randomBytes(size)
    fs.writeFileSync(path, bytes)
    return { path, bytes, file: yield* AioFile.open(path, { flag, direct: true }) }
  })

const misaligned = { _tag: "AioBadArgument" }

describe.each(realBackends)("$name: direct I/O", ({ layer }) => {
  it.scopedLive("aligned reads and writes, at the end of the file too", () =>
    Effect.gen(function* () {
      const { bytes, file, path } = yield* opened(10 * PAGE + 904)
      expect(fs.readFileSync(`/proc/self/fdinfo/${file.fd}`, "utf8")).toMatch(/flags:/)
      const into = AioBuffer.aligned(2 * PAGE)
      expect(yield* file.read(into, { offset: PAGE })).toBe(2 * PAGE)
      expect(bytes.subarray(PAGE, 3 * PAGE).equals(into)).toBe(true)
      expect(yield* file.read(into, { offset: 10 * PAGE })).toBe(904)
      expect(bytes.subarray(10 * PAGE).equals(into.subarray(0, 904))).toBe(true)
      expect(yield* file.read(into, { offset: 20 * PAGE })).toBe(0)
      const all = yield* file.readAlloc(12 * PAGE, { offset: 0 })
      expect(bytes.equals(all)).toBe(true)
      into.fill(7)
      yield* file.writeAll(into, { offset: 4 * PAGE })
      bytes.fill(7, 4 * PAGE, 6 * PAGE)
      expect(fs.readFileSync(path).equals(bytes)).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("readExactly gives whole sectors, and an end of file for what is not there", () =>
    Effect.gen(function* () {
      const { bytes, file } = yield* opened(2 * PAGE + 904)
      expect(bytes.subarray(0, 2 * PAGE).equals(yield* file.readExactly(2 * PAGE, { offset: 0 }))).toBe(true)
      expect(yield* Effect.flip(file.readExactly(4 * PAGE, { offset: 0 }))).toMatchObject({
        _tag: "AioEndOfFile",
        expected: 4 * PAGE,
        received: 2 * PAGE + 904
      })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("readMany takes any ranges, and reads whole sectors", () =>
    Effect.gen(function* () {
      const { bytes, file } = yield* opened(10 * PAGE + 904)
      const ranges = [
        { offset: 9 * PAGE - 1, length: 2 * PAGE },
        { offset: 3, length: 5 },
        { offset: 10 * PAGE + 903, length: 2 }
      ]
      const results = yield* file.readMany(ranges, { maxGap: 0 })
      for (const [i, { length, offset }] of ranges.entries()) {
        expect(bytes.subarray(offset, offset + length).equals(results[i])).toBe(true)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a stream gives all bytes of a file that ends within a sector", () =>
    Effect.gen(function* () {
      const { bytes, file } = yield* opened(10 * PAGE + 904)
      const parts = yield* Stream.runCollect(file.stream({ chunkSize: 4 * PAGE }))
      expect(bytes.equals(Buffer.concat(Chunk.toReadonlyArray(parts)))).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is misaligned is refused before the kernel sees it", () =>
    Effect.gen(function* () {
      const { bytes, file, path } = yield* opened(8 * PAGE)
      const into = AioBuffer.aligned(2 * PAGE)
      expect(yield* Effect.flip(file.read(into.subarray(1, 513), { offset: 0 }))).toMatchObject({
        ...misaligned,
        argument: "buffer"
      })
      expect(yield* Effect.flip(file.read(into.subarray(0, 100), { offset: 0 }))).toMatchObject({
        ...misaligned,
        operation: "read"
      })
      expect(yield* Effect.flip(file.read(into, { offset: 7 }))).toMatchObject({ ...misaligned, argument: "offset" })
      expect(yield* Effect.flip(file.read(into, { offset: 2n ** 53n + 1n }))).toMatchObject({
        ...misaligned,
        argument: "offset"
      })
      expect(yield* Effect.flip(file.write(into, { offset: 100 }))).toMatchObject({ ...misaligned, operation: "write" })
      expect(yield* Effect.flip(file.writeAll(into.subarray(8)))).toMatchObject(misaligned)
      expect(fs.readFileSync(path).equals(bytes)).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("vectors: aligned ones are moved, misaligned ones refused likewise", () =>
    Effect.gen(function* () {
      const { bytes, file } = yield* opened(8 * PAGE)
      const into = [AioBuffer.aligned(PAGE), AioBuffer.aligned(2 * PAGE)]
      expect(yield* file.readv(into, { offset: PAGE })).toBe(3 * PAGE)
      expect(bytes.subarray(PAGE, 4 * PAGE).equals(Buffer.concat(into))).toBe(true)
      expect(yield* Effect.flip(file.readv([into[0], into[1].subarray(1, 513)], { offset: 0 }))).toMatchObject(
        misaligned
      )
      expect(yield* Effect.flip(file.readv(into, { offset: 1 }))).toMatchObject(misaligned)
      expect(yield* Effect.flip(file.writev([into[0].subarray(0, 10)], { offset: 0 }))).toMatchObject(misaligned)
    }).pipe(Effect.provide(layer))
  )
})
