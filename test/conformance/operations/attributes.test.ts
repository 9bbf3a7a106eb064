/** access, chmod, chown, utimes, and the same of what is open. */
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"
import { isRoot } from "../../fixtures/child.ts"
import { memoryDirectory } from "../../fixtures/memoryDirectory.ts"
import { backends, realBackends } from "../../support/backends.ts"
import { descriptorOf, type World } from "../../support/world.ts"

/** A file, a link to it, a link to nothing, and a name that nothing has. */
const place = (world: World) =>
  Effect.gen(function* () {
    const directory = yield* world.directory
    const [file, link, dangling, absent] = ["file", "link", "dangling", "absent"].map((name) => join(directory, name))
    yield* world.writeFile(file, "content")
    yield* Aio.symlink("file", link)
    yield* Aio.symlink("nowhere", dangling)
    return { directory, file, link, dangling, absent }
  })

/** Names that cannot be used, and why: for every operation on a name. */
const unusable = ({ absent, dangling, directory, file }: Effect.Effect.Success<ReturnType<typeof place>>) =>
  [
    [absent, "ENOENT"],
    [dangling, "ENOENT"],
    ["", "ENOENT"],
    [join(file, "below"), "ENOTDIR"],
    [`${file}/`, "ENOTDIR"],
    [join(directory, "n".repeat(256)), "ENAMETOOLONG"]
  ] as const

const SECOND = 1_000_000_000n
const O_PATH = 0o10000000

