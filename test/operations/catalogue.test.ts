import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { backends } from "../support/backends.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

type Name = keyof typeof Aio.request

interface Place {
  readonly directory: string
  readonly at: (name: string) => string
  readonly file: string
  readonly fd: number
}

/**
 * One use of every operation, built as a value, and what must be true afterwards. An operation without a line here does not
 * compile, and one that is only at run time fails below.
 */
const cases: Record<Name, (place: Place) => readonly [Aio.Operation<unknown>, (result: any, place: Place) => void]> = {
  nop: () => [Aio.request.nop(), (result) => expect(result).toBeUndefined()],
  open: ({ file }) => [
    Aio.request.open(file),
    (fd) => {
      expect(fs.readlinkSync(`/proc/self/fd/${fd}`)).toBe(file)
      fs.closeSync(fd)
    }
  ],
  close: ({ file }) => {
    const fd = fs.openSync(file, "r")
    const link = `/proc/self/fd/${fd}`
    return [Aio.request.close(fd), () => expect(fs.existsSync(link) && fs.readlinkSync(link)).not.toBe(file)]
  },
  read: ({ fd }) => {
    const into = Buffer.alloc(4)
    return [Aio.request.read(fd, into, { offset: 1 }), (count) => expect([count, into.toString()]).toEqual([4, "onte"])]
  },
  write: ({ fd, file }) => [
    Aio.request.write(fd, Buffer.from("C"), { offset: 0 }),
    (count) => expect([count, fs.readFileSync(file, "utf8")]).toEqual([1, "Content"])
  ],
  readv: ({ fd }) => {
    const into = [Buffer.alloc(2), Buffer.alloc(2)]
    return [
      Aio.request.readv(fd, into, { offset: 0 }),
      (count) => expect([count, Buffer.concat(into).toString()]).toEqual([4, "cont"])
    ]
  },
  writev: ({ fd, file }) => [
    Aio.request.writev(fd, [Buffer.from("C"), Buffer.from("O")], { offset: 0 }),
    (count) => expect([count, fs.readFileSync(file, "utf8")]).toEqual([2, "COntent"])
  ],
  fsync: ({ fd }) => [Aio.request.fsync(fd), (result) => expect(result).toBeUndefined()],
  fdatasync: ({ fd }) => [Aio.request.fdatasync(fd), (result) => expect(result).toBeUndefined()],
  stat: ({ file }) => [Aio.request.stat(file), ({ size }) => expect(size).toBe(7n)],
  lstat: ({ file }) => [Aio.request.lstat(file), ({ type }) => expect(type).toBe("File")],
  fstat: ({ fd }) => [Aio.request.fstat(fd), ({ ino }) => expect(ino).toBe(fs.fstatSync(fd, { bigint: true }).ino)],
  ftruncate: ({ fd, file }) => [Aio.request.ftruncate(fd, 3), () => expect(fs.readFileSync(file, "utf8")).toBe("con")],
  truncate: ({ file }) => [Aio.request.truncate(file, 3), () => expect(fs.readFileSync(file, "utf8")).toBe("con")],
  fallocate: ({ fd, file }) => [
    Aio.request.fallocate(fd, { length: 100 }),
    () => expect(fs.statSync(file).size).toBe(100)
  ],
  fadvise: ({ fd }) => [Aio.request.fadvise(fd, "willNeed"), (result) => expect(result).toBeUndefined()],
  readahead: ({ fd }) => [Aio.request.readahead(fd, { length: 7 }), (result) => expect(result).toBeUndefined()],
  unlink: ({ file }) => [Aio.request.unlink(file), () => expect(fs.existsSync(file)).toBe(false)],
  rmdir: ({ at }) => {
    fs.mkdirSync(at("empty"))
    return [Aio.request.rmdir(at("empty")), () => expect(fs.existsSync(at("empty"))).toBe(false)]
  },
  rename: ({ at, file }) => [
    Aio.request.rename(file, at("renamed")),
    () => expect([fs.existsSync(file), fs.existsSync(at("renamed"))]).toEqual([false, true])
  ],
  mkdir: ({ at }) => [Aio.request.mkdir(at("made")), () => expect(fs.statSync(at("made")).isDirectory()).toBe(true)],
  link: ({ at, file }) => [Aio.request.link(file, at("second")), () => expect(fs.statSync(file).nlink).toBe(2)],
  symlink: ({ at }) => [
    Aio.request.symlink("target", at("link")),
    () => expect(fs.readlinkSync(at("link"))).toBe("target")
  ],
  readlink: ({ at }) => {
    fs.symlinkSync("target", at("pointer"))
    return [Aio.request.readlink(at("pointer")), (target) => expect(target).toBe("target")]
  },
  readdir: ({ directory }) => {
    const fd = fs.openSync(directory, "r")
    return [
      Aio.request.readdir(fd),
      ({ entries }) => {
        expect(entries.map(({ name }: { readonly name: string }) => name)).toEqual(["file"])
        fs.closeSync(fd)
      }
    ]
  },
  statvfs: ({ directory }) => [
    Aio.request.statvfs(directory),
    ({ blocks }) => expect(blocks).toBe(fs.statfsSync(directory, { bigint: true }).blocks)
  ]
}

const names = Object.keys(Aio.request) as Array<Name>

describe.each(backends)("$name: the catalogue", ({ layer, mechanism }) => {
  it("has a test case for every operation, and a function of its name", () => {
    expect(Object.keys(cases).sort()).toEqual([...names].sort())
    for (const name of names) {
      expect(Aio.request[name].entry.name).toBe(name)
      expect((Aio as unknown as Record<string, unknown>)[name]).toBeTypeOf("function")
      expect(Aio.request[name].entry.man).toMatch(/^[a-z0-9_]+\([23]\)$/)
    }
  })

  it.scopedLive("every operation runs, as a value, twice over and in any neighbourhood", () =>
    Effect.gen(function* () {
      // Twice: what one request leaves behind in memory that is used again must not reach another.
      for (const name of [...names, ...[...names].reverse()]) {
        const directory = yield* temporaryDirectory
        const at = (entry: string) => join(directory, entry)
        const file = at("file")
        fs.writeFileSync(file, "content")
        const fd = fs.openSync(file, "r+")
        const place: Place = { directory, at, file, fd }
        const [operation, check] = cases[name](place)
        check(yield* Aio.submit(operation).pipe(Effect.mapError((error) => `${name}: ${error.message}`)), place)
        fs.closeSync(fd)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a value may be submitted any number of times, at once too", () =>
    Effect.gen(function* () {
      const operation = Aio.request.stat(yield* temporaryDirectory)
      const all = yield* Effect.all(
        Array.from({ length: 50 }, () => Aio.submit(operation)),
        { concurrency: "unbounded" }
      )
      expect(new Set(all.map(({ ino }) => ino)).size).toBe(1)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("there is a line of capabilities for every operation", () =>
    Effect.gen(function* () {
      const { operations: capabilities } = yield* Aio.capabilities
      expect(capabilities.map(({ operation }) => operation).sort()).toEqual([...names].sort())
      for (const { mechanism: how, operation } of capabilities) {
        expect(["native", "pool"]).toContain(how)
        if (mechanism === "threads") expect([operation, how]).toEqual([operation, "native"])
      }
      const native = capabilities.filter(({ mechanism: how }) => how === "native").map(({ operation }) => operation)
      const paths = mechanism === "kernel" ? [] : ["open", "close", "nop"]
      expect(native).toEqual(expect.arrayContaining(["read", "write", "fsync", ...paths]))
    }).pipe(Effect.provide(layer))
  )
})
