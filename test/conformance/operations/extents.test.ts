/** reflink, fiemap, getInodeFlags, setInodeFlags: what file systems keep beside bytes, against xfs_io's kin: filefrag(8), lsattr(1). */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"
import { hasCommand, isRoot } from "../../fixtures/child.ts"
import { backends, realBackends } from "../../support/backends.ts"
import { mountSharing } from "../../support/sharingFileSystem.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { descriptorOf } from "../../support/world.ts"

const BLOCK = 4096
const page = (letter: string): Buffer => Buffer.alloc(BLOCK, letter)

let sharing: ReturnType<typeof mountSharing>
beforeAll(() => {
  sharing = mountSharing()
})
afterAll(() => sharing?.unmount())

/** The file system of the tests, or one that shares blocks where there is one; the mock's own does. */
const places = (real: boolean, directory: Effect.Effect<string, never, any>) =>
  real && sharing !== undefined ? Effect.succeed(fs.mkdtempSync(join(sharing.path, "test-"))) : directory

describe.each(backends)("$name: reflink", ({ layer, real, world }) => {
  it.scopedLive("shares a file, a part of it, or says that it cannot", () =>
    Effect.gen(function* () {
      const directory = yield* places(real, world.directory)
      const [from, to] = [join(directory, "from"), join(directory, "to")]
      yield* world.writeFile(from, Buffer.concat([page("a"), page("b"), Buffer.from("end")]))
      const source = yield* AioFile.open(from)
      const destination = yield* AioFile.open(to, { flag: "w+" })
      const whole = yield* Effect.either(Aio.reflink(source, destination))
      if (whole._tag === "Left") {
        expect([real && sharing === undefined, "code" in whole.left && whole.left.code]).toEqual([true, "EOPNOTSUPP"])
        return
      }
      expect(yield* world.readFile(to)).toEqual(yield* world.readFile(from))
      yield* Aio.reflink(source, destination, { offset: BLOCK, toOffset: 4 * BLOCK, length: BLOCK })
      yield* Aio.reflink(source, destination, { offset: 2 * BLOCK, toOffset: 5 * BLOCK })
      const both = yield* world.readFile(to)
      expect(both.length).toBe(5 * BLOCK + 3)
      expect(both.subarray(4 * BLOCK)).toEqual(Buffer.concat([page("b"), Buffer.from("end")]))
      // What is written later is one file's own.
      yield* destination.writeAll(Buffer.from("mine"), { offset: 0 })
      expect((yield* world.readFile(from)).subarray(0, 4).toString()).toBe("aaaa")
      const wrong: ReadonlyArray<readonly [code: string, options: Aio.ReflinkOptions]> = [
        ["EINVAL", { offset: 1 }],
        ["EINVAL", { toOffset: 512 }],
        ["EINVAL", { length: 100 }],
        ["EINVAL", { offset: BLOCK, length: 10 * BLOCK }],
        ["EINVAL", { offset: 2 * BLOCK, toOffset: 0 }]
      ]
      for (const [code, options] of wrong) {
        const error = yield* Effect.flip(Aio.reflink(source, destination, options))
        expect([options, error]).toMatchObject([options, { operation: "reflink", code }])
      }
      expect(yield* Effect.flip(Aio.reflink(source, source))).toMatchObject({ code: "EBADF" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is no file, no descriptor and no place", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const path = join(directory, "file")
      yield* world.writeFile(path, "content")
      const [fd, at] = [yield* descriptorOf(path, "r+"), yield* descriptorOf(directory)]
      expect(yield* Effect.flip(Aio.reflink(1_000_000, fd))).toMatchObject({ operation: "reflink", code: "EBADF" })
      expect(yield* Effect.flip(Aio.fiemap(1_000_000))).toMatchObject({ operation: "fiemap", code: "EBADF" })
      expect(yield* Effect.flip(Aio.reflink(at, fd))).toMatchObject({ code: "EISDIR" })
      const wrong: ReadonlyArray<readonly [argument: string, use: Effect.Effect<unknown, unknown, Aio.Aio>]> = [
        ["to", Aio.reflink(fd, -1)],
        ["fd", Aio.reflink(-1, fd)],
        ["offset", Aio.reflink(fd, fd, { offset: -1 })],
        ["toOffset", Aio.reflink(fd, fd, { toOffset: 0.5 })],
        ["length", Aio.fiemap(fd, { length: 0 })],
        ["maxExtents", Aio.fiemap(fd, { maxExtents: 0 })],
        ["maxExtents", Aio.fiemap(fd, { maxExtents: 65_537 })],
        ["flags", Aio.setInodeFlags(fd, ["none" as never])],
        ["flags", Aio.setInodeFlags(fd, -1)],
        ["flags", Aio.setInodeFlags(fd, "sync" as never)]
      ]
      for (const [argument, use] of wrong) {
        expect(yield* Effect.flip(use)).toMatchObject({ _tag: "AioBadArgument", argument })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("fiemap tells the pieces of a file, as many at a time as there is room for", () =>
    Effect.gen(function* () {
      const path = join(yield* places(real, world.directory), "pieces")
      const file = yield* AioFile.open(path, { flag: "w+" })
      for (const at of [0, 40, 80]) yield* file.writeAll(page("x"), { offset: at * BLOCK })
      const all = yield* Effect.either(Aio.fiemap(file, { sync: true }))
      if (all._tag === "Left") return expect("code" in all.left && all.left.code).toBe("EOPNOTSUPP")
      const { done, extents } = all.right
      expect(done).toBe(true)
      const offsets = extents.map(({ offset }) => Number(offset) / BLOCK)
      expect(offsets.filter((offset) => [0, 40, 80].includes(offset))).toEqual([0, 40, 80])
      expect(extents.map(({ flags }) => flags.includes("last"))).toEqual(
        extents.map((_, i) => i === extents.length - 1)
      )
      const found: Array<Aio.Extent> = []
      for (let offset = 0n, ended = false; !ended; ) {
        const chunk: Aio.ExtentChunk = yield* Aio.fiemap(file, { offset, maxExtents: 1 })
        expect(chunk.extents.length).toBeLessThanOrEqual(1)
        found.push(...chunk.extents)
        ended = chunk.done
        const last = found.at(-1)!
        offset = last.offset + last.length
      }
      expect(found).toEqual(extents)
      expect((yield* Aio.fiemap(file, { offset: 60 * BLOCK, length: BLOCK })).extents.length).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("the flags of an inode are kept, and the others stay", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const path = join(directory, "file")
      yield* world.writeFile(path, "")
      const fd = yield* descriptorOf(path)
      const before = yield* Effect.either(Aio.getInodeFlags(fd))
      if (before._tag === "Left")
        return expect(["ENOTTY", "EOPNOTSUPP"]).toContain("code" in before.left && before.left.code)
      const { bits, flags } = before.right
      yield* Aio.setInodeFlags(fd, [...flags, "noDump"])
      expect(yield* Aio.getInodeFlags(fd)).toMatchObject({ bits: bits | 0x40 })
      expect((yield* Aio.fstatx(fd)).attributes.noDump).toBe(true)
      yield* Aio.setInodeFlags(fd, bits)
      expect(yield* Aio.getInodeFlags(fd)).toEqual({ bits, flags })
      const [reader] = yield* world.pipe
      expect(yield* Effect.flip(Aio.getInodeFlags(reader))).toMatchObject({
        operation: "getInodeFlags",
        code: "ENOTTY"
      })
      expect(yield* Effect.flip(Aio.setInodeFlags(reader, 0))).toMatchObject({ code: "ENOTTY" })
    }).pipe(Effect.provide(layer))
  )
})

/** `0: 0.. 9: 34816.. 34825: 10: last,eof`, in blocks. */
const LINE = /^\s*\d+:\s+(\d+)\.\.\s*\d+:\s+(\d+)\.\.\s*\d+:\s+(\d+):/gm

describe.each(realBackends)("$name: extents and flags as other programs see them", ({ layer }) => {
  it.scopedLive.runIf(hasCommand("filefrag", "-V"))("fiemap says what filefrag(8) says", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      const fd = fs.openSync(path, "w")
      for (const at of [0, 1, 40, 80]) fs.writeSync(fd, page("x"), 0, BLOCK, at * BLOCK)
      fs.fsyncSync(fd)
      fs.closeSync(fd)
      const ours = yield* Effect.either(Effect.flatMap(AioFile.open(path), (file) => Aio.fiemap(file, { sync: true })))
      if (ours._tag === "Left") return expect("code" in ours.left && ours.left.code).toBe("EOPNOTSUPP")
      const told = execFileSync("filefrag", ["-v", `-b${BLOCK}`, path], { encoding: "utf8" })
      const theirs = [...told.matchAll(LINE)].map((line) => line.slice(1, 4).map((number) => BigInt(number) * 4096n))
      expect(ours.right.extents.map(({ length, offset, physical }) => [offset, physical, length])).toEqual(theirs)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(isRoot && hasCommand("lsattr", "-V"))("flags are those of lsattr(1) and chattr(1)", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, "")
      const fd = yield* descriptorOf(path)
      const { flags } = yield* Effect.orElseSucceed(Aio.getInodeFlags(fd), () => ({ flags: undefined }))
      if (flags === undefined) return
      yield* Aio.setInodeFlags(fd, [...flags, "append", "noAtime"])
      expect(execFileSync("lsattr", [path], { encoding: "utf8" }).split(" ")[0]).toMatch(/a.*A/)
      expect(yield* Effect.flip(Aio.open(path, { flag: "r+" }))).toMatchObject({ code: "EPERM" })
      execFileSync("chattr", ["-a", path])
      expect((yield* Aio.getInodeFlags(fd)).flags).toEqual([...flags, "noAtime"].sort((a, b) => order(a) - order(b)))
      expect((yield* Aio.statx(path)).attributes.append).toBe(false)
    }).pipe(Effect.provide(layer))
  )
})

const known = ["noAtime", "extents"]
const order = (flag: string): number => known.indexOf(flag)
