/** statx and fstatx: what they tell beyond stat, against fs, chattr(1) and the table of mounts. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { backends, realBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { descriptorOf } from "../../support/world.ts"

/** Whether the file system keeps this attribute of files. */
const setAttribute = (path: string, change: string): boolean => {
  try {
    execFileSync("chattr", [change, path], { stdio: "pipe" })
    return true
  } catch {
    return false
  }
}

/** proc(5): number, parent, major:minor, root, mount point, ... */
const mountLine = (id: bigint | undefined): ReadonlyArray<string> | undefined =>
  fs
    .readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .find(([number]) => number === String(id))

describe.each(backends)("$name: statx", ({ layer, world }) => {
  it.scopedLive("says all that stat says, of files, links and what is open", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const [file, link] = [join(directory, "file"), join(directory, "link")]
      yield* world.writeFile(file, "content")
      yield* Aio.symlink("file", link)
      const fd = yield* descriptorOf(file)
      const at = yield* descriptorOf(directory)
      for (const sync of ["asStat", "force", "dont"] as const) {
        expect(yield* Aio.statx(link, { sync })).toMatchObject(yield* Aio.stat(file))
        expect(yield* Aio.statx(link, { sync, follow: false })).toMatchObject(yield* Aio.lstat(link))
        expect(yield* Aio.statx("file", { sync, at })).toMatchObject(yield* Aio.stat(file))
        expect(yield* Aio.fstatx(fd, { sync })).toMatchObject(yield* Aio.fstat(fd))
      }
      const { dev, device, rdev, specialDevice } = yield* Aio.statx(file)
      expect([Aio.deviceNumbers(dev), Aio.deviceNumbers(rdev)]).toEqual([device, specialDevice])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is not said is undefined, and the mask says what is", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const file = join(directory, "file")
      yield* world.writeFile(file, "")
      const told = yield* Aio.statx(file)
      const parts = [
        [0x800, told.birthtimeNs],
        [0x1000, told.mountId],
        [0x2000, told.directAlignment],
        [0x4000, told.uniqueMountId],
        [0x8000, told.subvolume],
        [0x10000, told.atomicWrites]
      ] as const
      for (const [bit, value] of parts) expect([bit, value !== undefined]).toEqual([bit, (told.mask & bit) !== 0])
      expect(told.mask & 0x7ff).toBe(0x7ff)
      const bits = { compressed: 0x4, immutable: 0x10, append: 0x20, noDump: 0x40, mountRoot: 0x2000, verity: 0x100000 }
      for (const [name, bit] of Object.entries(bits)) {
        const value = told.attributes[name as keyof typeof bits]
        const isKnown = (told.attributeMask & BigInt(bit)) !== 0n
        expect([name, value]).toEqual([name, isKnown ? (told.attributeBits & BigInt(bit)) !== 0n : undefined])
      }
      const unique = yield* Aio.statx(file, { mountId: "unique" })
      // Either number, or none: kernels are of different ages.
      expect(unique.mountId === undefined || unique.uniqueMountId === undefined).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is wrong, or not there", () =>
    Effect.gen(function* () {
      const absent = join(yield* world.directory, "absent")
      expect(yield* Effect.flip(Aio.statx(absent))).toMatchObject({ operation: "statx", code: "ENOENT", path: absent })
      expect(yield* Effect.flip(Aio.fstatx(1_000_000))).toMatchObject({ operation: "fstatx", code: "EBADF" })
      expect(yield* Effect.flip(Aio.statx(absent, { sync: "none" as never }))).toMatchObject({ argument: "sync" })
      expect(yield* Effect.flip(Aio.fstatx(0, { mountId: 1 as never }))).toMatchObject({ argument: "mountId" })
      expect(yield* Effect.flip(Aio.statx(absent, { at: -1 }))).toMatchObject({ argument: "at" })
    }).pipe(Effect.provide(layer))
  )
})

describe.each(realBackends)("$name: statx of this machine", ({ layer }) => {
  it.scopedLive("attributes are those of chattr(1), and the mount is in the table of mounts", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, "")
      const { attributes, device, directAlignment, mountId } = yield* Aio.statx(path)
      if (attributes.noDump !== undefined && setAttribute(path, "+d")) {
        expect(attributes.noDump).toBe(false)
        expect((yield* Aio.statx(path)).attributes.noDump).toBe(true)
      }
      if (mountId !== undefined) expect(mountLine(mountId)?.[2]).toBe(`${device.major}:${device.minor}`)
      if (attributes.mountRoot !== undefined) {
        expect(attributes.mountRoot).toBe(false)
        expect((yield* Aio.statx("/")).attributes.mountRoot).toBe(true)
      }
      // What is said to be possible is.
      if (directAlignment !== undefined && directAlignment.offset > 0) {
        const { memory, offset, readOffset = offset } = directAlignment
        for (const unit of [memory, offset, readOffset]) expect(Math.log2(unit) % 1).toBe(0)
        fs.closeSync(fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECT))
      }
      expect(yield* Aio.statx("/dev/null")).toMatchObject({ specialDevice: { major: 1, minor: 3 } })
    }).pipe(Effect.provide(layer))
  )
})