describe.each(backends)("$name: attributes", ({ layer, world }) => {
  it.scopedLive("whatever is asked of a name that is none, the answer says so", () =>
    Effect.gen(function* () {
      const names = yield* place(world)
      for (const [path, code] of unusable(names)) {
        const uses = {
          access: Aio.access(path, { effective: true }),
          chmod: Aio.chmod(path, 0o600),
          chown: Aio.chown(path, {}),
          utimes: Aio.utimes(path, { mtimeNs: 1n })
        }
        for (const [operation, use] of Object.entries(uses)) {
          expect(yield* Effect.flip(use)).toMatchObject({ _tag: "AioError", operation, code, path })
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("access: what exists may be asked for anything", () =>
    Effect.gen(function* () {
      const { directory, file, link } = yield* place(world)
      yield* Aio.access(file)
      yield* Aio.access(link, {})
      yield* Aio.access(file, { read: true })
      yield* Aio.access(Buffer.from(file), { read: true, write: true })
      yield* Aio.access(directory, { read: true, write: true, execute: true })
      // Nobody may execute what has no such bit, root neither.
      expect(yield* Effect.flip(Aio.access(file, { execute: true }))).toMatchObject({ code: "EACCES" })
      expect(yield* Effect.flip(Aio.access(file, { read: true, execute: true }))).toMatchObject({ code: "EACCES" })
      yield* Aio.access(file, { execute: false })
      yield* Aio.chmod(file, 0o700)
      yield* Aio.access(file, { read: true, write: true, execute: true })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("chmod: all twelve bits, of what a link points to", () =>
    Effect.gen(function* () {
      const { directory, file, link } = yield* place(world)
      for (const mode of [0, 0o777, 0o4755, 0o2711, 0o644]) {
        yield* Aio.chmod(file, mode)
        expect((yield* world.facts(file)).mode).toBe(0o100000 | mode)
      }
      yield* Aio.chmod(link, 0o600)
      expect((yield* world.facts(file)).mode).toBe(0o100600)
      expect((yield* world.facts(link)).mode).toBe(0o120777)
      // What is above them is not the caller's to set.
      yield* Aio.chmod(file, 0o120644)
      expect((yield* world.facts(file)).mode).toBe(0o100644)
      yield* Aio.chmod(directory, 0o1777)
      expect((yield* world.facts(directory)).mode).toBe(0o41777)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("utimes: what is given, exact to the nanosecond, before 1970 too", () =>
    Effect.gen(function* () {
      const { directory, file } = yield* place(world)
      for (const time of [
        0n,
        1n,
        -1n,
        -SECOND,
        -SECOND - 1n,
        -1_750_000_000n,
        999_999_999n,
        SECOND,
        1_000_000_000_123_456_789n,
        // Beyond 32 bits of seconds.
        4_102_444_800_999_999_999n,
        -2_000_000_000_123_456_789n
      ]) {
        for (const path of [file, directory]) {
          yield* Aio.utimes(path, { atimeNs: time, mtimeNs: time + 5n })
          expect(yield* world.facts(path)).toMatchObject({ atimeNs: time, mtimeNs: time + 5n })
          const stat = yield* Aio.stat(path)
          expect([stat.atimeNs, stat.mtimeNs]).toEqual([time, time + 5n])
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive('utimes: what is left out stays, "now" is now', () =>
    Effect.gen(function* () {
      const { absent, file } = yield* place(world)
      // A file's clock is that of the kernel's last tick.
      const start = BigInt(Date.now()) * 1_000_000n - SECOND
      yield* Aio.utimes(file, { atimeNs: 5n, mtimeNs: 6n })
      yield* Aio.utimes(file, { atimeNs: 7n })
      expect(yield* world.facts(file)).toMatchObject({ atimeNs: 7n, mtimeNs: 6n })
      yield* Aio.utimes(file, { mtimeNs: 8n, atimeNs: undefined })
      expect(yield* world.facts(file)).toMatchObject({ atimeNs: 7n, mtimeNs: 8n })
      yield* Aio.utimes(file, { mtimeNs: "now" })
      const { atimeNs, mtimeNs } = yield* world.facts(file)
      expect([atimeNs, mtimeNs > start, mtimeNs < start + 3600n * SECOND]).toEqual([7n, true, true])
      yield* Aio.utimes(file, { atimeNs: "now", mtimeNs: 9n })
      expect((yield* world.facts(file)).atimeNs > start).toBe(true)
      expect((yield* world.facts(file)).mtimeNs).toBe(9n)
      yield* Aio.utimes(file, { atimeNs: 1n, mtimeNs: 2n })
      yield* Aio.utimes(file, {})
      expect(yield* world.facts(file)).toMatchObject({ atimeNs: 1n, mtimeNs: 2n })
      // utimensat(2) does not even look at the name then.
      yield* Aio.utimes(absent, {})
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("utimes: a link or what it points to", () =>
    Effect.gen(function* () {
      const { dangling, file, link } = yield* place(world)
      yield* Aio.utimes(file, { atimeNs: 1n, mtimeNs: 1n })
      yield* Aio.utimes(link, { atimeNs: 2n, mtimeNs: 2n, follow: false })
      yield* Aio.utimes(dangling, { atimeNs: 3n, mtimeNs: 3n, follow: false })
      expect((yield* world.facts(file)).mtimeNs).toBe(1n)
      expect((yield* world.facts(link)).mtimeNs).toBe(2n)
      expect((yield* world.facts(dangling)).mtimeNs).toBe(3n)
      yield* Aio.utimes(link, { mtimeNs: 4n, follow: true })
      expect((yield* world.facts(file)).mtimeNs).toBe(4n)
      expect((yield* world.facts(link)).mtimeNs).toBe(2n)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what does not follow a link asks and changes the link, or is refused", () =>
    Effect.gen(function* () {
      const { dangling, file, link } = yield* place(world)
      yield* Aio.access(dangling, { follow: false })
      yield* Aio.access(link, { follow: false, read: true, effective: true })
      yield* Aio.chmod(file, 0o640)
      // Linux 6.6 has the call.
      const plain = yield* Effect.either(Aio.chmod(file, 0o600, { follow: false }))
      const ofLink = yield* Effect.flip(Aio.chmod(link, 0o600, { follow: false }))
      expect(ofLink).toMatchObject({ operation: "chmod", code: plain._tag === "Right" ? "EOPNOTSUPP" : "ENOSYS" })
      expect((yield* world.facts(file)).mode & 0o7777).toBe(plain._tag === "Right" ? 0o600 : 0o640)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("of what is open: the same as of its name, also when the name is gone", () =>
    Effect.gen(function* () {
      const { directory, file } = yield* place(world)
      for (const path of [file, directory]) {
        const fd = yield* descriptorOf(path)
        yield* Aio.fchmod(fd, 0o750)
        yield* Aio.futimes(fd, { atimeNs: 7n, mtimeNs: -1n })
        yield* Aio.fchown(fd, { uid: process.getuid!(), gid: process.getgid!() })
        expect(yield* world.facts(path)).toMatchObject({ atimeNs: 7n, mtimeNs: -1n })
        expect((yield* world.facts(path)).mode & 0o7777).toBe(0o750)
      }
      yield* AioFile.withFile(file, (open) =>
        Effect.gen(function* () {
          yield* Aio.unlink(file)
          yield* Aio.fchmod(open, 0o4711)
          yield* Aio.futimes(open, { mtimeNs: 9n })
          yield* Aio.futimes(open, {})
          expect(yield* open.stat).toMatchObject({ mode: 0o104711, mtimeNs: 9n, nlink: 0 })
        })
      )
      const named = yield* descriptorOf(directory, O_PATH)
      for (const fd of [named, 1_000_000]) {
        expect(yield* Effect.flip(Aio.fchmod(fd, 0o600))).toMatchObject({ operation: "fchmod", code: "EBADF", fd })
        expect(yield* Effect.flip(Aio.fchown(fd, {}))).toMatchObject({ operation: "fchown", code: "EBADF", fd })
        expect(yield* Effect.flip(Aio.futimes(fd, { mtimeNs: 1n }))).toMatchObject({
          operation: "futimes",
          code: "EBADF"
        })
      }
      const wrong = yield* Effect.flip(Aio.fchmod(named, -1))
      expect(wrong).toMatchObject({ _tag: "AioBadArgument", operation: "fchmod", argument: "mode" })
      expect(yield* Effect.flip(Aio.fchown(named, { gid: 1.5 }))).toMatchObject({ argument: "gid" })
      expect(yield* Effect.flip(Aio.futimes(named, { atimeNs: 1 as never }))).toMatchObject({ argument: "atimeNs" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("chown: nothing to change is nothing changed", () =>
    Effect.gen(function* () {
      const { file, link } = yield* place(world)
      const { gid, uid } = yield* world.facts(file)
      yield* Aio.chown(file, {})
      yield* Aio.chown(file, { uid, gid })
      yield* Aio.chown(link, { uid, follow: false })
      expect(yield* world.facts(file)).toMatchObject({ uid, gid })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("many at once do not mix: each has its own times and its own path", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const paths = Array.from({ length: 100 }, (_, i) => join(directory, `${i}`.padEnd(i % 2 === 0 ? 5 : 240, "p")))
      for (const path of paths) yield* world.writeFile(path, "")
      const times = (index: number) => ({ atimeNs: BigInt(index) * SECOND - 7n, mtimeNs: BigInt(-index) })
      yield* Effect.forEach(paths, (path, index) => Aio.utimes(path, times(index)), { concurrency: "unbounded" })
      yield* Effect.forEach(paths, (path, index) => Aio.chmod(path, 0o400 + index), { concurrency: "unbounded" })
      for (const [index, path] of paths.entries()) {
        expect(yield* world.facts(path)).toMatchObject({ ...times(index), mode: 0o100400 + index })
      }
    }).pipe(Effect.provide(layer))
  )
})

describe.skipIf(!isRoot).each(realBackends)("$name: attributes that only root may set", ({ layer, world }) => {
  it.scopedLive("chown: either, both, of a link or of what it points to", () =>
    Effect.gen(function* () {
      const { file, link } = yield* place(world)
      yield* Aio.chown(file, { uid: 1234 })
      expect(yield* world.facts(file)).toMatchObject({ uid: 1234, gid: process.getgid!() })
      yield* Aio.chown(file, { gid: 4321 })
      expect(yield* world.facts(file)).toMatchObject({ uid: 1234, gid: 4321 })
      yield* Aio.chown(link, { uid: 5, gid: 6, follow: false })
      expect(yield* world.facts(link)).toMatchObject({ uid: 5, gid: 6 })
      expect(yield* world.facts(file)).toMatchObject({ uid: 1234, gid: 4321 })
      yield* Aio.chown(link, { uid: 0xfffffffe, gid: 0 })
      expect(yield* world.facts(file)).toMatchObject({ uid: 0xfffffffe, gid: 0 })
      // Whoever owns it now did not ask for a program that runs as him.
      yield* Aio.chmod(file, 0o4755)
      yield* Aio.chown(file, { uid: 7 })
      expect((yield* world.facts(file)).mode).toBe(0o100755)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("fchown: either, both, and the bits that must not come along", () =>
    Effect.gen(function* () {
      const { file } = yield* place(world)
      const fd = yield* descriptorOf(file)
      yield* Aio.fchown(fd, { uid: 1234 })
      expect(yield* world.facts(file)).toMatchObject({ uid: 1234, gid: process.getgid!() })
      yield* Aio.fchmod(fd, 0o4755)
      yield* Aio.fchown(fd, { gid: 4321 })
      expect(yield* world.facts(file)).toMatchObject({ uid: 1234, gid: 4321, mode: 0o100755 })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("access: of the real user, or of the one in force", () =>
    Effect.gen(function* () {
      const { directory, file } = yield* place(world)
      yield* Aio.chmod(directory, 0o711)
      yield* Aio.chmod(file, 0o600)
      // glibc tells running threads, too.
      yield* Effect.acquireRelease(
        Effect.sync(() => process.seteuid!(65_534)),
        () => Effect.sync(() => process.seteuid!(0))
      )
      const asked = { read: true, effective: true }
      yield* Aio.access(file, { read: true })
      yield* Aio.access(file, { effective: true })
      expect(yield* Effect.flip(Aio.access(file, asked))).toMatchObject({ operation: "access", code: "EACCES" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what the file system refuses", () =>
    Effect.gen(function* () {
      const path = "/proc/self/maps"
      expect(yield* Effect.flip(Aio.chmod(path, 0o777))).toMatchObject({ operation: "chmod", code: "EPERM", path })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("times that only some file systems can keep are cut to what they can", () =>
    Effect.gen(function* () {
      const path = join(yield* memoryDirectory, "file")
      fs.writeFileSync(path, "")
      for (const seconds of [2n ** 40n, -(2n ** 40n)]) {
        yield* Aio.utimes(path, { mtimeNs: seconds * SECOND + 3n })
        expect((yield* Aio.stat(path)).mtimeNs).toBe(seconds * SECOND + 3n)
      }
      // The last second that 64 bits can name, and what is beyond it.
      yield* Aio.utimes(path, { mtimeNs: (2n ** 63n - 1n) * SECOND, atimeNs: -(2n ** 63n) * SECOND })
      const beyond = yield* Effect.flip(Aio.utimes(path, { mtimeNs: 2n ** 63n * SECOND }))
      expect(beyond).toMatchObject({ _tag: "AioBadArgument", argument: "mtimeNs" })
    }).pipe(Effect.provide(layer))
  )
})
