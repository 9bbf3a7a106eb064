/** mknod: FIFOs, sockets, devices and files; what a rename leaves behind. */
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioFile } from "effect-aio"
import { isRoot } from "../../fixtures/child.ts"
import { backends, realBackends } from "../../support/backends.ts"

const types: ReadonlyArray<Aio.NodeType> = ["File", "FIFO", "Socket"]

describe.each(backends)("$name: mknod", ({ layer, world }) => {
  it.scopedLive("makes what it is told, with permissions less the umask, and nothing twice", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      for (const type of types) {
        const path = join(directory, type)
        yield* Aio.mknod(path, type, { mode: 0o751 })
        expect(yield* world.facts(path)).toMatchObject({ type, nlink: 1, size: 0n })
        expect((yield* world.facts(path)).mode & 0o7777).toBe(0o751 & ~process.umask())
        for (const again of types) {
          expect(yield* Effect.flip(Aio.mknod(path, again))).toMatchObject({ operation: "mknod", code: "EEXIST", path })
        }
      }
      expect(yield* Effect.flip(Aio.mknod(join(directory, "absent", "x"), "File"))).toMatchObject({ code: "ENOENT" })
      expect(yield* Effect.flip(Aio.mknod(join(directory, "File", "x"), "FIFO"))).toMatchObject({ code: "ENOTDIR" })
      // Nobody listens.
      expect(yield* Effect.flip(Aio.open(join(directory, "Socket")))).toMatchObject({ code: "ENXIO" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a FIFO that it makes joins a reader and a writer", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "fifo")
      yield* Aio.mknod(path, "FIFO", { mode: 0o600 })
      const reading = yield* Effect.fork(AioFile.readFileString(path))
      yield* AioFile.withFile(path, { flag: 1 }, (file) => file.writeAll(Buffer.from("through")))
      expect(yield* Fiber.join(reading)).toBe("through")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is wrong is told before anything is made", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const path = join(directory, "none")
      const wrong: ReadonlyArray<readonly [argument: string, type: any, options?: Aio.MknodOptions]> = [
        ["type", "Directory"],
        ["type", "toString"],
        ["mode", "File", { mode: -1 }],
        ["major", "FIFO", { major: 1 }],
        ["minor", "File", { minor: 0 }],
        ["major", "CharacterDevice"],
        ["minor", "BlockDevice", { major: 1 }],
        ["major", "BlockDevice", { major: 4096, minor: 0 }],
        ["minor", "BlockDevice", { major: 1, minor: 1 << 20 }]
      ]
      for (const [argument, type, options] of wrong) {
        const error = yield* Effect.flip(Aio.mknod(path, type, options))
        expect([type, error]).toMatchObject([type, { _tag: "AioBadArgument", operation: "mknod", argument }])
      }
      expect(yield* world.list(directory)).toEqual([])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a rename with a whiteout leaves a device without a driver behind", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const [from, to] = [join(directory, "from"), join(directory, "to")]
      yield* world.writeFile(from, "content")
      const both = yield* Effect.flip(Aio.rename(from, to, { whiteout: true, existing: "exchange" }))
      expect(both).toMatchObject({ _tag: "AioBadArgument", operation: "rename", argument: "whiteout" })
      yield* Aio.rename(from, to, { whiteout: true, existing: "noReplace" })
      expect((yield* world.readFile(to)).toString()).toBe("content")
      expect(yield* world.facts(from)).toMatchObject({ type: "CharacterDevice", nlink: 1 })
      expect(yield* Aio.stat(from)).toMatchObject({ type: "CharacterDevice", rdev: 0n, size: 0n })
      expect(yield* Effect.flip(Aio.open(from))).toMatchObject({ code: "ENXIO" })
      yield* Aio.unlink(from)
      expect(yield* world.list(directory)).toEqual(["to"])
    }).pipe(Effect.provide(layer))
  )
})

const numbers: ReadonlyArray<readonly [major: number, minor: number]> = [
  [1, 3],
  [4095, 1048575],
  [256, 255],
  [255, 256]
]

describe.skipIf(!isRoot).each(realBackends)("$name: devices", ({ layer, world }) => {
  it.scopedLive("have the numbers that they were made with, as fs says", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      for (const type of ["CharacterDevice", "BlockDevice"] as const) {
        for (const [major, minor] of numbers) {
          const path = join(directory, `${type} ${major} ${minor}`)
          yield* Aio.mknod(path, type, { major, minor, mode: 0o600 })
          expect((yield* world.facts(path)).type).toBe(type)
          const { rdev } = yield* Aio.stat(path)
          expect(rdev).toBe(fs.statSync(path, { bigint: true }).rdev)
          expect(Aio.deviceNumbers(rdev)).toEqual({ major, minor })
        }
      }
      // It is /dev/null, by another name.
      expect(yield* AioFile.readFile(join(directory, "CharacterDevice 1 3"))).toEqual(new Uint8Array(0))
    }).pipe(Effect.provide(layer))
  )
})

it("the numbers of a device are all of 32 bits each, as makedev(3) packs them", () => {
  expect(Aio.deviceNumbers(0xabcde_fedcb_567_89n)).toEqual({ major: 0xabcd567, minor: 0xefedcb89 })
  expect(Aio.deviceNumbers(0x12345_abcdef_678_9an)).toEqual({ major: 0x12345678, minor: 0xabcdef9a })
  expect(Aio.deviceNumbers(259 as never)).toEqual({ major: Number.NaN, minor: Number.NaN })
})
