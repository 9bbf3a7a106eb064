/** AioFile.writeAtomic: the old file or the new one, whatever happens. */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { Aio, AioFile, MockAio } from "effect-aio"
import { backends, realBackends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { someTime } from "../../support/moments.ts"
import { seed as firstSeed, random } from "../../support/random.ts"

const OLD = "the old file"
const NEW = "the new file, which is longer"

describe.each(backends)("$name: writeAtomic", ({ layer, world }) => {
  const textOf = (path: string) => Effect.map(world.readFile(path), String)

  it.scopedLive("makes a file, and replaces one: another file, with all bytes and nothing beside it", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const path = join(directory, "file")
      yield* AioFile.writeAtomic(path, OLD)
      expect(yield* textOf(path)).toBe(OLD)
      const before = yield* AioFile.open(path)
      const large = new Uint8Array(3 << 20).map((_, i) => i % 251)
      yield* AioFile.writeAtomic(Buffer.from(path), large, { durable: false })
      expect((yield* world.readFile(path)).equals(large)).toBe(true)
      // Who has the old one open keeps it.
      expect(Buffer.from(yield* before.readAlloc(100, { offset: 0 })).toString()).toBe(OLD)
      yield* AioFile.writeAtomic(path, "")
      expect(yield* textOf(path)).toBe("")
      expect(yield* world.list(directory)).toEqual(["file"])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("gives permissions that are asked for, or those of the old file, with owner and attributes", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const path = join(directory, "file")
      const owner = process.getuid!() === 0 ? { uid: 1234, gid: 4321 } : {}
      yield* AioFile.writeAtomic(path, OLD, { mode: 0o600, preserve: true })
      expect((yield* world.facts(path)).mode & 0o7777).toBe(0o600)
      yield* Aio.setxattr(path, "user.one", Buffer.from("1"))
      yield* Aio.setxattr(path, "user.none", new Uint8Array(0))
      yield* Aio.chown(path, owner)
      yield* Aio.chmod(path, 0o4751)
      const old = yield* world.facts(path)
      yield* AioFile.writeAtomic(path, NEW, { mode: 0o600, preserve: true })
      const { ino, mode, ...kept } = yield* world.facts(path)
      expect(kept).toMatchObject({ uid: old.uid, gid: old.gid, nlink: 1 })
      expect([mode & 0o7777, ino === old.ino]).toEqual([0o4751, false])
      expect(Buffer.from(yield* Aio.getxattr(path, "user.one")).toString()).toBe("1")
      expect((yield* Aio.getxattr(path, "user.none")).length).toBe(0)
      // Without it they are new.
      yield* AioFile.writeAtomic(path, NEW, { mode: 0o640 })
      expect((yield* world.facts(path)).mode & 0o7777).toBe(0o640)
      expect(yield* Aio.listxattr(path)).not.toContain("user.one")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("replaces what links lead to, or the link itself if told so", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const at = (name: string) => join(directory, name)
      yield* Aio.mkdir(at("inner"))
      yield* world.writeFile(at("inner/file"), OLD)
      yield* Aio.symlink("inner/second", at("first"))
      yield* Aio.symlink("file", at("inner/second"))
      yield* AioFile.writeAtomic(at("first"), NEW)
      expect([yield* textOf(at("inner/file")), yield* Aio.readlink(at("first"))]).toEqual([NEW, "inner/second"])
      // What is not there yet.
      yield* Aio.symlink(at("inner/made"), at("dangling"))
      yield* AioFile.writeAtomic(at("dangling"), NEW)
      expect(yield* textOf(at("inner/made"))).toBe(NEW)
      yield* AioFile.writeAtomic(at("first"), OLD, { follow: false, preserve: true })
      expect((yield* world.facts(at("first"))).type).toBe("File")
      expect([yield* textOf(at("first")), yield* textOf(at("inner/file"))]).toEqual([OLD, NEW])
      yield* Aio.symlink("loop", at("loop"))
      expect(yield* Effect.flip(AioFile.writeAtomic(at("loop"), NEW))).toMatchObject({ code: "ELOOP" })
      expect(yield* world.list(directory)).toEqual(["dangling", "first", "inner", "loop"])
      expect(yield* world.list(at("inner"))).toEqual(["file", "made", "second"])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("refuses what is no file, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const at = (name: string) => join(directory, name)
      yield* world.writeFile(at("file"), OLD)
      for (const [path, code] of [
        [directory, "EISDIR"],
        [`${directory}/new/`, "EISDIR"],
        [`${directory}/.`, "EISDIR"],
        ["", "ENOENT"],
        [at("missing/file"), "ENOENT"],
        [at("file/below"), "ENOTDIR"],
        [at("x".repeat(256)), "ENAMETOOLONG"]
      ] as const) {
        expect([path, yield* Effect.flip(AioFile.writeAtomic(path, NEW))]).toMatchObject([path, { code, path }])
      }
      for (const [argument, error] of [
        ["path", AioFile.writeAtomic("a\0b", NEW)],
        ["data", AioFile.writeAtomic(at("file"), 5 as unknown as string)],
        ["mode", AioFile.writeAtomic(at("file"), NEW, { mode: -1 })]
      ] as const) {
        expect(yield* Effect.flip(error)).toMatchObject({ _tag: "AioBadArgument", argument })
      }
      expect([yield* world.list(directory), yield* textOf(at("file"))]).toEqual([["file"], OLD])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("from many fibers at once, one of the files is there, whole", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const path = join(directory, "file")
      const texts = Array.from({ length: 12 }, (_, i) => `${i} `.repeat(2000))
      yield* Effect.forEach(texts, (text) => AioFile.writeAtomic(path, text, { durable: false }), {
        concurrency: "unbounded"
      })
      expect(texts).toContain(yield* textOf(path))
      expect(yield* world.list(directory)).toEqual(["file"])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive(`interrupted at any moment: the old file or the new one, and nothing else (SEED=${firstSeed})`, () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const path = join(directory, "file")
      const draw = random()
      const found = new Set<string>()
      for (let round = 0; round < 40; round++) {
        yield* world.writeFile(path, OLD)
        const fiber = yield* Effect.fork(
          AioFile.writeAtomic(path, NEW, { durable: round % 4 !== 0, preserve: round % 3 === 0 })
        )
        for (let i = round % 8; i > 0; i--) yield* someTime(draw)
        yield* Fiber.interrupt(fiber)
        found.add(yield* textOf(path))
        expect(yield* world.list(directory)).toEqual(["file"])
      }
      expect([OLD, NEW]).toEqual(expect.arrayContaining([...found]))
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})

/** Ends the Layer in the middle of a replacement; what is in the directory then. */
const outlived = <R, E>(
  layer: Layer.Layer<Aio.Aio | R, E>,
  path: string,
  moment: Effect.Effect<unknown, unknown, Aio.Aio | R>,
  options: AioFile.WriteAtomicOptions
) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Scope.extend(Layer.build(Layer.fresh(layer)), scope)
    const replacing = Effect.forever(AioFile.writeAtomic(path, NEW, options))
    const fiber = yield* Effect.fork(Effect.provide(replacing, context))
    yield* Effect.provide(moment, context)
    yield* Scope.close(scope, Exit.void)
    yield* Fiber.await(fiber)
    return context
  })

describe.each(realBackends)("$name: writeAtomic", ({ layer, world }) => {
  it.scopedLive(`the Layer ends at any moment, and nothing is left beside the file (SEED=${firstSeed})`, () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const path = join(directory, "file")
      const draw = random()
      for (let round = 0; round < 12; round++) {
        yield* world.writeFile(path, OLD)
        const moment = Effect.forEach(Array.from({ length: round }), () => someTime(draw))
        yield* outlived(layer, path, moment, { durable: round % 3 !== 0 })
        expect(yield* world.list(directory)).toEqual(["file"])
      }
    }).pipe(Effect.provide(layer))
  )
})

describe.each(realBackends.slice(0, 1))("$name: writeAtomic", ({ layer, world }) => {
  it.scopedLive("does not put a file in the place of a FIFO or a device", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "fifo")
      execFileSync("mkfifo", [path])
      for (const other of [path, "/dev/null"]) {
        expect(yield* Effect.flip(AioFile.writeAtomic(other, NEW))).toMatchObject({ code: "EINVAL", path: other })
      }
      expect((yield* world.facts("/dev/null")).type).toBe("CharacterDevice")
    }).pipe(Effect.provide(layer))
  )
})

