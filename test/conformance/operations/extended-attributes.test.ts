/** Extended attributes: xattr(7). */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { Aio, AioFile, AioOperation, MockAio } from "effect-aio"
import { isRoot } from "../../fixtures/child.ts"
import { memoryDirectory } from "../../fixtures/memoryDirectory.ts"
import { backends } from "../../support/backends.ts"
import type { World } from "../../support/world.ts"
import { setXattr, xattrsOf } from "../../support/xattrs.ts"

/** What there is room for nearly everywhere. ext4 gives all attributes of a file one block. */
const SMALL = 3000
const MOST = 65536

const patterned = (length: number, first: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => (first + i) % 251)

/** A namespace in which tmpfs, which keeps values of 64 KiB, keeps them for this process. Linux 6.6 has `user.` there. */
const spacious = (["user.", "trusted."] as const).find((namespace) => {
  const directory = mkdtempSync(join(process.env.MEMORY_TMPDIR ?? "/dev/shm", "effect-aio-"))
  try {
    writeFileSync(join(directory, "probe"), "")
    return setXattr(join(directory, "probe"), `${namespace}probe`, "value")
  } finally {
    rmSync(directory, { recursive: true })
  }
})
if (spacious === undefined)
  console.log("tmpfs keeps no extended attributes for this user: large ones are tested on the mock alone")

/** An empty file, a link to it, a link to nothing, and a name that nothing has. */
const place = (world: World, directory = world.directory) =>
  Effect.gen(function* () {
    const at = yield* directory
    const [file, link, dangling, absent] = ["file", "link", "dangling", "absent"].map((name) => join(at, name))
    yield* world.writeFile(file, "")
    yield* Aio.symlink("file", link)
    yield* Aio.symlink("nowhere", dangling)
    return { directory: at, file, link, dangling, absent }
  })

