/** Open directories: what starts there, and what stays there. */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Aio, AioDirectory, type AioError, AioOperation } from "effect-aio"
import { backends, realBackends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { makeFifos } from "../../support/fifo.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { tiny } from "../../support/tinyFileSystem.ts"
import { descriptorOf, type World } from "../../support/world.ts"

const isRoot = process.getuid!() === 0
const bytes = (text: string) => new TextEncoder().encode(text)

/** How it ended, in a word. */
const wordOf = (use: Effect.Effect<unknown, AioError.AioFailure | AioError.AioUnavailable, Aio.Aio | Scope.Scope>) =>
  Effect.match(Effect.scoped(use), {
    onSuccess: () => "done",
    onFailure: (error) => (error._tag === "AioError" ? error.code : error._tag)
  })

describe.each(backends)("$name", ({ layer, real, world }) => {
  for (const beneath of [false, true]) {
    it.scopedLive(`every method starts there${beneath ? ", and stays there" : ""}`, () =>
      Effect.gen(function* () {
        const around = yield* world.directory
        yield* Aio.mkdir(join(around, "before"))
        const dir = yield* AioDirectory.open(join(around, "before"), { beneath })
        expect(dir.beneath).toBe(beneath)
        // Whatever its name is.
        yield* Aio.rename(join(around, "before"), join(around, "after"))
        const path = join(around, "after")
        yield* dir.mkdir("sub", { mode: 0o700 })
        expect((yield* world.facts(join(path, "sub"))).mode & 0o777).toBe(0o700)
        yield* Effect.scoped(
          Effect.flatMap(dir.open("sub/file", { flag: "wx", mode: 0o600 }), (file) =>
            file.writeAll(bytes("0123456789"))
          )
        )
        const about = yield* dir.stat("sub/file")
        expect(about).toMatchObject({ type: "File", size: 10n })
        yield* dir.symlink("file", "sub/link")
        expect(yield* dir.readlink("sub/link")).toBe("file")
        expect(yield* dir.stat("sub/link")).toMatchObject({ ino: about.ino })
        expect(yield* dir.lstat("sub/link")).toMatchObject({ type: "SymbolicLink" })
        expect(yield* Effect.flip(dir.readlink("sub/file"))).toMatchObject({ code: "EINVAL", path: "sub/file" })
        yield* dir.link("sub/link", "hard link")
        expect(yield* dir.lstat("hard link")).toMatchObject({ type: "SymbolicLink" })
        yield* dir.link("sub/link", "followed", { follow: true })
        expect(yield* dir.lstat("followed")).toMatchObject({ ino: about.ino })
        yield* dir.unlink("followed")
        yield* dir.chmod("sub/link", 0o640)
        yield* dir.truncate("sub/link", 4)
        expect((yield* world.facts(join(path, "sub/file"))).mode & 0o777).toBe(0o640)
        expect(Buffer.from(yield* dir.readFile("sub/link")).toString()).toBe("0123")
        yield* dir.utimes("sub/link", { mtimeNs: 5_000_000_000n })
        yield* dir.utimes("sub/link", { mtimeNs: 7_000_000_000n, follow: false })
        expect((yield* world.facts(join(path, "sub/file"))).mtimeNs).toBe(5_000_000_000n)
        expect((yield* world.facts(join(path, "sub/link"))).mtimeNs).toBe(7_000_000_000n)
        yield* dir.access("sub/link", { read: true })
        expect(yield* Effect.flip(dir.access("sub/link", { execute: true }))).toMatchObject({ code: "EACCES" })
        expect((yield* dir.statvfs("sub")).blocks).toBe((yield* Aio.statvfs(path)).blocks)
        if (!real || isRoot) {
          yield* dir.chown("sub/link", { uid: 12, gid: 34 })
          yield* dir.chown("sub/link", { uid: 56, follow: false })
          expect(yield* world.facts(join(path, "sub/file"))).toMatchObject({ uid: 12, gid: 34 })
          expect(yield* world.facts(join(path, "sub/link"))).toMatchObject({ uid: 56 })
        }
        yield* dir.setxattr("sub/link", "user.name", bytes("value"))
        expect(yield* dir.getxattr("sub/file", "user.name")).toEqual(bytes("value"))
        expect(yield* dir.listxattr("sub/link")).toContain("user.name")
        expect(yield* Effect.flip(dir.getxattr("sub/link", "user.name", { follow: false }))).toMatchObject({
          code: "ENODATA"
        })
        yield* dir.removexattr("sub/file", "user.name")
        yield* dir.writeFile("other", "other")
        yield* dir.rename("other", "sub/moved")
        const sub = yield* dir.openDirectory("sub")
        expect(sub.beneath).toBe(beneath)
        yield* dir.rename("hard link", "hard link", { toAt: sub })
        expect(yield* Effect.flip(sub.rename("moved", "file", { existing: "noReplace" }))).toMatchObject({
          code: "EEXIST"
        })
        expect((yield* dir.read()).map(({ name }) => name)).toEqual(["sub"])
        const names = ["file", "hard link", "link", "moved"]
        expect((yield* dir.read("sub")).map(({ name }) => name).sort()).toEqual(names)
        expect((yield* sub.read()).map(({ name }) => name).sort()).toEqual(names)
        yield* sub.sync
        for (const name of names) yield* sub.unlink(name)
        expect(yield* Effect.flip(dir.rmdir("missing"))).toMatchObject({ code: "ENOENT", path: "missing" })
        yield* dir.rmdir("sub")
        expect(yield* world.list(path)).toEqual([])
      }).pipe(Effect.provide(layer))
    )
  }

  it.scopedLive("operations take it as `at`, alone and several at once", () =>
    Effect.gen(function* () {
      const around = yield* world.directory
      yield* world.writeFile(join(around, "secret"), "")
      yield* Aio.mkdir(join(around, "in"))
      const at = yield* AioDirectory.open(join(around, "in"), { beneath: true })
      const [fd, stat] = yield* AioOperation.submitAll([
        AioOperation.open("new", { at, flag: "wx" }),
        AioOperation.stat(".", { at })
      ])
      yield* Aio.close(fd)
      expect(stat.type).toBe("Directory")
      const exits = yield* AioOperation.linked(
        [
          AioOperation.mkdir("made", { at }),
          AioOperation.stat("../secret", { at }),
          AioOperation.rmdir("made", { at })
        ],
        { mode: "exits" }
      )
      expect(exits[1]).toMatchObject({ cause: { error: { _tag: "AioOutside", operation: "stat", path: "../secret" } } })
      expect(yield* world.list(join(around, "in"))).toEqual(["made", "new"])
      const prepared = yield* AioOperation.prepare(AioOperation.lstat("new", { at }))
      expect((yield* prepared.run).type).toBe("File")
      // What has only one end in it.
      const out = Aio.rename("new", join(around, "taken"), { at })
      const error = yield* Effect.flip(out)
      expect(error).toMatchObject({ _tag: "AioOutside", path: "new", dest: join(around, "taken") })
      expect(error.message).toMatch(/^rename new -> .*taken: leads out/)
      const outer = yield* descriptorOf(around)
      yield* Aio.rename("new", "taken", { at, toAt: outer })
      yield* Aio.link("secret", "linked", { at: outer, toAt: at })
      expect(yield* Effect.flip(Aio.link("in/linked", "../out", { at: outer, toAt: at }))).toMatchObject({
        _tag: "AioOutside"
      })
      expect(yield* world.list(around)).toEqual(["in", "secret", "taken"])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a closed one is a wrong argument", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      for (const beneath of [false, true]) {
        const dir = yield* Effect.scoped(AioDirectory.open(directory, { beneath }))
        for (const use of [dir.mkdir("x"), dir.stat("x"), dir.read(), dir.readFile("x"), dir.writeFile("x", "")]) {
          expect(yield* Effect.flip(use)).toMatchObject({ _tag: "AioBadArgument", description: "it is closed" })
        }
        expect(yield* Effect.flip(Aio.stat("x", { at: dir }))).toMatchObject({ _tag: "AioBadArgument" })
      }
      expect(yield* Effect.flip(Effect.scoped(AioDirectory.open(join(directory, "none"))))).toMatchObject({
        code: "ENOENT"
      })
    }).pipe(Effect.provide(layer))
  )
})

