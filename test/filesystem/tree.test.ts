/** AioTree: what it does to trees, and that nobody can lead it out of one. */
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Stream } from "effect"
import { AioFileSystem, AioTree } from "effect-aio"
import { realBackends as backends } from "../support/backends.ts"
import { nextTurn } from "../support/moments.ts"
import { descriptorsIn } from "../support/processState.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"
import { tiny } from "../support/tinyFileSystem.ts"

const notUtf8 = Buffer.from([0x66, 0xff, 0x6f])

/** Files, links, an empty and a deep directory, and names that are not UTF-8 for both. */
const makeTree = (root: string): void => {
  for (let i = 0; i < 4; i++) {
    fs.mkdirSync(join(root, `d${i}`, "inner"), { recursive: true })
    for (let j = 0; j < 30; j++) fs.writeFileSync(join(root, `d${i}`, `f${j}`), `${i} ${j}`)
    fs.symlinkSync("../d0", join(root, `d${i}`, "link"))
  }
  fs.mkdirSync(join(root, ...Array.from({ length: 40 }, () => "deep")), { recursive: true })
  fs.symlinkSync("/nowhere", join(root, "dangling"))
  const strange = Buffer.concat([Buffer.from(`${root}/`), notUtf8])
  fs.mkdirSync(strange)
  fs.writeFileSync(Buffer.concat([strange, Buffer.from("/"), notUtf8]), "strange")
  fs.chmodSync(join(root, "d1", "f1"), 0o640)
  fs.chmodSync(join(root, "d2"), 0o750)
}

/** Every name below a directory with what it is, in bytes. */
const listing = (root: Buffer | string, prefix = ""): ReadonlyArray<string> =>
  fs
    .readdirSync(root, { encoding: "buffer" })
    .flatMap((name) => {
      const path = Buffer.concat([Buffer.from(root), Buffer.from("/"), name])
      const stat = fs.lstatSync(path)
      const shown = `${prefix}${name.toString("latin1")}`
      const mode = (stat.mode & 0o7777).toString(8)
      if (stat.isDirectory()) return [`${shown}/ ${mode}`, ...listing(path, `${shown}/`)]
      if (stat.isSymbolicLink()) return [`${shown} -> ${fs.readlinkSync(path)}`]
      return [`${shown} ${mode} ${fs.readFileSync(path, "latin1")}`]
    })
    .sort()

