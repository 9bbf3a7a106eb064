import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { backends } from "../../support/backends.ts"

const long = (length: number): string => `${"target/".repeat(600)}`.slice(0, length - 1).concat("t")

describe.each(backends)("$name: symbolic links", ({ layer, real, world }) => {
  it.scopedLive("symlink keeps the target as it is, and readlink gives it back", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      for (const target of [
        "a",
        "/",
        "../up",
        "two words",
        "ünïcödé 😀",
        "\ufeffwith a byte order mark",
        "new\nline"
      ]) {
        const path = join(directory, `link ${(yield* world.list(directory)).length}`)
        yield* Aio.symlink(target, path)
        expect((yield* world.facts(path)).target).toBe(target)
        expect(yield* Aio.readlink(path)).toBe(target)
      }
      expect(yield* Effect.flip(Aio.symlink(long(4096), join(directory, "too long")))).toMatchObject({
        code: "ENAMETOOLONG"
      })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(real)("targets as long as the file system takes them", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      // ext4 keeps at most a block less one byte: 4095. Other file systems may keep less.
      for (const length of [59, 60, 61, 254, 255, 256, 257, 511, 512, 4094, 4095]) {
        const target = long(length)
        const [ours, theirs] = [join(directory, `ours ${length}`), join(directory, `theirs ${length}`)]
        try {
          fs.symlinkSync(target, theirs)
        } catch (error) {
          expect(yield* Effect.flip(Aio.symlink(target, ours))).toMatchObject({
            code: (error as NodeJS.ErrnoException).code
          })
          continue
        }
        yield* Aio.symlink(target, ours)
        expect((yield* world.facts(ours)).target).toBe(target)
        expect(yield* Aio.readlink(theirs)).toBe(target)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a target that is not UTF-8 comes back as its bytes", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const targets = [[0xff], [0x61, 0xfe, 0x62], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80]]
      for (const [index, bytes] of targets.entries()) {
        const target = Uint8Array.from(bytes)
        const path = join(directory, `link ${index}`)
        yield* Aio.symlink(target, path)
        if (real) expect(new Uint8Array(fs.readlinkSync(path, { encoding: "buffer" }))).toEqual(target)
        expect(yield* Aio.readlink(path)).toEqual(target)
      }
      // U+FFFD itself is a character like any other.
      yield* Aio.symlink("\ufffd", join(directory, "replacement"))
      expect(yield* Aio.readlink(join(directory, "replacement"))).toBe("\ufffd")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is no link, or there already, says so", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const file = join(directory, "file")
      yield* world.writeFile(file, "")
      expect(yield* Effect.flip(Aio.readlink(file))).toMatchObject({
        code: "EINVAL",
        operation: "readlink",
        path: file
      })
      expect(yield* Effect.flip(Aio.readlink(join(directory, "absent")))).toMatchObject({ code: "ENOENT" })
      expect(yield* Effect.flip(Aio.symlink("target", file))).toMatchObject({
        code: "EEXIST",
        operation: "symlink",
        path: file
      })
      expect(yield* Effect.flip(Aio.symlink("", join(directory, "empty")))).toMatchObject({ code: "ENOENT" })
    }).pipe(Effect.provide(layer))
  )
})
