/** Options that are not what they should be, and the one that says where paths start. */
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { Aio, AioFile, AioOperation } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { descriptorOf } from "../../support/world.ts"

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

describe.each(backends)("$name", ({ layer, world }) => {
  it.scopedLive("keys of options that belong to something else change nothing there", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const [keep, mine] = [join(directory, "keep"), join(directory, "mine")]
      yield* Aio.mkdir(keep)
      yield* world.writeFile(join(directory, "a"), "own")
      yield* world.writeFile(join(directory, "b"), "other")
      const other = yield* descriptorOf(join(directory, "b"), "r+")
      const intruder: any = { path: keep, to: keep, target: keep, fd: other, file: undefined, buffer: Buffer.from("!") }
      yield* Aio.mkdir(mine, { mode: 0o700, ...intruder })
      yield* Aio.rmdir(mine, intruder)
      yield* Aio.symlink("nowhere", mine, intruder)
      yield* Aio.unlink(mine, intruder)
      expect(yield* world.list(directory)).toEqual(["a", "b", "keep"])
      yield* AioFile.withFile(join(directory, "a"), { flag: "r+", ...intruder }, (file) =>
        Effect.gen(function* () {
          yield* file.allocate({ length: 100, ...intruder })
          yield* file.advise("random", { ...intruder })
          yield* file.writeAll(Buffer.from("OWN"), { offset: 0, ...intruder })
          yield* Aio.fallocate(file.fd, { length: 200, ...intruder })
          yield* AioOperation.submit(AioOperation.write(file, Buffer.from("o"), { offset: 0, ...intruder }))
          expect((yield* file.stat).size).toBe(200n)
        })
      )
      expect(text(yield* world.readFile(join(directory, "a")))).toMatch(/^oWN\0/)
      expect(text(yield* world.readFile(join(directory, "b")))).toBe("other")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("`at` is where a relative path starts, in every operation that takes it", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const inside = join(directory, "inside")
      yield* Aio.mkdir(inside)
      yield* world.writeFile(join(inside, "victim"), "inside")
      const at = yield* descriptorOf(inside)
      const name = "effect-aio-options-test"
      yield* AioFile.withFile(name, { at, flag: "wx" }, (file) => file.writeAll(Buffer.from("made")))
      yield* Effect.scoped(
        Effect.flatMap(AioFile.open("victim", { at, flag: "r+" }), (file) => file.writeAll(Buffer.from("INSIDE")))
      )
      yield* Effect.flatMap(Aio.open("opened", { at, flag: "wx" }), Aio.close)
      yield* Aio.mkdir("directory", { at })
      yield* Aio.symlink("victim", "link", { at })
      expect(yield* world.list(inside)).toEqual(["directory", name, "link", "opened", "victim"])
      expect(text(yield* world.readFile(join(inside, name)))).toBe("made")
      expect(yield* Aio.readlink("link", { at })).toBe("victim")
      expect((yield* Aio.lstat("link", { at })).type).toBe("SymbolicLink")
      // A link is followed from where it stands.
      expect((yield* Aio.stat("link", { at })).size).toBe(6n)
      expect((yield* Aio.stat("../inside/./victim", { at })).size).toBe(6n)
      yield* Aio.rmdir("directory", { at })
      for (const made of [name, "link", "opened"]) yield* Aio.unlink(made, { at })
      expect(yield* world.list(inside)).toEqual(["victim"])
      expect(text(yield* world.readFile(join(inside, "victim")))).toBe("INSIDE")
      // Absolute paths do not care.
      expect((yield* Aio.stat(join(inside, "victim"), { at: 1_000_000 })).size).toBe(6n)
      const file = yield* descriptorOf(join(inside, "victim"))
      for (const operation of [
        Aio.stat,
        Aio.lstat,
        Aio.open,
        Aio.unlink,
        Aio.rmdir,
        Aio.readlink,
        Aio.mkdir,
        Aio.access,
        Aio.chown
      ]) {
        const use: (path: string, options: Aio.AtOptions) => Effect.Effect<unknown, unknown, Aio.Aio> = operation
        expect(yield* Effect.flip(use("victim", { at: 1_000_000 }))).toMatchObject({ code: "EBADF" })
        expect(yield* Effect.flip(use("victim", { at: file }))).toMatchObject({ code: "ENOTDIR" })
        // readlinkat(2) alone takes no path for the descriptor itself.
        if (operation !== Aio.readlink) {
          expect(yield* Effect.flip(use("", { at: 1_000_000 }))).toMatchObject({ code: "ENOENT" })
        }
        expect(yield* Effect.flip(use("victim", { at: -1 }))).toMatchObject({ _tag: "AioBadArgument", argument: "at" })
      }
      expect(yield* Effect.flip(AioFile.open("victim", { at: -1 }))).toMatchObject({ argument: "at" })
      expect(yield* Effect.flip(Aio.symlink("x", "victim", { at: file }))).toMatchObject({ code: "ENOTDIR" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is no operation is told so, whoever is given it, and nothing waits for it", () =>
    Effect.gen(function* () {
      const wrong: any = Aio.nop()
      const refused = { _tag: "AioBadArgument", argument: "operation" }
      const failing = [
        AioOperation.submit(wrong),
        AioOperation.prepare(wrong),
        AioOperation.withDeadline(wrong, "1 second"),
        AioOperation.submitAll([AioOperation.nop(), wrong]),
        AioOperation.linked([AioOperation.nop(), wrong])
      ]
      for (const effect of failing) expect(yield* Effect.flip<unknown, unknown, Aio.Aio>(effect)).toMatchObject(refused)
      for (const both of [
        yield* AioOperation.submitAll([wrong, AioOperation.nop()], { mode: "exits" }),
        (yield* AioOperation.linked([AioOperation.nop(), wrong], { mode: "exits" })).reverse()
      ]) {
        expect(both[0]).toMatchObject(Exit.fail(refused))
        expect(Exit.isSuccess(both[1]!)).toBe(true)
      }
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})