/** Paths that stay, whatever they name, and those that leave: when followed to their end, or already on the way. */
const staying = [
  ...["", ".", "./", "d", "d/", "d/.", "d/..", "d/../file", "d//e", "d/e/", "file", "file/", "file/.", "file/x"],
  ...["in", "in/", "in/e", "toFile", "toFile/", "missing", "missing/", "missing/x", "loop", "loop/x", "self/d/e"],
  ...["n".repeat(256), `${"d/../".repeat(900)}file`, `${"./".repeat(2048)}file`]
]
const leavingAtTheEnd = ["up", "out", "absolute"]
const leavingOnTheWay = (inside: string) => [
  ...["..", "../", "d/../..", "../inside/file", "d/../../outside/secret", "up/inside/file", "up/..", "out/secret"],
  ...["absolute/file", "/", "//", join(inside, "file"), `/proc/self/cwd`]
]

const populate = (world: World, around: string) =>
  Effect.gen(function* () {
    const inside = join(around, "inside")
    yield* Aio.mkdir(inside)
    yield* Aio.mkdir(join(inside, "d"))
    yield* world.writeFile(join(inside, "file"), "inside")
    yield* world.writeFile(join(inside, "d/e"), "e")
    const links = { in: "d", toFile: "file", loop: "loop", self: ".", up: "..", out: "../outside", absolute: inside }
    for (const [name, target] of Object.entries(links)) yield* Aio.symlink(target, join(inside, name))
    return inside
  })