const PATH = "/tmp/data/file"

/** A file on the mock, replaced after `arrange`; what is in its directory then, and its error. */
const replaced = <E, R>(arrange: Effect.Effect<unknown, E, R>, before: string | null = OLD) =>
  Effect.gen(function* () {
    yield* arrange
    const error = yield* Effect.either(AioFile.writeAtomic(PATH, NEW, { preserve: true }))
    expect((yield* MockAio.descriptors).size).toBe(0)
    return {
      tree: yield* MockAio.tree("/tmp/data"),
      code: error._tag === "Left" && "code" in error.left ? error.left.code : undefined
    }
  }).pipe(Effect.provide(MockAio.layer({ files: before === null ? { "/tmp/data": null } : { [PATH]: before } })))

describe("mock: writeAtomic that fails", () => {
  /** How often each operation is made, of a file that is replaced. */
  const steps = [
    ["lstat", "EIO", 1],
    ["open", "EMFILE", 2],
    ["write", "ENOSPC", 1],
    ["fchown", "EPERM", 1],
    ["fchmod", "EPERM", 1],
    ["listxattr", "EIO", 1],
    ["link", "EIO", 1],
    ["rename", "EIO", 1],
    ["fsync", "EIO", 1]
  ] as const

  it.effect("at any step has left the old file, and nothing beside it", () =>
    Effect.gen(function* () {
      for (const [operation, code, times] of steps) {
        for (let skipped = 0; skipped < times; skipped++) {
          const found = yield* replaced(MockAio.fail(operation, code, { after: skipped }))
          expect([operation, found]).toEqual([operation, { tree: { file: OLD }, code }])
        }
      }
      // The directory's: the new file is there, and perhaps not for long.
      expect(yield* replaced(MockAio.fail("fsync", "EIO", { after: 1 }))).toEqual({ tree: { file: NEW }, code: "EIO" })
      expect(yield* replaced(MockAio.fail("fsync", "EINVAL", { after: 1 }))).toMatchObject({ code: undefined })
      expect(yield* replaced(MockAio.short("write", 0))).toEqual({ tree: { file: OLD }, code: "EIO" })
    })
  )

  it.effect("writes on after short writes", () =>
    Effect.gen(function* () {
      expect(yield* replaced(MockAio.short("write", 3))).toEqual({ tree: { file: NEW }, code: undefined })
    })
  )

  const withoutUnnamed = [
    ["no O_TMPFILE", MockAio.fail("open", "EOPNOTSUPP", { after: 1, times: 1 })],
    ["no procfs", MockAio.fail("link", "ENOENT", { times: 1 })]
  ] as const

  for (const [name, lack] of withoutUnnamed) {
    it.effect(`${name}: with a name from the start, which goes with a failure`, () =>
      Effect.gen(function* () {
        for (const before of [OLD, null]) {
          expect(yield* replaced(lack, before)).toEqual({ tree: { file: NEW }, code: undefined })
          const old = before === null ? {} : { file: OLD }
          const failing = Effect.zipRight(lack, MockAio.fail("rename", "EIO"))
          expect(yield* replaced(failing, before)).toEqual({ tree: old, code: "EIO" })
        }
      })
    )
  }

  it.live("the Layer ends while a file that has a name is written: the name is taken away", () =>
    Effect.gen(function* () {
      const layer = MockAio.layer({ files: { [PATH]: OLD } })
      for (const durable of [true, false]) {
        const moment = Effect.gen(function* () {
          yield* MockAio.fail("open", "EOPNOTSUPP", { after: durable ? 1 : 0, times: 1 })
          yield* MockAio.inject({ operation: "write", hang: true })
          yield* statsReach({ executing: 1 })
        })
        const context = yield* outlived(layer, PATH, moment, { durable })
        expect(yield* Effect.provide(MockAio.tree("/tmp/data"), context)).toEqual({ file: OLD })
      }
    })
  )

  it.effect("somebody makes the file meanwhile: it is replaced", () =>
    Effect.gen(function* () {
      expect(yield* replaced(MockAio.fail("link", "EEXIST", { times: 1 }), null)).toEqual({
        tree: { file: NEW },
        code: undefined
      })
      // Names that others have are left to them.
      expect(yield* replaced(MockAio.fail("link", "EEXIST"))).toEqual({ tree: { file: OLD }, code: "EEXIST" })
    })
  )
})
