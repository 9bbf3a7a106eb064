/** What the random programs do not reach: large files, whole directories, descriptors without a name. */
import { constants } from "node:fs"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Aio, AioBuffer, AioDirectory, AioFile, AioFileSystem, MockAio } from "effect-aio"
import { operationNames } from "../../support/operationCalls.ts"

const withMock = (options?: MockAio.Options) => Effect.provide(MockAio.layer(options))

describe("the file system of the mock", () => {
  it.effect("has every operation of the catalogue, natively", () =>
    Effect.gen(function* () {
      const { operations: capabilities } = yield* Aio.capabilities
      expect(capabilities.map(({ operation }) => operation).sort()).toEqual([...operationNames].sort())
      expect(capabilities.filter(({ mechanism }) => mechanism !== "native")).toEqual([])
    }).pipe(withMock())
  )

  it.effect("holes are free: a terabyte takes a page", () =>
    Effect.gen(function* () {
      const file = yield* AioFile.open("/tmp/large", { flag: "w+" })
      yield* file.writeAll(Buffer.from("end"), { offset: 2n ** 40n - 3n })
      expect(yield* file.stat).toMatchObject({ size: 2n ** 40n, blocks: 8n })
      expect(Buffer.from(yield* file.readExactly(6, { offset: 2 ** 40 - 6 })).toString()).toBe("\0\0\0end")
      yield* file.allocate({ mode: "punchHole", length: 2 ** 40 })
      expect(yield* file.stat).toMatchObject({ size: 2n ** 40n, blocks: 0n })
      expect(yield* Effect.flip(file.writeAll(Buffer.from("x"), { offset: 2 ** 44 }))).toMatchObject({ code: "EFBIG" })
      expect(yield* Effect.flip(file.truncate(2n ** 62n))).toMatchObject({ code: "EFBIG" })
      // Up to the limit, and no further.
      expect(yield* file.write(Buffer.alloc(10), { offset: 2 ** 44 - 4096 - 4 })).toBe(4)
      expect(yield* file.read(Buffer.alloc(1), { offset: 2n ** 62n })).toBe(0)
    }).pipe(Effect.scoped, withMock())
  )

  it.effect("times are kept as ext4 keeps them, and each is one that a Date can say", () =>
    Effect.gen(function* () {
      yield* AioFile.withFile("/tmp/a", { flag: "w" }, () => Effect.void)
      const second = 10n ** 9n
      const [earliest, latest] = [-(2n ** 31n) * second, 15_032_385_535n * second]
      // As tried on ext4.
      const times: ReadonlyArray<readonly [asked: bigint, kept: bigint]> = [
        [earliest - 5n, earliest],
        [earliest + 7n, earliest],
        [earliest + second + 7n, earliest + second + 7n],
        [latest - 1n, latest - 1n],
        [latest + 9n, latest],
        [latest + second, latest],
        [(2n ** 63n - 1n) * second, latest],
        [-(2n ** 63n) * second, earliest]
      ]
      for (const [asked, kept] of times) {
        yield* Aio.utimes("/tmp/a", { atimeNs: asked, mtimeNs: asked })
        expect(yield* Aio.stat("/tmp/a")).toMatchObject({ atimeNs: kept, mtimeNs: kept })
        const { mtime } = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.stat("/tmp/a"))
        expect(Option.map(mtime, Number)).toEqual(Option.some(Math.round(Number(kept) / 1e6)))
      }
    }).pipe(Effect.provide(AioFileSystem.layer), withMock())
  )

  it.effect("a file without a name lives as long as a descriptor", () =>
    Effect.gen(function* () {
      const free = Effect.map(Aio.statvfs("/"), ({ blocksFree }) => blocksFree)
      const before = yield* free
      const file = yield* Aio.open("/tmp/file", { flag: "w+" })
      yield* Aio.write(file, Buffer.alloc(8192))
      yield* Aio.unlink("/tmp/file")
      expect(yield* Aio.read(file, Buffer.alloc(9000), { offset: 0 })).toBe(8192)
      expect(yield* Aio.fstat(file)).toMatchObject({ nlink: 0, size: 8192n })
      expect(yield* free).toBe(before - 2n)
      yield* Aio.close(file)
      expect(yield* free).toBe(before)
      // O_TMPFILE never had one.
      const flag = 0o20000000 | constants.O_DIRECTORY | constants.O_RDWR
      const temporary = yield* Aio.open("/tmp", { flag })
      expect(yield* Aio.fstat(temporary)).toMatchObject({ nlink: 0, type: "File" })
      expect(yield* MockAio.tree("/tmp")).toEqual({})
    }).pipe(withMock())
  )

  it.effect("a name that stays is told once, while others come and go", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 500 }, (_, i) => `name-${String(i).padStart(20, "0")}`)
      yield* Effect.forEach(names, (name) => MockAio.put(`/tmp/${name}`, ""))
      const fd = yield* Aio.open("/tmp", { flag: constants.O_DIRECTORY })
      const told: Array<string> = []
      for (let round = 0; ; round++) {
        const { done, entries } = yield* Aio.readdir(fd, { bufferSize: 400 })
        if (done) break
        told.push(...entries.map(({ name }) => name))
        // One that was told goes, one that was not goes, one comes, and one gets another name.
        if (round % 10 === 0 && round < 200) {
          yield* Aio.unlink(`/tmp/${told[round]}`)
          yield* Aio.unlink(`/tmp/${names[499 - round]}`)
          yield* MockAio.put(`/tmp/new-${round}`, "")
          yield* Aio.rename(`/tmp/${told[round + 1]}`, `/tmp/moved-${round}`)
        }
      }
      const kept = new Set((yield* AioDirectory.read("/tmp")).map(({ name }) => name))
      for (const name of names.filter((name) => kept.has(name))) {
        expect(told.filter((one) => one === name)).toEqual([name])
      }
      expect(new Set(told).size).toBe(told.length)
    }).pipe(withMock())
  )

  it.effect("names are bytes", () =>
    Effect.gen(function* () {
      const odd = new Uint8Array([...Buffer.from("/tmp/"), 0xff, 0xfe])
      yield* Aio.close(yield* Aio.open(odd, { flag: "w" }))
      yield* Aio.close(yield* Aio.open("/tmp/größe", { flag: "w" }))
      const entries = yield* AioDirectory.read("/tmp")
      expect(entries.map(({ path }) => path)).toEqual([new Uint8Array([0xff, 0xfe]), "größe"])
      yield* Aio.symlink(odd, "/tmp/link")
      expect(yield* Aio.readlink("/tmp/link")).toEqual(odd)
      // 255 bytes, not characters.
      yield* Aio.mkdir(`/tmp/${"ö".repeat(127)}`)
      expect(yield* Effect.flip(Aio.mkdir(`/tmp/${"ö".repeat(128)}`))).toMatchObject({ code: "ENAMETOOLONG" })
    }).pipe(withMock())
  )

  it.effect("symbolic links are followed 40 times, and no more", () =>
    Effect.gen(function* () {
      yield* MockAio.put("/tmp/0", "end")
      for (let i = 1; i <= 41; i++) yield* Aio.symlink(`${i - 1}`, `/tmp/${i}`)
      expect((yield* AioFile.readFile("/tmp/40")).length).toBe(3)
      expect(yield* Effect.flip(AioFile.readFile("/tmp/41"))).toMatchObject({ code: "ELOOP" })
    }).pipe(withMock())
  )

  it.effect("direct I/O asks for whole sectors", () =>
    Effect.gen(function* () {
      const file = yield* AioFile.open("/tmp/file", { flag: "w+", direct: true })
      expect(yield* file.write(AioBuffer.aligned(1024), { offset: 512 })).toBe(1024)
      expect(yield* Effect.flip(file.read(AioBuffer.aligned(100), { offset: 0 }))).toMatchObject({ argument: "buffer" })
      expect(yield* Effect.flip(Aio.read(file.fd, AioBuffer.aligned(100), { offset: 0 }))).toMatchObject({
        code: "EINVAL"
      })
      expect((yield* file.readAlloc(4096, { offset: 0 })).length).toBe(1536)
    }).pipe(Effect.scoped, withMock())
  )

  it.effect("priorities and limits are the engine's", () =>
    Effect.gen(function* () {
      yield* Aio.setLimits({ maxOutstanding: 1 })
      const request = (name: string) => Aio.stat(`/tmp/${name}`)
      const all = [Aio.withPriority(request("last"), -4), request("middle"), Aio.withPriority(request("first"), 4)]
      yield* Effect.all([request("now"), ...all].map(Effect.either), { concurrency: "unbounded" })
      const paths = (yield* MockAio.journal).map(({ path }) => path)
      expect(paths).toEqual(["/tmp/now", "/tmp/first", "/tmp/middle", "/tmp/last"])
    }).pipe(withMock())
  )

  it.effect("the journal tells arguments, not contents, and keeps so many entries", () =>
    Effect.gen(function* () {
      const fd = yield* Aio.open("/tmp/a", { flag: "w+", mode: 0o600 })
      yield* Aio.writev(fd, [Buffer.from("ab"), Buffer.from("c")], { offset: 5 })
      yield* Effect.ignore(Aio.rename("/tmp/x", new Uint8Array([0x2f, 0x79])))
      expect(yield* MockAio.journal).toMatchObject([
        { operation: "writev", path: "/tmp/a", input: { fd, lengths: [2, 1], offset: 5 }, result: 3, cancelled: false },
        { operation: "rename", path: "/tmp/x", input: { path: "/tmp/x", to: "/y" }, error: "ENOENT", result: undefined }
      ])
      yield* MockAio.clearJournal
      expect(yield* MockAio.journal).toEqual([])
    }).pipe(withMock({ journal: 2 }))
  )

  it.effect("what cannot be put or looked at is told as with every other operation", () =>
    Effect.gen(function* () {
      const any = (value: unknown): never => value as never
      yield* MockAio.put("/tmp/file", "text")
      yield* MockAio.put("/tmp/directory", null)
      const gone = new Uint8Array(8)
      structuredClone(gone.buffer, { transfer: [gone.buffer] })
      for (const path of [5, null, undefined, {}, "a\0b", gone, new Proxy(new Uint8Array(3), {}), ["a"], Symbol("a")]) {
        for (const use of [
          MockAio.put(any(path), "x"),
          MockAio.tree(any(path ?? null)),
          MockAio.contentOf(any(path))
        ]) {
          const exit = yield* Effect.exit(Effect.flip(use))
          expect(exit).toMatchObject({ _tag: "Success", value: { _tag: "AioBadArgument", argument: "path" } })
        }
        expect(yield* Effect.exit(Effect.flip(MockAio.mkfifo(any(path))))).toMatchObject({
          value: { _tag: "AioBadArgument" }
        })
      }
      for (const content of [5, undefined, {}, [1], gone, new Proxy(new Uint8Array(3), {})]) {
        expect(yield* Effect.exit(Effect.flip(MockAio.put("/tmp/x", any(content))))).toMatchObject({
          value: { _tag: "AioBadArgument", argument: "content" }
        })
      }
      for (const files of [{ "/a": any(5) }, { "/a\0": "x" }]) {
        expect(yield* Effect.exit(Effect.flip(Effect.scoped(MockAio.make({ files }))))).toMatchObject({
          value: { _tag: "AioUnavailable" }
        })
      }
      expect(yield* Effect.flip(MockAio.put("/tmp/directory", "x"))).toMatchObject({ code: "EISDIR" })
      expect(yield* Effect.flip(MockAio.put("/tmp/large", Buffer.alloc(5000)))).toMatchObject({ code: "ENOSPC" })
      const lying = Object.defineProperty(new Uint8Array(4).fill(65), "byteLength", { value: 1 << 20 })
      yield* MockAio.put("/tmp/file", lying)
      expect((yield* MockAio.tree("/tmp")).file).toBe("AAAA")
    }).pipe(withMock({ capacity: 4096 }))
  )
})

describe("AioBuffer.aligned", () => {
  it("throws what is wrong with its arguments", () => {
    const any = (value: unknown): never => value as never
    for (const [length, alignment] of [
      [-1, 512],
      [1.5, 512],
      [Number.NaN, 512],
      ["8", 512],
      [Symbol("8"), 512],
      [2 ** 53 - 1, 512],
      [2 ** 40, 512],
      [8, 0],
      [8, 3],
      [8, -512],
      [8, 2 ** 32 + 1],
      [8, "512"]
    ]) {
      const make = () => AioBuffer.aligned(any(length), { alignment: any(alignment) })
      expect(make).toThrow(expect.objectContaining({ _tag: "AioBadArgument", operation: "aligned" }))
    }
    expect(AioBuffer.aligned(0).length).toBe(0)
    expect(AioBuffer.aligned(100, { alignment: 1 }).length).toBe(100)
  })
})
