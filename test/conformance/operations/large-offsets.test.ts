import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"
import { memoryDirectory } from "../../fixtures/memoryDirectory.ts"
import { realBackends } from "../../support/backends.ts"

const offsets: ReadonlyArray<Aio.Offset> = [
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 1,
  2 ** 40 + 12_345,
  2 ** 53 - 1,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 53n + 3n,
  2n ** 60n + 7n,
  2n ** 62n + 2n ** 33n + 5n
]

const text = (offset: Aio.Offset): string => `at ${offset}`.padEnd(32, ".")

describe.each(realBackends)("$name: large offsets", ({ layer }) => {
  it.scopedLive("bytes go to, and come from, exactly where they should", () =>
    Effect.gen(function* () {
      const path = join(yield* memoryDirectory, "file")
      const file = yield* AioFile.open(path, { flag: "w+" })
      for (const offset of offsets) {
        // Each alone in the file: a byte at a rounded offset would be somewhere else, or missing.
        yield* file.truncate(0)
        const bytes = Buffer.from(text(offset))
        expect(yield* file.write(bytes, { offset })).toBe(32)
        expect(fs.fstatSync(file.fd, { bigint: true }).size).toBe(BigInt(offset) + 32n)
        const theirs = Buffer.alloc(32)
        fs.readSync(file.fd, theirs, { position: BigInt(offset) })
        expect(theirs.equals(bytes)).toBe(true)
        expect(Buffer.from(yield* file.readAlloc(32, { offset })).toString()).toBe(text(offset))
        expect(Buffer.from(yield* file.readAlloc(33, { offset })).toString()).toBe(text(offset))
        expect(yield* Effect.flip(file.readExactly(40, { offset }))).toMatchObject({
          _tag: "AioEndOfFile",
          received: 32
        })
        const parts = [Buffer.alloc(16), Buffer.alloc(16)]
        expect(yield* file.readv(parts, { offset })).toBe(32)
        expect(Buffer.concat(parts).toString()).toBe(text(offset))
        expect(yield* file.writev([bytes, bytes], { offset })).toBe(64)
        expect(fs.fstatSync(file.fd, { bigint: true }).size).toBe(BigInt(offset) + 64n)
        const chunk = yield* file.readExactly(31, {
          offset: typeof offset === "bigint" ? offset + 1n : BigInt(offset) + 1n
        })
        expect(Buffer.from(chunk).toString()).toBe(text(offset).slice(1))
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("truncate, allocate and punch beyond 2^53", () =>
    Effect.gen(function* () {
      const path = join(yield* memoryDirectory, "file")
      const file = yield* AioFile.open(path, { flag: "w+" })
      for (const size of [2n ** 53n + 1n, 2n ** 60n + 1n]) {
        yield* file.truncate(size)
        expect(fs.statSync(path, { bigint: true }).size).toBe(size)
        yield* Aio.truncate(path, size + 2n)
        expect(fs.statSync(path, { bigint: true }).size).toBe(size + 2n)
        yield* file.writeAll(Buffer.from("12345"), { offset: size })
        yield* file.allocate({ mode: "punchHole", offset: size + 1n, length: 3n })
        expect(Buffer.from(yield* file.readAlloc(5, { offset: size })).toString("latin1")).toBe("1\0\0\x005")
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("the end of what a file can hold is the kernel's to say", () =>
    Effect.gen(function* () {
      const path = join(yield* memoryDirectory, "file")
      const file = yield* AioFile.open(path, { flag: "w+" })
      expect(yield* file.readAlloc(10, { offset: 2n ** 63n - 1n }).pipe(Effect.either)).toMatchObject(
        // A range that ends beyond 2^63 - 1 is EINVAL (EOVERFLOW on some file systems), or simply behind the end.
        { _tag: expect.stringMatching(/Left|Right/) }
      )
      const error = yield* Effect.flip(file.write(Buffer.alloc(10), { offset: 2n ** 63n - 5n }))
      expect(["EINVAL", "EFBIG", "EOVERFLOW"]).toContain((error as { readonly code: string }).code)
      for (const offset of [2n ** 63n, 2n ** 64n, -1n]) {
        expect(yield* Effect.flip(file.readAlloc(1, { offset }))).toMatchObject({
          _tag: "AioBadArgument",
          argument: "offset"
        })
      }
    }).pipe(Effect.provide(layer))
  )
})
