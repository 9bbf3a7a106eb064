import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { memoryDirectory } from "../../fixtures/memoryDirectory.ts"
import { realBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const BLOCK = 4096
const SIZE = 16 * BLOCK

const randomFile = (directory: string) =>
  Effect.gen(function* () {
    const path = join(directory, "file")
    const bytes = randomBytes(SIZE)
    fs.writeFileSync(path, bytes)
    const fd = yield* Effect.acquireRelease(
      Effect.sync(() => fs.openSync(path, "r+")),
      (fd) => Effect.sync(() => fs.closeSync(fd))
    )
    return { path, fd, bytes }
  })

const zeroed = (bytes: Buffer, start: number, end: number): Buffer => {
  const copy = Buffer.alloc(Math.max(bytes.length, end))
  bytes.copy(copy)
  return copy.fill(0, start, end)
}

/** What each mode makes of blocks 4 to 8 of a file, as fallocate(2) describes it. */
const modes: Record<Aio.AllocateMode, (bytes: Buffer) => Buffer> = {
  allocate: (bytes) => bytes,
  keepSize: (bytes) => bytes,
  punchHole: (bytes) => zeroed(bytes, 4 * BLOCK, 8 * BLOCK),
  zeroRange: (bytes) => zeroed(bytes, 4 * BLOCK, 8 * BLOCK),
  collapseRange: (bytes) => Buffer.concat([bytes.subarray(0, 4 * BLOCK), bytes.subarray(8 * BLOCK)]),
  zeroRangeKeepSize: (bytes) => zeroed(bytes, 4 * BLOCK, 8 * BLOCK),
  unshareRange: (bytes) => bytes,
  insertRange: (bytes) =>
    Buffer.concat([bytes.subarray(0, 4 * BLOCK), Buffer.alloc(4 * BLOCK), bytes.subarray(4 * BLOCK)])
}

/** File systems that have every mode of fallocate(2), by their magic numbers: ext4 and xfs. */
const hasAllModes = [0xef53, 0x58465342].includes(fs.statfsSync(tmpdir()).type)

describe.each(realBackends)("$name: space", ({ layer }) => {
  it.scopedLive("truncate and ftruncate cut and extend with zeros", () =>
    Effect.gen(function* () {
      const { bytes, fd, path } = yield* randomFile(yield* temporaryDirectory)
      yield* Aio.truncate(path, 10_000)
      expect(fs.readFileSync(path).equals(bytes.subarray(0, 10_000))).toBe(true)
      yield* Aio.ftruncate(fd, 20_000n)
      expect(fs.readFileSync(path).equals(zeroed(bytes.subarray(0, 10_000), 10_000, 20_000))).toBe(true)
      yield* Aio.ftruncate(fd, 5)
      expect(fs.readFileSync(path).equals(bytes.subarray(0, 5))).toBe(true)
      yield* Aio.truncate(path, 2 ** 40)
      expect(fs.statSync(path)).toMatchObject({ size: 2 ** 40 })
      expect(fs.statSync(path).blocks).toBeLessThan(100)
      yield* Aio.ftruncate(fd)
      expect(fs.statSync(path).size).toBe(0)
      fs.writeSync(fd, "content")
      yield* Aio.truncate(path)
      expect(fs.statSync(path).size).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what cannot be truncated says why", () =>
    Effect.gen(function* () {
      const { path } = yield* randomFile(yield* temporaryDirectory)
      const fd = fs.openSync(path, "r")
      expect(yield* Effect.flip(Aio.ftruncate(fd, 0))).toMatchObject({ code: "EINVAL", operation: "ftruncate", fd })
      fs.closeSync(fd)
      expect(yield* Effect.flip(Aio.truncate(`${path}/..`, 0))).toMatchObject({
        code: "ENOTDIR",
        operation: "truncate"
      })
      expect(yield* Effect.flip(Aio.truncate(tmpdir(), 0))).toMatchObject({ code: "EISDIR" })
      // ext4 and xfs end before 2^63.
      if (hasAllModes) expect(yield* Effect.flip(Aio.truncate(path, 2n ** 63n - 1n))).toMatchObject({ code: "EFBIG" })
      expect(fs.statSync(path).size).toBe(SIZE)
    }).pipe(Effect.provide(layer))
  )

  for (const [mode, model] of Object.entries(modes) as Array<[Aio.AllocateMode, (bytes: Buffer) => Buffer]>) {
    it.scopedLive(`fallocate "${mode}" does what fallocate(2) says, or EOPNOTSUPP`, () =>
      Effect.gen(function* () {
        for (const [directory, complete] of [
          [yield* temporaryDirectory, hasAllModes],
          [yield* memoryDirectory, false]
        ] as const) {
          const { bytes, fd, path } = yield* randomFile(directory)
          const result = yield* Effect.either(Aio.fallocate(fd, { mode, offset: 4 * BLOCK, length: 4 * BLOCK }))
          if (result._tag === "Left") {
            // ext4 shares no blocks.
            if (mode !== "unshareRange") expect(complete).toBe(false)
            expect(result.left).toMatchObject({ code: "EOPNOTSUPP", operation: "fallocate", fd })
            expect(fs.readFileSync(path).equals(bytes)).toBe(true)
          } else expect(fs.readFileSync(path).equals(model(bytes))).toBe(true)
        }
      }).pipe(Effect.provide(layer))
    )
  }

  it.scopedLive('fallocate grows the file by default, and not with "keepSize"', () =>
    Effect.gen(function* () {
      const { fd, path } = yield* randomFile(yield* temporaryDirectory)
      yield* Aio.fallocate(fd, { mode: "keepSize", length: SIZE * 4 })
      expect(fs.statSync(path).size).toBe(SIZE)
      expect(fs.statSync(path).blocks * 512).toBeGreaterThanOrEqual(SIZE * 4)
      if (hasAllModes) {
        yield* Aio.fallocate(fd, { mode: "zeroRangeKeepSize", offset: SIZE / 2, length: SIZE * 2 })
        expect(fs.statSync(path).size).toBe(SIZE)
        expect(
          fs
            .readFileSync(path)
            .subarray(SIZE / 2)
            .every((byte) => byte === 0)
        ).toBe(true)
      }
      yield* Aio.fallocate(fd, { length: SIZE * 2 })
      expect(fs.statSync(path).size).toBe(SIZE * 2)
      expect(yield* Effect.flip(Aio.fallocate(fd, { length: 0 }))).toMatchObject({ code: "EINVAL" })
      const beyond = yield* Effect.flip(Aio.fallocate(fd, { offset: 2n ** 63n - 1n, length: 2n ** 62n }))
      expect(beyond).toMatchObject({ code: "EFBIG" })
    }).pipe(Effect.provide(layer))
  )
})