describe.each(backends)("$name: extended attributes", ({ layer, real, world }) => {
  /** Of a name, a link for itself, without those of security modules: as another program sees them, where there is one. */
  const seen = (path: string) =>
    Effect.gen(function* () {
      const found: Record<string, string> = real ? xattrsOf(path) : {}
      for (const name of real ? [] : yield* Aio.listxattr(path, { follow: false })) {
        found[String(name)] = Buffer.from(yield* Aio.getxattr(path, name, { follow: false })).toString("latin1")
      }
      return Object.fromEntries(Object.entries(found).filter(([name]) => /^(user|trusted)\./.test(name)))
    })

  const ours = (names: ReadonlyArray<Aio.XattrName>) => names.filter((name) => String(name).startsWith("user.")).sort()

  /** Where values may be large. */
  const spaciousPlace = place(world, real ? memoryDirectory : world.directory)
  const hasRoom = !real || spacious !== undefined
  const large = (name: string) => `${real ? spacious : "user."}${name}`

  it.scopedLive("what one of them sets, the others and other programs see", () =>
    Effect.gen(function* () {
      const { directory, file, link } = yield* place(world)
      const open = yield* AioFile.open(file)
      yield* Aio.setxattr(file, "user.path", Buffer.from("1"))
      yield* Aio.setxattr(link, Buffer.from("user.link"), Buffer.from("2"))
      // To be open for reading is enough.
      yield* Aio.fsetxattr(open, "user.file", Buffer.from("3"))
      yield* Aio.fsetxattr(open.fd, "user.empty", new Uint8Array(0))
      yield* Aio.fsetxattr(open.fd, "user.path", Buffer.from("11"))
      const all = { "user.path": "11", "user.link": "2", "user.file": "3", "user.empty": "" }
      expect(yield* seen(file)).toEqual(all)
      for (const list of [Aio.listxattr(file), Aio.listxattr(link), Aio.flistxattr(open), Aio.flistxattr(open.fd)]) {
        expect(ours(yield* list)).toEqual(Object.keys(all).sort())
      }
      for (const [name, value] of Object.entries(all)) {
        for (const get of [Aio.getxattr(file, name), Aio.getxattr(link, name), Aio.fgetxattr(open, name)]) {
          expect(yield* get).toEqual(new Uint8Array(Buffer.from(value)))
        }
      }
      yield* Aio.removexattr(link, "user.path")
      yield* Aio.fremovexattr(open, "user.file")
      expect(yield* seen(file)).toEqual({ "user.link": "2", "user.empty": "" })
      yield* Aio.setxattr(directory, "user.directory", Buffer.from("4"))
      expect(yield* seen(directory)).toEqual({ "user.directory": "4" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("they belong to the file, whatever it is called, and go with it", () =>
    Effect.gen(function* () {
      const { directory, file } = yield* place(world)
      const [second, moved] = [join(directory, "second"), join(directory, "moved")]
      yield* Aio.setxattr(file, "user.of", Buffer.from("it"))
      yield* Aio.link(file, second)
      yield* Aio.rename(file, moved)
      expect(yield* seen(second)).toEqual({ "user.of": "it" })
      const open = yield* AioFile.open(moved)
      yield* Aio.unlink(moved)
      yield* Aio.unlink(second)
      expect(String(Buffer.from(yield* Aio.fgetxattr(open, "user.of")))).toBe("it")
      yield* world.writeFile(moved, "")
      expect(yield* seen(moved)).toEqual({})
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what the file system refuses, by its name", () =>
    Effect.gen(function* () {
      const { absent, dangling, directory, file, link } = yield* place(world)
      const value = Buffer.from("value")
      const open = yield* AioFile.open(file)
      yield* Aio.setxattr(file, "user.here", value)
      const refused: ReadonlyArray<readonly [Effect.Effect<unknown, unknown, Aio.Aio>, object]> = [
        [Aio.getxattr(file, "user.none"), { operation: "getxattr", code: "ENODATA", path: file }],
        [Aio.fgetxattr(open, "user.none"), { operation: "fgetxattr", code: "ENODATA", path: file }],
        [Aio.removexattr(file, "user.none"), { operation: "removexattr", code: "ENODATA", path: file }],
        [Aio.fremovexattr(open, "user.none"), { operation: "fremovexattr", code: "ENODATA", path: file }],
        [Aio.setxattr(file, "user.here", value, { mode: "create" }), { operation: "setxattr", code: "EEXIST" }],
        [Aio.setxattr(file, "user.none", value, { mode: "replace" }), { operation: "setxattr", code: "ENODATA" }],
        [Aio.fsetxattr(open, "user.here", value, { mode: "create" }), { operation: "fsetxattr", code: "EEXIST" }],
        [Aio.fsetxattr(open, "user.none", value, { mode: "replace" }), { operation: "fsetxattr", code: "ENODATA" }],
        // ENOTSUP is the same number.
        [Aio.setxattr(file, "nobody.knows", value), { code: "EOPNOTSUPP" }],
        [Aio.fgetxattr(open, "nobody.knows"), { code: "EOPNOTSUPP" }],
        [Aio.setxattr(file, "user.", value), { code: "EINVAL" }],
        [Aio.setxattr(link, "user.of", value, { follow: false }), { code: "EPERM" }],
        [Aio.removexattr(link, "user.of", { follow: false }), { code: "EPERM" }],
        [Aio.getxattr(link, "user.here", { follow: false }), { code: "ENODATA" }]
      ]
      for (const [use, why] of refused) expect(yield* Effect.flip(use)).toMatchObject({ _tag: "AioError", ...why })
      expect(ours(yield* Aio.listxattr(link, { follow: false }))).toEqual([])
      expect(yield* seen(file)).toEqual({ "user.here": "value" })
      for (const [path, code] of [
        [absent, "ENOENT"],
        [dangling, "ENOENT"],
        ["", "ENOENT"],
        [join(file, "below"), "ENOTDIR"],
        [join(directory, "n".repeat(256)), "ENAMETOOLONG"]
      ] as const) {
        const uses = [
          Aio.setxattr(path, "user.of", value),
          Aio.getxattr(path, "user.of"),
          Aio.listxattr(path),
          Aio.removexattr(path, "user.of")
        ]
        for (const use of uses) expect(yield* Effect.flip(use as (typeof uses)[0])).toMatchObject({ code, path })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("arguments that no kernel takes are told before anything is done", () =>
    Effect.gen(function* () {
      const { file } = yield* place(world)
      const open = yield* AioFile.open(file)
      const any = (value: unknown): any => value
      const value = new Uint8Array(1)
      const gone = new Uint8Array(4)
      structuredClone(gone.buffer, { transfer: [gone.buffer] })
      for (const name of ["", "user.a\0b", "user.\ud800", `user.${"é".repeat(126)}`, new Uint8Array(256), 5, null]) {
        const uses: ReadonlyArray<Effect.Effect<unknown, unknown, Aio.Aio>> = [
          Aio.setxattr(file, any(name), value),
          Aio.fsetxattr(open, any(name), value),
          Aio.getxattr(file, any(name)),
          Aio.fgetxattr(open, any(name)),
          Aio.removexattr(file, any(name)),
          Aio.fremovexattr(open, any(name))
        ]
        for (const use of uses) {
          expect(yield* Effect.flip(use)).toMatchObject({ _tag: "AioBadArgument", argument: "name" })
        }
      }
      for (const wrong of ["text", undefined, [1], new Uint8Array(MOST + 1), gone]) {
        for (const use of [Aio.setxattr(file, "user.of", any(wrong)), Aio.fsetxattr(open, "user.of", any(wrong))]) {
          expect(yield* Effect.flip(use)).toMatchObject({ _tag: "AioBadArgument", argument: "value" })
        }
      }
      const mode = any({ mode: "update" })
      expect(yield* Effect.flip(Aio.setxattr(file, "user.of", value, mode))).toMatchObject({ argument: "mode" })
      expect(yield* Effect.flip(Aio.fgetxattr(-1, "user.of"))).toMatchObject({ argument: "fd" })
      expect(yield* seen(file)).toEqual({})
      // The longest there is, and one that is not UTF-8.
      const names = [`user.${"n".repeat(250)}`, Buffer.concat([Buffer.from("user."), Buffer.from([0xff, 0xfe])])]
      for (const name of names) {
        yield* Aio.setxattr(file, name, value)
        expect(yield* Aio.fgetxattr(open, name)).toEqual(value)
      }
      const listed = yield* Aio.listxattr(file)
      for (const name of names) expect(listed.some((own) => Buffer.from(own).equals(Buffer.from(name)))).toBe(true)
      for (const name of listed.filter((own) => typeof own !== "string")) yield* Aio.removexattr(file, name)
      expect(ours(yield* Aio.flistxattr(open))).toEqual([names[0]])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("an operation of a file that is closed is refused", () =>
    Effect.gen(function* () {
      const { file } = yield* place(world)
      const closed = yield* Effect.scoped(AioFile.open(file))
      expect(yield* Effect.flip(Aio.flistxattr(closed))).toMatchObject({ _tag: "AioBadArgument", argument: "file" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(!real || isRoot)("of a link itself, where the namespace has that", () =>
    Effect.gen(function* () {
      const { dangling, file, link } = yield* place(world)
      for (const path of [link, dangling]) {
        yield* Aio.setxattr(path, "trusted.link", Buffer.from("its own"), { follow: false })
        expect(yield* seen(path)).toEqual({ "trusted.link": "its own" })
        expect(yield* Aio.listxattr(path, { follow: false })).toContain("trusted.link")
        expect(yield* Aio.getxattr(path, "trusted.link", { follow: false })).toEqual(
          new Uint8Array(Buffer.from("its own"))
        )
      }
      expect(yield* seen(file)).toEqual({})
      yield* Aio.removexattr(link, "trusted.link", { follow: false })
      expect(yield* seen(link)).toEqual({})
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(hasRoom)("values of all sizes up to 64 KiB, each in memory of its own", () =>
    Effect.gen(function* () {
      const { file } = yield* spaciousPlace
      const open = yield* AioFile.open(file)
      for (const size of [0, 1, 255, 256, SMALL, MOST - 1, MOST]) {
        const value = patterned(size, size)
        yield* Aio.setxattr(file, large("of"), value)
        expect(yield* seen(file)).toEqual({ [large("of")]: Buffer.from(value).toString("latin1") })
        for (const get of [Aio.getxattr(file, large("of")), Aio.fgetxattr(open, large("of"))]) {
          const found = yield* get
          expect(Buffer.compare(found, value)).toBe(0)
          expect([found.constructor, found.byteOffset, found.buffer.byteLength]).toEqual([Uint8Array, 0, size])
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(hasRoom)(
    "a value that grows while it is asked for is never a range error, and never half of one",
    () =>
      Effect.gen(function* () {
        const { file } = yield* spaciousPlace
        const values = [patterned(1, 7), patterned(60_000, 7)]
        yield* Aio.setxattr(file, large("of"), values[0])
        const setting = yield* Effect.forkScoped(
          Effect.forever(Effect.forEach(values, (value) => Aio.setxattr(file, large("of"), value)))
        )
        const sizes = new Set<number>()
        for (let i = 0; i < 200 || sizes.size < 2; i++) {
          const found = yield* Aio.getxattr(file, large("of"))
          sizes.add(found.length)
          expect(values.some((value) => Buffer.compare(value, found) === 0)).toBe(true)
        }
        yield* Fiber.interrupt(setting)
      }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(hasRoom)("names of more than 64 KiB together are E2BIG", () =>
    Effect.gen(function* () {
      const { file } = yield* spaciousPlace
      const name = (index: number) => large(`${index}`.padEnd(240, "n"))
      const set = (index: number) => Aio.setxattr(file, name(index), new Uint8Array(0))
      yield* Effect.forEach(
        Array.from({ length: 250 }, (_, i) => i),
        set,
        { concurrency: 50 }
      )
      expect((yield* Aio.listxattr(file)).length).toBeGreaterThanOrEqual(250)
      yield* Effect.forEach(
        Array.from({ length: 50 }, (_, i) => 250 + i),
        set,
        { concurrency: 50 }
      )
      expect(yield* Effect.flip(Aio.listxattr(file))).toMatchObject({ operation: "listxattr", code: "E2BIG" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(hasRoom)("a value is what it was when it was set, whatever becomes of its memory", () =>
    Effect.gen(function* () {
      const { file } = yield* spaciousPlace
      for (let round = 0; round < 20; round++) {
        const value = patterned(50_000, round)
        const expected = Buffer.from(value).toString("latin1")
        const fiber = yield* Effect.fork(Aio.setxattr(file, large("of"), value))
        // Before its turn, in the middle of it, after it.
        for (let i = 0; i < round % 4; i++) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        structuredClone(value.buffer, { transfer: [value.buffer] })
        const exit = yield* Fiber.await(fiber)
        if (Exit.isSuccess(exit)) {
          expect(Buffer.from(yield* Aio.getxattr(file, large("of"))).toString("latin1")).toBe(expected)
        } else expect(Cause.squash(exit.cause)).toMatchObject({ _tag: "AioBadArgument", argument: "value" })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("prepared, and in a batch: each run has the value, and the answer, of its time", () =>
    Effect.gen(function* () {
      const { file } = yield* place(world)
      const value = Buffer.from("1")
      const set = yield* AioOperation.prepare(AioOperation.setxattr(file, "user.of", value))
      const get = yield* AioOperation.prepare(AioOperation.getxattr(file, "user.of"))
      yield* set.run
      const before = yield* get.run
      value.write("2")
      yield* set.run
      expect([String(Buffer.from(before)), String(Buffer.from(yield* get.run))]).toEqual(["1", "2"])
      const names = Array.from({ length: 20 }, (_, i) => `user.${i}`)
      yield* AioOperation.submitAll(names.map((name) => AioOperation.setxattr(file, name, Buffer.from(name))))
      const found = yield* AioOperation.submitAll(names.map((name) => AioOperation.getxattr(file, name)))
      expect(found.map((bytes) => String(Buffer.from(bytes)))).toEqual(names)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a value that was made shorter since is refused, one that has grown is as long as it was", () =>
    Effect.gen(function* () {
      const { file } = yield* place(world)
      const memory: ArrayBuffer & { resize: (length: number) => void } = new (ArrayBuffer as any)(8, {
        maxByteLength: 16
      })
      const value = new Uint8Array(memory).fill(65)
      const operation = AioOperation.setxattr(file, "user.of", value)
      memory.resize(16)
      yield* AioOperation.submit(operation)
      expect(yield* seen(file)).toEqual({ "user.of": "AAAAAAAA" })
      memory.resize(4)
      expect(yield* Effect.flip(AioOperation.submit(operation))).toMatchObject({
        _tag: "AioBadArgument",
        argument: "value"
      })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(hasRoom)(
    "interrupted at any moment: the old value or the new one, and memory that is one's own again",
    () =>
      Effect.gen(function* () {
        const { file } = yield* spaciousPlace
        const values = [patterned(40_000, 1), patterned(40_000, 2)]
        yield* Aio.setxattr(file, large("of"), values[0])
        for (let round = 0; round < 40; round++) {
          const value = new Uint8Array(values[round % 2])
          const fibers = yield* Effect.forEach(
            [Aio.setxattr(file, large("of"), value), Aio.getxattr(file, large("of")), Aio.listxattr(file)],
            (use) => Effect.fork(use as Effect.Effect<unknown, unknown, Aio.Aio>)
          )
          for (let i = 0; i < round % 4; i++) yield* Effect.yieldNow()
          for (const fiber of fibers) yield* Fiber.interrupt(fiber)
          value.fill(0)
          const found = yield* Aio.getxattr(file, large("of"))
          expect(values.some((own) => Buffer.compare(own, found) === 0)).toBe(true)
        }
        expect((yield* Aio.stats).outstanding).toBe(0)
      }).pipe(Effect.provide(layer))
  )
})

describe("on the mock", () => {
  it.scopedLive("one that hangs is interrupted at once, and nothing is done", () =>
    Effect.gen(function* () {
      yield* MockAio.put("/tmp/file", "")
      yield* MockAio.hang("setxattr")
      const fiber = yield* Effect.fork(Aio.setxattr("/tmp/file", "user.of", new Uint8Array(1)))
      while ((yield* Aio.stats).executing === 0) yield* Effect.sleep(1)
      yield* Fiber.interrupt(fiber)
      expect(yield* Aio.listxattr("/tmp/file")).toEqual([])
    }).pipe(Effect.provide(MockAio.layer()))
  )

  it.scopedLive("they survive a loss of power, as permissions and owners do", () =>
    Effect.gen(function* () {
      yield* MockAio.put("/tmp/file", "")
      yield* Aio.setxattr("/tmp/file", "user.of", Uint8Array.of(1))
      yield* MockAio.crash()
      expect(yield* Aio.getxattr("/tmp/file", "user.of")).toEqual(Uint8Array.of(1))
    }).pipe(Effect.provide(MockAio.layer()))
  )
})
