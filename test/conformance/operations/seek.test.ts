/** seek: where an open file stands, and where its data and its holes begin. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"
import { memoryDirectory } from "../../fixtures/memoryDirectory.ts"
import { backends, realBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { descriptorOf } from "../../support/world.ts"

const MIB = 1 << 20

describe.each(backends)("$name: seek", ({ layer, world }) => {
  it.scopedLive("moves the position: from the start, from where it is, from the end", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "digits")
      yield* world.writeFile(path, "0123456789")
      const file = yield* AioFile.open(path)
      const next = Effect.map(file.readAlloc(1), (bytes) => Buffer.from(bytes).toString())
      expect([yield* Aio.seek(file, 3), yield* next]).toEqual([3n, "3"])
      expect([yield* Aio.seek(file, -2n, "current"), yield* next]).toEqual([2n, "2"])
      expect([yield* Aio.seek(file, 2, "current"), yield* next]).toEqual([5n, "5"])
      expect([yield* Aio.seek(file.fd, -1, "end"), yield* next]).toEqual([9n, "9"])
      expect([yield* Aio.seek(file, 2, "end"), yield* next]).toEqual([12n, ""])
      expect(yield* Aio.seek(file, 0, "current")).toBe(12n)
      const before = yield* Effect.flip(Aio.seek(file, -11, "end"))
      expect(before).toMatchObject({ operation: "seek", code: "EINVAL", fd: file.fd })
      expect(yield* Aio.seek(file, 0, "current")).toBe(12n)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("finds data and holes", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "sparse")
      const file = yield* AioFile.open(path, { flag: "w+" })
      yield* file.truncate(4 * MIB)
      yield* file.writeAll(Buffer.from("data"), { offset: MIB })
      const data = yield* Aio.seek(file, 0, "data")
      const hole = yield* Aio.seek(file, MIB, "hole")
      // How large a piece is, the file system decides.
      expect([data > 0n && data <= MIB, hole >= MIB + 4 && hole < 4 * MIB]).toEqual([true, true])
      expect(yield* Aio.seek(file, MIB + 1, "data")).toBe(BigInt(MIB + 1))
      expect(yield* Aio.seek(file, 0, "hole")).toBe(0n)
      expect(yield* Aio.seek(file, 3 * MIB, "hole")).toBe(BigInt(3 * MIB))
      for (const [offset, from] of [
        [3 * MIB, "data"],
        [4 * MIB, "data"],
        [4 * MIB, "hole"]
      ] as const) {
        expect(yield* Effect.flip(Aio.seek(file, offset, from))).toMatchObject({ operation: "seek", code: "ENXIO" })
      }
      yield* world.writeFile(path, "whole")
      expect([yield* Aio.seek(file, 1, "data"), yield* Aio.seek(file, 1, "hole")]).toEqual([1n, 5n])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what has no position, is no descriptor, or no distance", () =>
    Effect.gen(function* () {
      const [reader] = yield* world.pipe
      expect(yield* Effect.flip(Aio.seek(reader, 0))).toMatchObject({ operation: "seek", code: "ESPIPE" })
      expect(yield* Effect.flip(Aio.seek(1_000_000, 0))).toMatchObject({ code: "EBADF" })
      const fd = yield* descriptorOf(yield* world.directory)
      const wrong: ReadonlyArray<readonly [argument: string, offset: any, from?: any]> = [
        ["offset", -1],
        ["offset", -1n, "data"],
        ["offset", -1, "hole"],
        ["offset", 1.5, "current"],
        ["offset", 2 ** 53, "end"],
        ["offset", 2n ** 63n, "end"],
        ["offset", -(2n ** 63n) - 1n, "current"],
        ["offset", "1", "current"],
        ["from", 0, "middle"],
        ["from", 0, 1]
      ]
      for (const [argument, offset, from] of wrong) {
        const error = yield* Effect.flip(Aio.seek(fd, offset, from))
        expect([offset, error]).toMatchObject([offset, { _tag: "AioBadArgument", operation: "seek", argument }])
      }
    }).pipe(Effect.provide(layer))
  )
})

/** What Python's os.lseek says: of all pieces, where they begin. */
const PIECES = `
import os, sys
fd, at, found = os.open(sys.argv[1], os.O_RDONLY), 0, []
end = os.fstat(fd).st_size
while at < end:
  try: at = os.lseek(fd, at, os.SEEK_DATA)
  except OSError: break
  found.append(at)
  at = os.lseek(fd, at, os.SEEK_HOLE)
  found.append(at)
print(found)
`

describe.each(realBackends)("$name: seek on this machine's file systems", ({ layer }) => {
  it.scopedLive("finds the pieces that another program finds", () =>
    Effect.gen(function* () {
      for (const directory of [yield* temporaryDirectory, yield* memoryDirectory]) {
        const path = join(directory, "pieces")
        const fd = fs.openSync(path, "w+")
        for (const at of [0, 3, 4, 9]) fs.writeSync(fd, "piece", at * 65536 + 10)
        fs.ftruncateSync(fd, MIB)
        const theirs: ReadonlyArray<number> = JSON.parse(
          execFileSync("/usr/bin/python3", ["-c", PIECES, path], { encoding: "utf8" })
        )
        const ours: Array<bigint> = []
        for (let at = 0n; at < MIB; ) {
          const data = yield* Effect.either(Aio.seek(fd, at, "data"))
          if (data._tag === "Left") break
          at = yield* Aio.seek(fd, data.right, "hole")
          ours.push(data.right, at)
        }
        expect(ours.map(Number)).toEqual(theirs)
        fs.closeSync(fd)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("positions beyond 2^53: exact where they are asked for, refused where they would not be", () =>
    Effect.gen(function* () {
      const path = join(yield* memoryDirectory, "far")
      const fd = yield* descriptorOf(path, "w+")
      const far = 2n ** 62n + 1n
      expect(yield* Aio.seek(fd, far)).toBe(far)
      expect(yield* Effect.flip(Aio.seek(fd, 0, "current"))).toMatchObject({ operation: "seek", code: "EOVERFLOW" })
      expect(yield* Aio.seek(fd, -far, "current")).toBe(0n)
    }).pipe(Effect.provide(layer))
  )
})
