import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { backends } from "../../support/backends.ts"
import type { World } from "../../support/world.ts"

const inDirectory = (world: World) =>
  Effect.map(world.directory, (directory) => (name: string) => join(directory, name))

const codeOf = (call: () => unknown): string | undefined => {
  try {
    call()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

describe.each(backends)("$name: names", ({ layer, real, world }) => {
  it.scopedLive("unlink removes a name, not a directory", () =>
    Effect.gen(function* () {
      const at = yield* inDirectory(world)
      yield* world.writeFile(at("file"), "")
      yield* Aio.symlink("file", at("link"))
      yield* Aio.unlink(at("link"))
      expect(yield* world.list(at(""))).toEqual(["file"])
      yield* Aio.unlink(at("file"))
      expect(yield* world.list(at(""))).toEqual([])
      expect(yield* Effect.flip(Aio.unlink(at("file")))).toMatchObject({
        code: "ENOENT",
        operation: "unlink",
        path: at("file")
      })
      yield* Aio.mkdir(at("directory"))
      expect(yield* Effect.flip(Aio.unlink(at("directory")))).toMatchObject({
        code: "EISDIR"
      })
      expect(yield* world.exists(at("directory"))).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a directory that was removed takes no names, and still knows its parent", () =>
    Effect.gen(function* () {
      const path = yield* inDirectory(world)
      yield* Aio.mkdir(path("gone"))
      const at = yield* Effect.acquireRelease(
        Aio.open(path("gone"), { flag: fs.constants.O_RDONLY | fs.constants.O_DIRECTORY }),
        (fd) => Effect.orDie(Aio.close(fd))
      )
      yield* Aio.rmdir(path("gone"))
      const makers = [
        Aio.mkdir("new", { at }),
        Aio.mkdir("./new", { at }),
        Aio.open("new", { at, flag: "w" }),
        Aio.symlink("target", "new", { at }),
        Aio.readdir(at)
      ]
      for (const make of makers)
        expect(yield* Effect.flip<unknown, unknown, any>(make)).toMatchObject({ code: "ENOENT" })
      expect(yield* Aio.stat(".", { at })).toMatchObject({ type: "Directory" })
      yield* Aio.mkdir("../beside", { at })
      expect(yield* world.list(path(""))).toEqual(["beside"])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("rmdir removes an empty directory, and nothing else", () =>
    Effect.gen(function* () {
      const at = yield* inDirectory(world)
      yield* Aio.mkdir(at("full"))
      yield* world.writeFile(at("full/file"), "")
      expect(yield* Effect.flip(Aio.rmdir(at("full")))).toMatchObject({ code: "ENOTEMPTY", operation: "rmdir" })
      expect(yield* Effect.flip(Aio.rmdir(at("full/file")))).toMatchObject({ code: "ENOTDIR" })
      expect(yield* Effect.flip(Aio.rmdir(at("absent")))).toMatchObject({ code: "ENOENT" })
      yield* Aio.unlink(at("full/file"))
      yield* Aio.rmdir(at("full"))
      expect(yield* world.list(at(""))).toEqual([])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(real)("mkdir makes a directory with the mode less the umask", () =>
    Effect.gen(function* () {
      const at = yield* inDirectory(world)
      for (const umask of [0o022, 0o077, 0]) {
        const before = process.umask(umask)
        yield* Effect.gen(function* () {
          for (const mode of [undefined, 0o700, 0o777, 0o1777, 0]) {
            const [ours, theirs] = [at(`ours ${umask} ${mode}`), at(`theirs ${umask} ${mode}`)]
            yield* Aio.mkdir(ours, { mode })
            fs.mkdirSync(theirs, mode)
            expect((yield* world.facts(ours)).mode).toBe((yield* world.facts(theirs)).mode)
          }
        }).pipe(Effect.ensuring(Effect.sync(() => process.umask(before))))
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("mkdir makes no directory where there is something, or where nothing leads to", () =>
    Effect.gen(function* () {
      const at = yield* inDirectory(world)
      yield* world.writeFile(at("file"), "")
      expect(yield* Effect.flip(Aio.mkdir(at("file")))).toMatchObject({
        code: "EEXIST",
        operation: "mkdir",
        path: at("file")
      })
      expect(yield* Effect.flip(Aio.mkdir(at("absent/below")))).toMatchObject({ code: "ENOENT" })
      expect(yield* Effect.flip(Aio.mkdir(at("file/below")))).toMatchObject({ code: "ENOTDIR" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("rename replaces by default", () =>
    Effect.gen(function* () {
      const at = yield* inDirectory(world)
      yield* world.writeFile(at("a"), "a")
      yield* world.writeFile(at("b"), "b")
      yield* Aio.rename(at("a"), at("c"))
      expect(String(yield* world.readFile(at("c")))).toBe("a")
      yield* Aio.rename(at("c"), at("b"))
      expect(yield* world.list(at(""))).toEqual(["b"])
      expect(String(yield* world.readFile(at("b")))).toBe("a")
      yield* Aio.rename(at("b"), at("d"), { existing: "replace" })
      expect(yield* world.list(at(""))).toEqual(["d"])
      expect(yield* Effect.flip(Aio.rename(at("a"), at("e")))).toMatchObject({
        code: "ENOENT",
        operation: "rename",
        path: at("a")
      })
      yield* Aio.mkdir(at("directory"))
      expect(yield* Effect.flip(Aio.rename(at("directory"), at("directory/below")))).toMatchObject({ code: "EINVAL" })
      expect(yield* Effect.flip(Aio.rename(at("d"), at("directory")))).toMatchObject({ code: "EISDIR" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive('rename with "noReplace" leaves what exists', () =>
    Effect.gen(function* () {
      const at = yield* inDirectory(world)
      yield* world.writeFile(at("a"), "a")
      yield* world.writeFile(at("b"), "b")
      expect(yield* Effect.flip(Aio.rename(at("a"), at("b"), { existing: "noReplace" }))).toMatchObject({
        code: "EEXIST"
      })
      expect([String(yield* world.readFile(at("a"))), String(yield* world.readFile(at("b")))]).toEqual(["a", "b"])
      yield* Aio.rename(at("a"), at("c"), { existing: "noReplace" })
      expect(yield* world.list(at(""))).toEqual(["b", "c"])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive('rename with "exchange" swaps, a file and a directory too', () =>
    Effect.gen(function* () {
      const at = yield* inDirectory(world)
      yield* world.writeFile(at("a"), "a")
      yield* Aio.mkdir(at("b"))
      yield* Aio.rename(at("a"), at("b"), { existing: "exchange" })
      expect(String(yield* world.readFile(at("b")))).toBe("a")
      expect((yield* world.facts(at("a"))).type).toBe("Directory")
      expect(yield* Effect.flip(Aio.rename(at("a"), at("absent"), { existing: "exchange" }))).toMatchObject({
        code: "ENOENT"
      })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("link gives a file a second name", () =>
    Effect.gen(function* () {
      const at = yield* inDirectory(world)
      yield* world.writeFile(at("a"), "a")
      yield* Aio.link(at("a"), at("b"))
      expect((yield* world.facts(at("a"))).ino).toBe((yield* world.facts(at("b"))).ino)
      expect((yield* world.facts(at("a"))).nlink).toBe(2)
      expect(yield* Effect.flip(Aio.link(at("a"), at("b")))).toMatchObject({ code: "EEXIST", operation: "link" })
      expect(yield* Effect.flip(Aio.link(at("absent"), at("c")))).toMatchObject({ code: "ENOENT" })
      expect(yield* Effect.flip(Aio.link(at(""), at("c")))).toMatchObject({
        code: "EPERM"
      })
      // Of a symbolic link, the link itself gets the name.
      yield* Aio.symlink("a", at("symbolic"))
      yield* Aio.link(at("symbolic"), at("second"))
      expect((yield* world.facts(at("second"))).target).toBe("a")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(real)("a name may not cross file systems", () =>
    Effect.gen(function* () {
      const at = yield* inDirectory(world)
      yield* world.writeFile(at("a"), "a")
      const elsewhere = "/proc/effect-aio"
      expect(yield* Effect.flip(Aio.rename(at("a"), elsewhere))).toMatchObject({
        code: codeOf(() => fs.renameSync(at("a"), elsewhere))
      })
      expect(yield* Effect.flip(Aio.link(at("a"), elsewhere))).toMatchObject({
        code: codeOf(() => fs.linkSync(at("a"), elsewhere))
      })
    }).pipe(Effect.provide(layer))
  )
})
