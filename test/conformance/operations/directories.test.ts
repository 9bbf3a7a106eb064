/** Open directories: what starts there, and what stays there. */
import { spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Aio, AioDirectory, type AioError, AioOperation } from "effect-aio"
import { memoryDirectory } from "../../fixtures/memoryDirectory.ts"
import { backends, realBackends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { makeFifos } from "../../support/fifo.ts"
import { changing, following, ofTheName, pathUses, type Use, writing } from "../../support/pathUses.ts"
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
        const resolved = String(yield* Aio.realpath(path))
        const told = [yield* dir.realpath(), yield* dir.realpath("./sub/link")]
        expect(told).toEqual([resolved, join(resolved, "sub/file")])
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
        yield* dir.symlink("../other", "sub/to other")
        yield* dir.writeAtomic("sub/to other", "replaced", { preserve: true })
        expect((yield* dir.lstat("sub/to other")).type).toBe("SymbolicLink")
        expect(Buffer.from(yield* dir.readFile("other")).toString()).toBe("replaced")
        yield* dir.unlink("sub/to other")
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
            // Where paths may leave, a walk finds what is at the end of one that is too long for a kernel.
            const known = name === "Aio.realpath" ? staying.filter(({ length }) => length < 4096) : staying
            for (const path of [...known, ...rest]) {
              expect([name, path, yield* wordOf(use(path, dir))]).toEqual([name, path, yield* wordOf(use(path, plain))])
            }
          }
        }
        for (const path of leavingAtTheEnd) {
          for (const name of ["Aio.lstat", "Aio.readlink"]) {
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
        const compare = (name: string, use: Use, alsoLeaving: ReadonlyArray<string> = []) =>
          Effect.gen(function* () {
            let [ours, theirs] = [yield* fresh, yield* fresh]
            const on = [...leavingOnTheWay(ours.inside), ...alsoLeaving]
            for (const path of on) {
              expect([name, path, yield* wordOf(use(path, ours.dir))]).toEqual([name, path, "AioOutside"])
            }
            const withSlashes = leavingAtTheEnd.map((path) => `${path}/`)
            const rest = alsoLeaving.length === 0 ? [...leavingAtTheEnd, ...withSlashes] : []
            for (const path of [...staying, ...rest]) {
              const plain = yield* descriptorOf(theirs.inside)
              const word = yield* wordOf(use(path, ours.dir))
              // The directory that it leads to is looked up, and would be refused.
              const isOutside =
                name === "Aio.link, from" && path.endsWith("/") && leavingAtTheEnd.includes(path.slice(0, -1))
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
        for (const [name, use] of Object.entries(writing)) yield* Effect.scoped(compare(name, use, leavingAtTheEnd))
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
      const around = yield* memoryDirectory
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
      fs.writeFileSync(join(inside, "file"), "")
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
      const fails = (use: ReturnType<Use>) => Effect.map(wordOf(use), (word) => void seen.add(word))
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
      // Everything else that takes a path: on what is there, on what is not, and on what is there outside alone.
      const all: ReadonlyArray<readonly [typeof pathUses, ReadonlyArray<string>]> = [
        [{ ...following, ...ofTheName }, ["place/which", "place/none", "place/victim"]],
        [writing, ["place/which", "place/victim"]],
        [changing, ["place/made", "place/victim"]]
      ]
      for (const [uses, paths] of all) {
        for (const [name, use] of Object.entries(uses)) {
          // Nothing that a later one would wait for.
          for (const path of paths) yield* fails(use(name === "Aio.mknod" ? `${path} FIFO` : path, dir))
        }
      }
      // What is met depends on the moment, and may be a name that is not there.
      const words = "done AioOutside ENOENT ENOTDIR EISDIR EEXIST EAGAIN ELOOP EINVAL ENODATA EPERM EOPNOTSUPP"
      const expected = words.split(" ")
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

  it.scopedLive("nor is any use of a path", () =>
    Effect.gen(function* () {
      const around = yield* temporaryDirectory
      for (const path of ["inside", "inside/bound", "outside"]) fs.mkdirSync(join(around, path))
      const [inside, outside] = [join(around, "inside"), join(around, "outside")]
      for (const path of [inside, outside]) fs.writeFileSync(join(path, "file"), "content")
      const leads = (path: string, at: AioDirectory.AioDirectory) =>
        Effect.gen(function* () {
          for (const [name, use] of Object.entries(pathUses)) {
            expect([name, path, yield* wordOf(use(path, at))]).toEqual([name, path, "AioOutside"])
          }
          expect(fs.readdirSync(outside)).toEqual(["file"])
          expect(fs.readFileSync(join(outside, "file"), "utf8")).toBe("content")
        })
      const proc = yield* AioDirectory.open("/proc/self", { beneath: true })
      yield* leads(`fd/${yield* descriptorOf(outside)}/file`, proc)
      const dir = yield* AioDirectory.open(inside, { beneath: true })
      const bound = join(inside, "bound")
      const isMounted = yield* Effect.acquireRelease(
        Effect.sync(() => isRoot && spawnSync("mount", ["--bind", outside, bound]).status === 0),
        (isMounted) => Effect.sync(() => void (isMounted && spawnSync("umount", ["--lazy", bound])))
      )
      // Of the same file system.
      if (isMounted) yield* leads("bound/file", dir)
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