type Use = (path: string, at: Aio.AtOptions["at"]) => Effect.Effect<unknown, AioError.AioFailure, Aio.Aio>

const following: Record<string, Use> = {
  stat: (path, at) => Aio.stat(path, { at }),
  statx: (path, at) => Aio.statx(path, { at }),
  access: (path, at) => Aio.access(path, { at, read: true }),
  truncate: (path, at) => Aio.truncate(path, 6, { at }),
  chmod: (path, at) => Aio.chmod(path, 0o700, { at }),
  chown: (path, at) => Aio.chown(path, { at, uid: process.getuid!() }),
  utimes: (path, at) => Aio.utimes(path, { at, mtimeNs: 1n }),
  statvfs: (path, at) => Aio.statvfs(path, { at }),
  listxattr: (path, at) => Aio.listxattr(path, { at }),
  open: (path, at) => Effect.flatMap(Aio.open(path, { at }), Aio.close),
  link: (path, at) => Effect.zipRight(Aio.link(path, "linked", { at, follow: true }), Aio.unlink("linked", { at }))
}

const ofTheName: Record<string, Use> = {
  lstat: (path, at) => Aio.lstat(path, { at }),
  readlink: (path, at) => Aio.readlink(path, { at }),
  utimes: (path, at) => Aio.utimes(path, { at, mtimeNs: 1n, follow: false }),
  access: (path, at) => Aio.access(path, { at, read: true, follow: false }),
  chmod: (path, at) => Aio.chmod(path, 0o700, { at, follow: false })
}

/** They change what is there; the names with a slash behind them, which the kernel does not follow. */
const changing: Record<string, Use> = {
  mkdir: (path, at) => Aio.mkdir(path, { at }),
  symlink: (path, at) => Aio.symlink("target", path, { at }),
  mknod: (path, at) => Aio.mknod(path, "FIFO", { at }),
  "link to": (path, at) => Aio.link("file", path, { at }),
  "rename to": (path, at) => Aio.rename("file", path, { at }),
  "link from": (path, at) => Aio.link(path, "linked", { at }),
  "rename from": (path, at) => Aio.rename(path, "renamed", { at }),
  exchange: (path, at) => Aio.rename(path, "file", { at, existing: "exchange" }),
  unlink: (path, at) => Aio.unlink(path, { at }),
  rmdir: (path, at) => Aio.rmdir(path, { at }),
  create: (path, at) => Effect.flatMap(Aio.open(path, { at, flag: "wx" }), Aio.close)
}

// Each of them does the same with it: one of the system's is enough, and the mock.
const two = backends.filter(({ name }) => name === "threads" || name === "mock")

