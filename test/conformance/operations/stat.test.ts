import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { memoryDirectory } from "../../fixtures/memoryDirectory.ts"
import { realBackends } from "../../support/backends.ts"
import { makeFifo } from "../../support/fifo.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const typeOf = (stat: fs.BigIntStats): Aio.FileType =>
  stat.isFile()
    ? "File"
    : stat.isDirectory()
      ? "Directory"
      : stat.isSymbolicLink()
        ? "SymbolicLink"
        : stat.isFIFO()
          ? "FIFO"
          : stat.isSocket()
            ? "Socket"
            : stat.isBlockDevice()
              ? "BlockDevice"
              : "CharacterDevice"

/** What `fs` says, in our words. A birth time that the file system does not keep is 0 (or the change time) there. */
const expected = (stat: fs.BigIntStats) => ({
  type: typeOf(stat),
  mode: Number(stat.mode),
  dev: stat.dev,
  ino: stat.ino,
  nlink: Number(stat.nlink),
  uid: Number(stat.uid),
  gid: Number(stat.gid),
  rdev: stat.rdev,
  size: stat.size,
  blksize: Number(stat.blksize),
  blocks: stat.blocks,
  atimeNs: stat.atimeNs,
  mtimeNs: stat.mtimeNs,
  ctimeNs: stat.ctimeNs
})

const same = (ours: Aio.Stat, theirs: fs.BigIntStats) => {
  expect(ours).toMatchObject(expected(theirs))
  if (ours.birthtimeNs !== undefined) expect(ours.birthtimeNs).toBe(theirs.birthtimeNs)
}

const bigint = { bigint: true } as const

/** What both say. Others may change a directory that all share meanwhile: looked at again then. */
const looked = <E, R>(
  ours: Effect.Effect<Aio.Stat, E, R>,
  theirs: () => fs.BigIntStats
): Effect.Effect<readonly [Aio.Stat, fs.BigIntStats], E, R> =>
  Effect.gen(function* () {
    for (let attempt = 1; ; attempt++) {
      const before = theirs()
      const stat = yield* ours
      const after = theirs()
      if (isDeepStrictEqual(before, after) || attempt === 50) return [stat, after] as const
    }
  })

/** One file of every kind. Block devices cannot be made everywhere, but there is usually one. */
const everyKind = (directory: string): Array<string> => {
  const file = join(directory, "file")
  fs.writeFileSync(file, Buffer.alloc(12_345, 7), { mode: 0o640 })
  fs.linkSync(file, join(directory, "second name"))
  fs.symlinkSync("file", join(directory, "link"))
  makeFifo(join(directory, "fifo"))
  const block = fs
    .readdirSync("/dev")
    .map((name) => join("/dev", name))
    .find((path) => fs.lstatSync(path).isBlockDevice())
  return [
    file,
    directory,
    join(directory, "link"),
    join(directory, "fifo"),
    "/",
    "/dev/null",
    "/dev/zero",
    "/dev/shm",
    "/proc/self/status",
    "/sys",
    ...(block === undefined ? [] : [block])
  ]
}

describe.each(realBackends)("$name: stat", ({ layer }) => {
  it.scopedLive("stat, lstat and fstat say what fs says, of every kind of file", () =>
    Effect.gen(function* () {
      for (const path of everyKind(yield* temporaryDirectory)) {
        // /proc makes its times up as it is asked.
        const compare = path.startsWith("/proc")
          ? (ours: Aio.Stat, theirs: fs.BigIntStats) =>
              expect(ours).toMatchObject({ type: "File", size: 0n, mode: Number(theirs.mode) })
          : same
        compare(...(yield* looked(Aio.stat(path), () => fs.statSync(path, bigint))))
        compare(...(yield* looked(Aio.lstat(path), () => fs.lstatSync(path, bigint))))
        const fd = fs.openSync(path, 0o10000000 as number)
        compare(...(yield* looked(Aio.fstat(fd), () => fs.fstatSync(fd, bigint))))
        fs.closeSync(fd)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("sockets, by name and by descriptor", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "socket")
      const server = net.createServer().listen(path)
      yield* Effect.async<void>((resume) => void server.once("listening", () => resume(Effect.void)))
      same(yield* Aio.stat(path), fs.statSync(path, bigint))
      const fd = (server as unknown as { readonly _handle: { readonly fd: number } })._handle.fd
      expect((yield* Aio.fstat(fd)).type).toBe("Socket")
      yield* Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("lstat looks at the link, stat at what it points to", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      fs.writeFileSync(join(directory, "file"), "12345")
      fs.symlinkSync("file", join(directory, "link"))
      fs.symlinkSync("nowhere", join(directory, "dangling"))
      expect((yield* Aio.stat(join(directory, "link"))).size).toBe(5n)
      expect((yield* Aio.lstat(join(directory, "link"))).size).toBe(4n)
      expect((yield* Aio.lstat(join(directory, "dangling"))).type).toBe("SymbolicLink")
      expect(yield* Effect.flip(Aio.stat(join(directory, "dangling")))).toMatchObject({ code: "ENOENT" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("times are exact, before 1970 and after 2038 too", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, "")
      for (const [text, nanoseconds] of [
        ["1969-12-31T23:59:58.250000000Z", -1_750_000_000n],
        ["1970-01-01T00:00:00.000000001Z", 1n],
        ["2001-09-09T01:46:40.123456789Z", 1_000_000_000_123_456_789n],
        ["2100-01-01T00:00:00.999999999Z", 4_102_444_800_999_999_999n]
      ] as const) {
        execFileSync("touch", ["-m", "-d", text, path])
        execFileSync("touch", ["-a", "-d", text, path])
        const stat = yield* Aio.stat(path)
        expect([stat.mtimeNs, stat.atimeNs]).toEqual([nanoseconds, nanoseconds])
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a change is seen at once: size, links, mode, absence", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, "")
      for (let round = 1; round <= 20; round++) {
        fs.appendFileSync(path, "x")
        expect((yield* Aio.stat(path)).size).toBe(BigInt(round))
      }
      fs.linkSync(path, `${path}2`)
      expect((yield* Aio.stat(path)).nlink).toBe(2)
      fs.chmodSync(path, 0o4711)
      expect((yield* Aio.stat(path)).mode & 0o7777).toBe(0o4711)
      fs.unlinkSync(path)
      expect(yield* Effect.flip(Aio.stat(path))).toMatchObject({ code: "ENOENT", operation: "stat", path })
      fs.mkdirSync(path)
      expect((yield* Aio.stat(path)).type).toBe("Directory")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("sizes beyond 2^53 are exact", () =>
    Effect.gen(function* () {
      const path = join(yield* memoryDirectory, "file")
      fs.writeFileSync(path, "")
      yield* Aio.truncate(path, 9_007_199_254_740_993n)
      expect((yield* Aio.stat(path)).size).toBe(9_007_199_254_740_993n)
    }).pipe(Effect.provide(layer))
  )
})
