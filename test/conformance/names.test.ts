import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { backends } from "../support/backends.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const inDirectory = Effect.map(temporaryDirectory, (directory) => (name: string) => join(directory, name))

const codeOf = (call: () => unknown): string | undefined => {
  try {
    call()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

describe.each(backends)("$name: names", ({ layer }) => {
  it.scopedLive("unlink removes a name, not a directory", () =>
    Effect.gen(function* () {
      const at = yield* inDirectory
      fs.writeFileSync(at("file"), "")
      fs.symlinkSync("file", at("link"))
      yield* Aio.unlink(at("link"))
      expect(fs.readdirSync(at(""))).toEqual(["file"])
      yield* Aio.unlink(at("file"))
      expect(fs.readdirSync(at(""))).toEqual([])
      expect(yield* Effect.flip(Aio.unlink(at("file")))).toMatchObject({
        code: "ENOENT",
        operation: "unlink",
        path: at("file")
      })
      fs.mkdirSync(at("directory"))
      expect(yield* Effect.flip(Aio.unlink(at("directory")))).toMatchObject({
        code: codeOf(() => fs.unlinkSync(at("directory")))
      })
      expect(fs.existsSync(at("directory"))).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("rmdir removes an empty directory, and nothing else", () =>
    Effect.gen(function* () {
      const at = yield* inDirectory
      fs.mkdirSync(at("full"))
      fs.writeFileSync(at("full/file"), "")
      expect(yield* Effect.flip(Aio.rmdir(at("full")))).toMatchObject({ code: "ENOTEMPTY", operation: "rmdir" })
      expect(yield* Effect.flip(Aio.rmdir(at("full/file")))).toMatchObject({ code: "ENOTDIR" })
      expect(yield* Effect.flip(Aio.rmdir(at("absent")))).toMatchObject({ code: "ENOENT" })
      fs.unlinkSync(at("full/file"))
      yield* Aio.rmdir(at("full"))
      expect(fs.readdirSync(at(""))).toEqual([])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("mkdir makes a directory with the mode less the umask", () =>
    Effect.gen(function* () {
      const at = yield* inDirectory
      for (const umask of [0o022, 0o077, 0]) {
        const before = process.umask(umask)
        yield* Effect.gen(function* () {
          for (const mode of [undefined, 0o700, 0o777, 0o1777, 0]) {
            const [ours, theirs] = [at(`ours ${umask} ${mode}`), at(`theirs ${umask} ${mode}`)]
            yield* Aio.mkdir(ours, { mode })
            fs.mkdirSync(theirs, mode)
            expect(fs.statSync(ours).mode).toBe(fs.statSync(theirs).mode)
          }
        }).pipe(Effect.ensuring(Effect.sync(() => process.umask(before))))
      }
      fs.writeFileSync(at("file"), "")
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
      const at = yield* inDirectory
      fs.writeFileSync(at("a"), "a")
      fs.writeFileSync(at("b"), "b")
      yield* Aio.rename(at("a"), at("c"))
      expect(fs.readFileSync(at("c"), "utf8")).toBe("a")
      yield* Aio.rename(at("c"), at("b"))
      expect(fs.readdirSync(at(""))).toEqual(["b"])
      expect(fs.readFileSync(at("b"), "utf8")).toBe("a")
      yield* Aio.rename(at("b"), at("d"), { existing: "replace" })
      expect(fs.readdirSync(at(""))).toEqual(["d"])
      expect(yield* Effect.flip(Aio.rename(at("a"), at("e")))).toMatchObject({
        code: "ENOENT",
        operation: "rename",
        path: at("a")
      })
      fs.mkdirSync(at("directory"))
      expect(yield* Effect.flip(Aio.rename(at("directory"), at("directory/below")))).toMatchObject({ code: "EINVAL" })
      expect(yield* Effect.flip(Aio.rename(at("d"), at("directory")))).toMatchObject({ code: "EISDIR" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive('rename with "noReplace" leaves what exists', () =>
    Effect.gen(function* () {
      const at = yield* inDirectory
      fs.writeFileSync(at("a"), "a")
      fs.writeFileSync(at("b"), "b")
      expect(yield* Effect.flip(Aio.rename(at("a"), at("b"), { existing: "noReplace" }))).toMatchObject({
        code: "EEXIST"
      })
      expect([fs.readFileSync(at("a"), "utf8"), fs.readFileSync(at("b"), "utf8")]).toEqual(["a", "b"])
      yield* Aio.rename(at("a"), at("c"), { existing: "noReplace" })
      expect(fs.readdirSync(at("")).sort()).toEqual(["b", "c"])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive('rename with "exchange" swaps, a file and a directory too', () =>
    Effect.gen(function* () {
      const at = yield* inDirectory
      fs.writeFileSync(at("a"), "a")
      fs.mkdirSync(at("b"))
      yield* Aio.rename(at("a"), at("b"), { existing: "exchange" })
      expect(fs.readFileSync(at("b"), "utf8")).toBe("a")
      expect(fs.statSync(at("a")).isDirectory()).toBe(true)
      expect(yield* Effect.flip(Aio.rename(at("a"), at("absent"), { existing: "exchange" }))).toMatchObject({
        code: "ENOENT"
      })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("link gives a file a second name", () =>
    Effect.gen(function* () {
      const at = yield* inDirectory
      fs.writeFileSync(at("a"), "a")
      yield* Aio.link(at("a"), at("b"))
      expect(fs.statSync(at("a")).ino).toBe(fs.statSync(at("b")).ino)
      expect(fs.statSync(at("a")).nlink).toBe(2)
      expect(yield* Effect.flip(Aio.link(at("a"), at("b")))).toMatchObject({ code: "EEXIST", operation: "link" })
      expect(yield* Effect.flip(Aio.link(at("absent"), at("c")))).toMatchObject({ code: "ENOENT" })
      expect(yield* Effect.flip(Aio.link(at(""), at("c")))).toMatchObject({
        code: codeOf(() => fs.linkSync(at(""), at("c")))
      })
      // Of a symbolic link, the link itself gets the name.
      fs.symlinkSync("a", at("symbolic"))
      yield* Aio.link(at("symbolic"), at("second"))
      expect(fs.readlinkSync(at("second"))).toBe("a")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a name may not cross file systems", () =>
    Effect.gen(function* () {
      const at = yield* inDirectory
      fs.writeFileSync(at("a"), "a")
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
