/** realpath: of names, links and bytes, as fs.realpath and the kernel have it. */
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"
import { backends, realBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

describe.each(backends)("$name: realpath", ({ layer, world }) => {
  it.scopedLive("follows every link where it stands", () =>
    Effect.gen(function* () {
      const directory = yield* Aio.realpath(yield* world.directory)
      const at = (name: string) => join(String(directory), name)
      yield* Aio.mkdir(at("deep"))
      yield* Aio.mkdir(at("deep/er"))
      yield* world.writeFile(at("deep/er/file"), "content")
      yield* Aio.symlink("deep/er", at("relative"))
      yield* Aio.symlink(at("relative"), at("absolute"))
      yield* Aio.symlink("../deep/./er//file", at("deep/winding"))
      const cases: ReadonlyArray<readonly [path: string, real: string]> = [
        ["deep/er/file", "deep/er/file"],
        ["relative", "deep/er"],
        ["absolute/file", "deep/er/file"],
        // Above the link's target, and not where the link lies.
        ["absolute/..", "deep"],
        ["absolute/../winding", "deep/er/file"],
        ["deep//./er/../er/", "deep/er"]
      ]
      for (const [path, real] of cases)
        expect([path, yield* Aio.realpath(`${directory}/${path}`)]).toEqual([path, at(real)])
      expect(yield* Aio.realpath("/")).toBe("/")
      expect(yield* Aio.realpath("/../..")).toBe("/")
      expect(yield* Aio.realpath(Buffer.from(at("absolute")))).toBe(at("deep/er"))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("names that are no text come back as their bytes", () =>
    Effect.gen(function* () {
      const directory = yield* Aio.realpath(yield* world.directory)
      const path = Buffer.concat([Buffer.from(`${directory}/`), Uint8Array.of(0xff, 0xfe)])
      const link = join(String(directory), "link")
      yield* AioFile.withFile(path, { flag: "w" }, () => Effect.void)
      yield* Aio.symlink(path, link)
      expect(yield* Aio.realpath(link)).toEqual(new Uint8Array(path))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what leads nowhere is named", () =>
    Effect.gen(function* () {
      const directory = String(yield* Aio.realpath(yield* world.directory))
      const at = (name: string) => join(directory, name)
      yield* world.writeFile(at("file"), "")
      yield* Aio.symlink("round", at("round"))
      yield* Aio.symlink("nowhere", at("dangling"))
      const cases: ReadonlyArray<readonly [path: string, code: string, part: string]> = [
        ["absent", "ENOENT", "absent"],
        ["absent/below", "ENOENT", "absent"],
        ["dangling", "ENOENT", "dangling"],
        ["round", "ELOOP", "round"],
        ["file/below", "ENOTDIR", "file/below"],
        ["file/", "ENOTDIR", "file"],
        ["file/.", "ENOTDIR", "file"],
        ["file/../file", "ENOTDIR", "file"],
        ["n".repeat(256), "ENAMETOOLONG", "n".repeat(256)]
      ]
      for (const [path, code, part] of cases) {
        const error = yield* Effect.flip(Aio.realpath(`${directory}/${path}`))
        expect([path, error]).toMatchObject([path, { _tag: "AioError", code, path: at(part) }])
      }
      expect(yield* Effect.flip(Aio.realpath(""))).toMatchObject({ operation: "realpath", code: "ENOENT" })
      expect(yield* Effect.flip(Aio.realpath("a\0b"))).toMatchObject({ operation: "realpath", argument: "path" })
    }).pipe(Effect.provide(layer))
  )
})

describe.each(realBackends)("$name: realpath on this machine", ({ layer }) => {
  it.scopedLive("says what fs.realpath says, from the current directory too, and leaves nothing open", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const before = fs.readdirSync("/proc/self/fd").length
      for (const path of [
        ".",
        "..",
        "src",
        "node_modules/.bin/vitest",
        "/dev/fd",
        "/bin/sh",
        "/proc/self",
        directory
      ]) {
        expect([path, yield* Aio.realpath(path)]).toEqual([path, fs.realpathSync.native(path)])
      }
      expect(yield* Effect.flip(Aio.realpath("absent"))).toMatchObject({ code: "ENOENT" })
      expect(fs.readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before + 4)
    }).pipe(Effect.provide(layer))
  )
})
