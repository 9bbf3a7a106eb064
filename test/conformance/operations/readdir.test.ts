import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioDirectory } from "effect-aio"
import { backends, realBackends } from "../../support/backends.ts"
import { makeFifo } from "../../support/fifo.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const hex = (path: Aio.Path): string => Buffer.from(path as string).toString("hex")

/** All entries of an open directory, and how many calls it took. */
const all = (fd: number, options?: Aio.ReaddirOptions) =>
  Effect.gen(function* () {
    const entries: Array<Aio.DirectoryEntry> = []
    for (let calls = 1; ; calls++) {
      const chunk = yield* Aio.readdir(fd, options)
      entries.push(...chunk.entries)
      if (chunk.done) return { entries, calls }
    }
  })

const opened = (path: string) =>
  Effect.acquireRelease(
    Effect.sync(() => fs.openSync(path, fs.constants.O_DIRECTORY)),
    (fd) => Effect.sync(() => fs.closeSync(fd))
  )

const sortedNames = (entries: ReadonlyArray<Aio.DirectoryEntry>) => entries.map(({ name }) => name).sort()

describe.each(realBackends)("$name: readdir", ({ layer }) => {
  it.scopedLive("memory for names serves one directory after the other", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const names = ["a".repeat(200), "b", "short"]
      for (const name of names) fs.mkdirSync(join(directory, name))
      for (const name of names.slice(0, 2)) fs.writeFileSync(join(directory, name, name), "")
      const read = (name: string) => Effect.map(AioDirectory.read(join(directory, name)), sortedNames)
      expect(yield* read("")).toEqual(names)
      const made = vi.spyOn(Buffer, "allocUnsafeSlow")
      yield* Effect.addFinalizer(() => Effect.sync(() => made.mockRestore()))
      for (let i = 0; i < 20; i++) {
        // What stood there before is not told again.
        expect(yield* read(names[0])).toEqual([names[0]])
        expect(yield* read(names[1])).toEqual([names[1]])
        expect(yield* read(names[2])).toEqual([])
      }
      expect(made.mock.calls.length).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("an empty directory has no entries, a file is none", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const fd = yield* opened(directory)
      expect(yield* all(fd)).toMatchObject({ entries: [] })
      const file = fs.openSync(join(directory, "file"), "w")
      expect(yield* Effect.flip(Aio.readdir(file))).toMatchObject({ code: "ENOTDIR", operation: "readdir", fd: file })
      fs.closeSync(file)
      expect(yield* Effect.flip(AioDirectory.read(join(directory, "file")))).toMatchObject({ code: "ENOTDIR" })
      expect(yield* Effect.flip(AioDirectory.read(join(directory, "absent")))).toMatchObject({ code: "ENOENT" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("names, types and inodes are what fs says", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      for (const name of ["file", ".hidden", "..two dots", "ünïcödé 😀", "new\nline", "\ufefforder", "n".repeat(255)]) {
        fs.writeFileSync(join(directory, name), "")
      }
      fs.mkdirSync(join(directory, "directory"))
      fs.symlinkSync("nowhere", join(directory, "link"))
      makeFifo(join(directory, "fifo"))
      const entries = yield* AioDirectory.read(directory)
      const theirs = fs.readdirSync(directory, { withFileTypes: true })
      expect(sortedNames(entries)).toEqual(theirs.map(({ name }) => name).sort())
      for (const { ino, name, path, type } of entries) {
        expect(path).toBe(name)
        const stat = fs.lstatSync(join(directory, name), { bigint: true })
        expect(ino).toBe(stat.ino)
        expect(type).toBe(
          stat.isDirectory() ? "Directory" : stat.isSymbolicLink() ? "SymbolicLink" : stat.isFIFO() ? "FIFO" : "File"
        )
      }
      expect((yield* AioDirectory.read("/dev")).find(({ name }) => name === "null")?.type).toBe("CharacterDevice")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("names that are not UTF-8 come back as bytes that open the file", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const prefix = Buffer.from(`${directory}/`)
      const names = [[0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80, 0x62], [0xc3, 0xa4]]
      for (const bytes of names) fs.writeFileSync(Buffer.concat([prefix, Buffer.from(bytes)]), "content")
      const entries = yield* AioDirectory.read(directory)
      expect(entries.map(({ path }) => hex(path)).sort()).toEqual(
        names.map((bytes) => Buffer.from(bytes).toString("hex")).sort()
      )
      for (const { name, path } of entries) {
        expect(typeof path).toBe(name.includes("\ufffd") ? "object" : "string")
        const stat = yield* Aio.stat(Buffer.concat([prefix, Buffer.from(path as Uint8Array)]))
        expect(stat.size).toBe(7n)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("2000 entries: each once, whatever the size of the buffer", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      for (let i = 0; i < 2000; i++) fs.symlinkSync("x", join(directory, `${"name".repeat(i % 40)}${i}`))
      const theirs = fs.readdirSync(directory).sort()
      for (const bufferSize of [undefined, 288, 4096, 1 << 20]) {
        const { calls, entries } = yield* all(yield* opened(directory), { bufferSize })
        expect(sortedNames(entries)).toEqual(theirs)
        if (bufferSize === 288) expect(calls).toBeGreaterThan(500)
        if (bufferSize === undefined) expect(calls).toBeGreaterThan(3)
      }
      expect(sortedNames(yield* AioDirectory.read(directory))).toEqual(theirs)
    }).pipe(Effect.provide(layer))
  )
})

describe.each(backends)("$name: readdir", ({ layer, world }) => {
  it.scopedLive("names that fit the buffer take one request, which also says that they are all", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const names = Array.from({ length: 50 }, (_, i) => `name ${i}`).sort()
      for (const name of names) yield* world.writeFile(join(directory, name), "")
      const open = Effect.acquireRelease(Aio.open(directory, { flag: fs.constants.O_DIRECTORY }), (fd) =>
        Effect.ignore(Aio.close(fd))
      )
      const { calls, entries } = yield* all(yield* open)
      expect(calls).toBe(1)
      expect(sortedNames(entries)).toEqual(names)
      // 50 names of 32 bytes each, "." and ".." do not fit 1024 bytes.
      const { calls: several, entries: again } = yield* all(yield* open, { bufferSize: 1024 })
      expect(several).toBeGreaterThan(1)
      expect(sortedNames(again)).toEqual(names)
    }).pipe(Effect.provide(layer))
  )
})