describe.each(backends)("$name", ({ layer }) => {
  it.scopedLive.each(["s", "s/sub", "s/sub/inner"])(
    "copy: into itself by the name of a link to %s, nothing is touched",
    (target) =>
      Effect.gen(function* () {
        const root = yield* temporaryDirectory
        fs.mkdirSync(join(root, "s", "sub", "inner"), { recursive: true })
        fs.writeFileSync(join(root, "s", "file"), "file")
        fs.mkdirSync(join(root, "d"))
        fs.symlinkSync(join(root, target), join(root, "d", "b"))
        const before = listing(root)
        for (const to of ["d/b/c", "d/b/c/e"]) {
          expect(yield* Effect.flip(AioTree.copy(join(root, "s"), `${root}/${to}`))).toMatchObject({ code: "EINVAL" })
          const failure = yield* Effect.flip(
            Effect.flatMap(AioFileSystem.make, (service) => service.copy(join(root, "s"), `${root}/${to}`))
          )
          expect(failure).toMatchObject({ method: "copy", syscall: "cp", cause: { code: "ERR_FS_CP_EINVAL" } })
          expect(listing(root)).toEqual(before)
        }
      }).pipe(Effect.provide(layer))
  )

  it.scopedLive(
    "copy: a link is not replaced by one to a directory that its own target is in, whatever their names",
    () =>
      Effect.gen(function* () {
        const root = yield* temporaryDirectory
        for (const name of ["s/sub", "d"]) fs.mkdirSync(join(root, name), { recursive: true })
        fs.symlinkSync(join(root, "s"), join(root, "other"))
        fs.symlinkSync(join(root, "s"), join(root, "s", "l"))
        fs.symlinkSync(join(root, "other", "sub"), join(root, "d", "l"))
        const copy = Effect.flatMap(AioFileSystem.make, (service) => service.copy(join(root, "s"), join(root, "d")))
        expect(yield* Effect.flip(copy)).toMatchObject({ cause: { code: "ERR_FS_CP_EINVAL" } })
        expect(fs.readlinkSync(join(root, "d", "l"))).toBe(join(root, "other", "sub"))
      }).pipe(Effect.provide(layer))
  )

  it.scopedLive("remove: everything, and nothing that links point to", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [outside, root] = [join(directory, "outside"), join(directory, "root")]
      fs.mkdirSync(outside)
      fs.writeFileSync(join(outside, "kept"), "kept")
      fs.mkdirSync(root)
      makeTree(root)
      fs.symlinkSync(outside, join(root, "d0", "out"))
      fs.symlinkSync(outside, join(directory, "link"))
      yield* AioTree.remove(root)
      yield* AioTree.remove(join(directory, "link"))
      expect(listing(directory)).toEqual(["outside/ 755", "outside/kept 644 kept"])
      expect(yield* Effect.flip(AioTree.remove(root))).toMatchObject({ code: "ENOENT", path: root })
      yield* AioTree.remove(root, { force: true })
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("remove: a directory that is replaced by a link again and again leads nowhere", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const outside = join(directory, "outside")
      fs.mkdirSync(outside)
      for (let i = 0; i < 20; i++) fs.writeFileSync(join(outside, `kept${i}`), "kept")
      for (let round = 0; round < 8; round++) {
        const root = join(directory, `root${round}`)
        fs.mkdirSync(root)
        for (let i = 0; i < 10; i++) {
          fs.mkdirSync(join(root, `${i}`))
          for (let j = 0; j < 10; j++) fs.writeFileSync(join(root, `${i}`, `${j}`), "x")
        }
        const removing = yield* Effect.fork(AioTree.remove(root, { parallel: 2 }))
        for (let i = 0; i < 10; i++) {
          yield* nextTurn
          try {
            fs.renameSync(join(root, `${i}`), join(directory, `moved ${round} ${i}`))
            fs.symlinkSync(outside, join(root, `${i}`))
          } catch {
            // Removed already.
          }
        }
        yield* Fiber.await(removing)
        expect(fs.readdirSync(outside).length).toBe(20)
        yield* AioTree.remove(root, { force: true })
        expect(fs.readdirSync(outside).length).toBe(20)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("remove: the first failure has its path, and what it could not remove is left", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      fs.writeFileSync(join(directory, "file"), "")
      const error = yield* Effect.flip(AioTree.remove(join(directory, "file", "below")))
      expect(error).toMatchObject({ code: "ENOTDIR", path: join(directory, "file", "below") })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("copy: contents, permissions, links, and names that are not UTF-8", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [from, to] = [join(directory, "from"), join(directory, "to")]
      fs.mkdirSync(from)
      makeTree(from)
      fs.utimesSync(join(from, "d1", "f1"), 1000, 2000)
      yield* AioTree.copy(from, to, { preserveTimestamps: true })
      expect(listing(to)).toEqual(listing(from))
      expect(fs.statSync(join(to, "d1", "f1")).mtimeMs).toBe(2_000_000)
      // Again: what exists is left, or replaced.
      fs.writeFileSync(join(to, "d1", "f1"), "changed")
      yield* AioTree.copy(from, to)
      expect(fs.readFileSync(join(to, "d1", "f1"), "utf8")).toBe("changed")
      yield* AioTree.copy(from, to, { overwrite: true })
      expect(listing(to)).toEqual(listing(from))
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("copy: holes stay holes, and a file that the disk has no room for is not left in part", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const from = join(directory, "from")
      fs.mkdirSync(from)
      const MEBIBYTE = 1 << 20
      const data = Buffer.alloc(8192, "data")
      const pieces: Record<string, ReadonlyArray<number>> = {
        none: [],
        begin: [0],
        middle: [20 * MEBIBYTE + 4096],
        end: [64 * MEBIBYTE - data.length],
        several: [0, MEBIBYTE, 3 * MEBIBYTE, 63 * MEBIBYTE]
      }
      for (const [name, offsets] of Object.entries(pieces)) {
        const fd = fs.openSync(join(from, name), "w")
        fs.ftruncateSync(fd, 64 * MEBIBYTE)
        for (const offset of offsets) fs.writeSync(fd, data, 0, data.length, offset)
        fs.closeSync(fd)
      }
      for (const reflink of ["auto", "never"] as const) {
        const to = join(directory, reflink)
        yield* AioTree.copy(from, to, { reflink })
        for (const [name, offsets] of Object.entries(pieces)) {
          const { blocks, size } = fs.statSync(join(to, name))
          expect([name, size]).toEqual([name, 64 * MEBIBYTE])
          expect(blocks, name).toBeLessThanOrEqual(fs.statSync(join(from, name)).blocks + 16)
          const fd = fs.openSync(join(to, name), "r")
          const read = Buffer.alloc(data.length)
          for (const offset of offsets) {
            fs.readSync(fd, read, 0, read.length, offset)
            expect(read.equals(data), `${name} at ${offset}`).toBe(true)
          }
          fs.closeSync(fd)
        }
      }
      const small = yield* tiny
      if (small !== undefined) {
        fs.writeFileSync(join(directory, "large"), Buffer.alloc(256 * 1024, 1))
        for (const reflink of ["auto", "never"] as const) {
          const failure = yield* Effect.flip(AioTree.copy(join(directory, "large"), join(small, "large"), { reflink }))
          expect(failure).toMatchObject({ code: "ENOSPC" })
          expect(fs.readdirSync(small)).toEqual([])
        }
      }
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("copy: into itself, onto itself, onto something else, of what has no copy", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const at = (name: string) => join(directory, name)
      fs.mkdirSync(at("a"))
      fs.writeFileSync(at("file"), "")
      fs.symlinkSync("a", at("alias"))
      const failure = (from: string, to: string) =>
        Effect.map(Effect.flip(AioTree.copy(at(from), at(to))), (e) => (e as any).code)
      expect(yield* failure("a", "a/b")).toBe("EINVAL")
      // By another name: found by its inode when the walk meets it.
      expect(yield* failure("a", "alias/b")).toBe("EINVAL")
      expect(yield* failure("a", "a")).toBe("EINVAL")
      expect(yield* failure("file", "a")).toBe("ENOTDIR")
      expect(yield* failure("a", "file")).toBe("EISDIR")
      expect(yield* failure("none", "to")).toBe("ENOENT")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive(
    "a file that the kernel does not copy is read and written: one of /proc, one from another file system",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        yield* AioTree.copy("/proc/self/status", join(directory, "status"))
        expect(fs.readFileSync(join(directory, "status"), "utf8")).toContain("Name:")
      }).pipe(Effect.provide(layer))
  )

  it.scopedLive("scan: a directory of the tree that is removed while it is listed ends there", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [large, other] = [join(directory, "large"), join(directory, "other")]
      fs.mkdirSync(large)
      fs.mkdirSync(other)
      for (let i = 0; i < 500; i++) fs.writeFileSync(join(large, `${i}`.padEnd(250, "-")), "")
      fs.writeFileSync(join(other, "file"), "")
      const paths = yield* AioTree.scan(directory).pipe(
        Stream.tap(({ path }) =>
          Effect.sync(() => {
            if (String(path).startsWith("large/")) fs.rmSync(large, { recursive: true, force: true })
          })
        ),
        Stream.map(({ path }) => String(path)),
        Stream.runCollect
      )
      expect(Chunk.toReadonlyArray(paths)).toContain("other/file")
      expect(paths.length).toBeLessThan(500)
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("scan: every name once, directories before what is in them, links not followed", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      makeTree(directory)
      const entries = Chunk.toReadonlyArray(yield* Stream.runCollect(AioTree.scan(directory)))
      const shown = entries.map(
        ({ path, type }) => `${Buffer.from(path as string).toString("latin1")}${type === "Directory" ? "/" : ""}`
      )
      expect([...shown].sort()).toEqual(
        listing(directory)
          .map((line) => line.split(" ")[0])
          .sort()
      )
      for (const name of shown) {
        const parent = name.replace(/\/$/, "").split("/").slice(0, -1).join("/")
        if (parent !== "") expect(shown.indexOf(`${parent}/`)).toBeLessThan(shown.indexOf(name))
      }
      const first = yield* Stream.runCollect(AioTree.scan(directory, { maxDepth: 1 }))
      expect(first.length).toBe(fs.readdirSync(directory).length)
      yield* Stream.runDrain(Stream.take(AioTree.scan(directory), 3))
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})