describe.each(two)(
  "$name: what stays is answered as anywhere else, and what leaves is AioOutside",
  ({ layer, world }) => {
    it.scopedLive("whatever the operation", () =>
      Effect.gen(function* () {
        const around = yield* world.directory
        yield* Aio.mkdir(join(around, "outside"))
        yield* world.writeFile(join(around, "outside/secret"), "secret")
        const inside = yield* populate(world, around)
        const on = leavingOnTheWay(inside)
        const plain = yield* descriptorOf(inside)
        const dir = yield* AioDirectory.open(inside, { beneath: true })
        for (const [uses, leaving] of [
          [following, [...on, ...leavingAtTheEnd]],
          [ofTheName, on]
        ] as const) {
          for (const [name, use] of Object.entries(uses)) {
            for (const path of leaving) {
              expect([name, path, yield* wordOf(use(path, dir))]).toEqual([name, path, "AioOutside"])
            }
            const rest = leavingAtTheEnd.filter((path) => !leaving.includes(path))
            for (const path of [...staying, ...rest]) {
              expect([name, path, yield* wordOf(use(path, dir))]).toEqual([name, path, yield* wordOf(use(path, plain))])
            }
          }
        }
        for (const path of leavingAtTheEnd) {
          for (const name of ["lstat", "readlink"]) {
            const slash = `${path}/`
            expect([name, slash, yield* wordOf(ofTheName[name](slash, dir))]).toEqual([name, slash, "AioOutside"])
          }
        }
        expect((yield* world.readFile(join(around, "outside/secret"))).toString()).toBe("secret")
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("whatever is changed", () =>
      Effect.gen(function* () {
        let made = 0
        const fresh = Effect.gen(function* () {
          const around = join(yield* world.directory, `${made++}`)
          yield* Aio.mkdir(around)
          yield* Aio.mkdir(join(around, "outside"))
          yield* world.writeFile(join(around, "outside/secret"), "secret")
          const inside = yield* populate(world, around)
          return { around, inside, dir: yield* AioDirectory.open(inside, { beneath: true }) }
        })
        const compare = (name: string, use: Use) =>
          Effect.gen(function* () {
            let [ours, theirs] = [yield* fresh, yield* fresh]
            const on = leavingOnTheWay(ours.inside)
            for (const path of on) {
              expect([name, path, yield* wordOf(use(path, ours.dir))]).toEqual([name, path, "AioOutside"])
            }
            for (const path of [...staying, ...leavingAtTheEnd, ...leavingAtTheEnd.map((path) => `${path}/`)]) {
              const plain = yield* descriptorOf(theirs.inside)
              const word = yield* wordOf(use(path, ours.dir))
              // The directory that it leads to is looked up, and would be refused.
              const isOutside =
                name === "link from" && path.endsWith("/") && leavingAtTheEnd.includes(path.slice(0, -1))
              const expected = isOutside ? "AioOutside" : yield* wordOf(use(path, plain))
              expect([name, path, word]).toEqual([name, path, expected])
              if (word !== "done") continue
              expect(yield* world.list(ours.inside)).toEqual(yield* world.list(theirs.inside))
              ours = yield* fresh
              theirs = yield* fresh
            }
            expect(yield* world.list(ours.around)).toEqual(["inside", "outside"])
            expect(yield* world.list(join(ours.around, "outside"))).toEqual(["secret"])
          })
        for (const [name, use] of Object.entries(changing)) yield* Effect.scoped(compare(name, use))
      }).pipe(Effect.provide(layer))
    )
  }
)

/** With and without a try on the spot, of which there is none. */
const mechanisms = realBackends.filter(({ mechanism, name }) => name === mechanism)

describe.each(mechanisms)("$name: what another process does", ({ layer }) => {
  /** Swaps a directory and a link to one outside, without end. */
  const swap = `
    const { renameSync, rmSync, writeSync } = require("node:fs")
    process.stdin.on("end", () => process.exit()).resume()
    const round = () => {
      for (let i = 0; i < 50; i++) {
        renameSync("place", "hold"); renameSync("evil", "place"); renameSync("place", "evil"); renameSync("hold", "place")
        renameSync("moving", "moved"); renameSync("moved", "moving")
      }
      setImmediate(round)
    }
    round()
    writeSync(1, "!")`

  const ROUNDS = 30

  it.scopedLive("links that come and go lead nowhere else", () =>
    Effect.gen(function* () {
      const around = yield* temporaryDirectory
      for (const path of ["inside", "inside/place", "inside/moving", "inside/moving/deep", "outside"]) {
        fs.mkdirSync(join(around, path))
      }
      const inside = join(around, "inside")
      for (const place of ["inside/place", "outside"]) {
        fs.writeFileSync(join(around, place, "which"), place)
        fs.writeFileSync(join(around, place, "mode"), "", { mode: 0o600 })
      }
      fs.writeFileSync(join(around, "outside/victim"), "")
      fs.symlinkSync("../outside", join(inside, "evil"))
      const before = fs.statSync(join(around, "outside/mode"))
      const dir = yield* AioDirectory.open(inside, { beneath: true })
      const child = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(process.execPath, ["-e", swap], { cwd: inside, stdio: ["pipe", "pipe", "inherit"] })),
        (process) =>
          Effect.async<void>((resume) => {
            process.on("exit", () => resume(Effect.void))
            process.stdin.end()
          })
      )
      yield* Effect.async<void>((resume) => void child.stdout.once("data", () => resume(Effect.void)))
      const seen = new Set<string>()
      const fails = (use: Effect.Effect<unknown, AioError.AioFailure, Aio.Aio>) =>
        Effect.map(wordOf(use), (word) => void seen.add(word))
      // Until the link has been met; of so many rounds more than half meet it.
      for (let i = 0; i < ROUNDS || (!seen.has("AioOutside") && i < 100 * ROUNDS); i++) {
        const read = Effect.map(dir.readFile("place/which"), (content) =>
          expect(Buffer.from(content).toString()).toBe("inside/place")
        )
        yield* Effect.all(
          [
            read,
            dir.writeFile("place/new", "new"),
            dir.mkdir(`place/${i}`),
            dir.unlink("place/victim"),
            dir.chmod("place/mode", 0o640),
            dir.truncate("place/which", 12),
            dir.rename("place/mode", "place/../place/mode"),
            dir.link("place/which", `moving/deep/../${i}`),
            dir.stat("moving/deep/../deep/..")
          ].map(fails),
          { concurrency: "unbounded" }
        )
      }
      // What is met depends on the moment, and may be a name that is not there.
      const expected = ["done", "AioOutside", "ENOENT", "ENOTDIR", "EEXIST", "EAGAIN", "ELOOP"]
      expect([...seen].filter((word) => !expected.includes(word))).toEqual([])
      expect([seen.has("done"), seen.has("AioOutside")]).toEqual([true, true])
      expect(fs.readdirSync(join(around, "outside")).sort()).toEqual(["mode", "victim", "which"])
      expect(fs.readFileSync(join(around, "outside/which"), "utf8")).toBe("outside")
      expect(fs.statSync(join(around, "outside/mode"))).toMatchObject({ mode: before.mode, mtimeMs: before.mtimeMs })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("links of procfs and mounts are no way out", () =>
    Effect.gen(function* () {
      const proc = yield* AioDirectory.open("/proc/self", { beneath: true })
      for (const path of ["root", "root/etc/passwd", "cwd", "fd/0", "fd/0/x", "exe"]) {
        for (const use of [proc.stat(path), Effect.scoped(proc.open(path)), proc.chmod(path, 0o777)]) {
          expect([path, yield* wordOf(use)]).toEqual([path, "AioOutside"])
        }
      }
      expect((yield* proc.lstat("root")).type).toBe("SymbolicLink")
      expect(yield* proc.readlink("root")).toBe("/")
      expect((yield* proc.readFile("comm")).length).toBeGreaterThan(0)
      const mounted = yield* tiny
      if (mounted === undefined) return
      const dir = yield* AioDirectory.open(join(mounted, ".."), { beneath: true })
      const name = mounted.slice(mounted.lastIndexOf("/") + 1)
      fs.writeFileSync(join(mounted, "file"), "")
      const uses = [
        dir.stat(name),
        dir.lstat(name),
        dir.stat(`${name}/file`),
        dir.unlink(`${name}/file`),
        dir.read(name)
      ]
      for (const use of uses) expect(yield* wordOf(use)).toBe("AioOutside")
      expect(fs.readdirSync(mounted)).toEqual(["file"])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("its Scope ends what uses it, and interruption leaves nothing open", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      makeFifos(directory, 1)
      const [fifo] = fs.readdirSync(directory)
      for (const beneath of [false, true]) {
        const scope = yield* Scope.make()
        const dir = yield* Scope.extend(AioDirectory.open(directory, { beneath }), scope)
        const opening = yield* Effect.fork(Aio.open(fifo, { at: dir }))
        yield* statsReach(({ executing, ready }) => executing > 0 && ready === 0)
        yield* Scope.close(scope, Exit.void)
        expect(yield* Effect.flip(Fiber.join(opening))).toMatchObject({ code: "ECANCELED" })
        yield* statsReach(({ executing }) => executing === 0)
      }
      const dir = yield* AioDirectory.open(directory, { beneath: true })
      yield* dir.writeFile("file", "content")
      yield* dir.stat("file")
      const targetOf = (fd: string) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`)
        } catch {
          return ""
        }
      }
      const opened = () => fs.readdirSync("/proc/self/fd").filter((fd) => targetOf(fd).startsWith(directory)).length
      for (let i = 0; i < 60; i++) {
        const fiber = yield* Effect.fork(
          Effect.all([dir.chmod("file", 0o600), dir.stat("file"), dir.rename("file", "file"), dir.readFile("file")], {
            concurrency: "unbounded"
          })
        )
        for (let turns = i % 5; turns > 0; turns--) yield* Effect.sleep(0)
        yield* Fiber.interrupt(fiber)
      }
      // The directory itself.
      expect(opened()).toBe(1)
    }).pipe(Effect.provide(layer))
  )
})
