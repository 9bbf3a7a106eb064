/** The main job, as a process of its own: `examples/manifest.ts` on trees with everything in them that a tree may have. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Schedule, Stream } from "effect"
import { vi } from "vitest"
import { realBackends as backends } from "./support/backends.ts"
import { builtFrom, project } from "./support/build.ts"
import { temporaryDirectory } from "./support/temporaryDirectory.ts"

// Processes that start, and start again, on a machine that may be slow: that they end is all that matters.
vi.setConfig({ testTimeout: 240_000 })

const program = builtFrom("examples/manifest.ts")
const names = [...new Set(backends.map(({ mechanism }) => mechanism))]

// The example imports the built package, which a fresh clone has not got and a changed one has not got yet.
beforeAll(() => {
  execFileSync("npm", ["run", "--silent", "build"], { cwd: project, stdio: "inherit" })
}, 300_000)

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  /** In front of `node`: a program that changes what the process may do. */
  readonly through?: ReadonlyArray<string>
  /** Is told the child as soon as it has been started. */
  readonly meanwhile?: (child: ChildProcess) => Effect.Effect<void>
}

/** Runs the program in `directory` to its end. */
const manifest = (directory: string, args: ReadonlyArray<string>, { meanwhile, through = [] }: RunOptions = {}) =>
  Effect.gen(function* () {
    const [command, ...rest] = [...through, process.execPath, program, ...args]
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(command, rest, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const text = (stream: AsyncIterable<Buffer>) =>
      Stream.fromAsyncIterable(stream, (error) => error as Error).pipe(Stream.decodeText(), Stream.mkString)
    const exited = Effect.async<Pick<Ended, "code" | "signal">>((resume) => {
      child.once("exit", (code, signal) => resume(Effect.succeed({ code, signal })))
    })
    const { end, stderr, stdout } = yield* Effect.all(
      {
        end: exited,
        stdout: text(child.stdout),
        stderr: text(child.stderr),
        meanwhile: meanwhile?.(child) ?? Effect.void
      },
      { concurrency: "unbounded" }
    )
    const ended: Ended = { ...end, stderr, stdout }
    return ended
  }).pipe(Effect.scoped)

/** `tree` in a directory of the test's own, with every kind of name and file. */
const oddTree = Effect.tap(temporaryDirectory, (directory) =>
  Effect.sync(() => {
    const tree = join(directory, "tree")
    const raw = (...parts: ReadonlyArray<string>) => Buffer.from(join(tree, ...parts), "latin1")
    for (const path of ["", "deep", "deep/er", "empty directory"]) fs.mkdirSync(join(tree, path))
    fs.mkdirSync(raw("not utf-8 \xff"))
    fs.writeFileSync(raw("not utf-8 \xff", "nor this \xe9"), "bytes below bytes")
    fs.writeFileSync(raw("not utf-8 \xff", "this is"), "a string below bytes")
    fs.writeFileSync(raw("bytes \xfe"), "bytes below a string")
    fs.writeFileSync(join(tree, "with spaces  "), "spaces")
    fs.writeFileSync(join(tree, "two\nlines"), "newline")
    fs.writeFileSync(join(tree, "back\\slash\\n"), "backslash")
    fs.writeFileSync(join(tree, "deep", "é😀"), "UTF-8")
    fs.writeFileSync(join(tree, "deep", "\ue000"), "UTF-8, sorted otherwise in UTF-16")
    fs.writeFileSync(join(tree, "empty"), "")
    fs.writeFileSync(join(tree, "deep", "er", "big"), Buffer.alloc(3_000_001, "several reads"))
    fs.symlinkSync("with spaces  ", join(tree, "link"))
    fs.symlinkSync("..", join(tree, "deep", "loop"))
    execFileSync("mkfifo", [join(tree, "fifo")])
  })
)

const FILES = 10
const theirs = "find tree -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"

describe.each(names)("manifest on %s", (backend) => {
  it.scopedLive("writes what sha256sum writes, names of every kind included", () =>
    Effect.gen(function* () {
      const directory = yield* oddTree
      const { code, stderr, stdout } = yield* manifest(directory, ["tree", "--manifest", "sums", "--backend", backend])
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
      expect(stdout).toMatch(new RegExp(`^backend +${backend}$`, "m"))
      expect(stdout).toMatch(
        new RegExp(`^files +${FILES} \\(skipped: (2 SymbolicLink, 1 FIFO|1 FIFO, 2 SymbolicLink)\\)$`, "m")
      )
      expect(stdout).toMatch(/^latency +p50 [\d.]+ ms, p99 [\d.]+ ms$/m)
      const expected = execFileSync("sh", ["-c", theirs], { cwd: directory })
      expect(fs.readFileSync(join(directory, "sums")).toString("latin1")).toBe(expected.toString("latin1"))
      execFileSync("sha256sum", ["--check", "--strict", "--quiet", "sums"], { cwd: directory })
    })
  )

  it.scopedLive("reports what it cannot read, goes on, and ends with 1", () =>
    Effect.gen(function* () {
      const directory = yield* oddTree
      fs.chmodSync(join(directory, "tree", "with spaces  "), 0)
      fs.chmodSync(join(directory, "tree", "deep", "er"), 0)
      const { code, stderr } = yield* manifest(directory, ["tree", "--manifest", "sums", "--backend", backend], {
        through: withoutPrivilege
      })
      expect(code).toBe(1)
      expect(stderr.split("\n").sort()).toEqual([
        "",
        "2 of the tree's files and directories could not be read",
        "open tree/with spaces  : permission denied (EACCES)",
        "readdir tree/deep/er: permission denied (EACCES)"
      ])
      const lines = fs.readFileSync(join(directory, "sums"), "latin1").trimEnd().split("\n")
      expect(lines).toHaveLength(FILES - 2)
      execFileSync("sha256sum", ["--check", "--strict", "--quiet", "sums"], { cwd: directory })
    })
  )

  it.scopedLive("ends on SIGINT with 130, the summary so far, and no half of a manifest", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const tree = join(directory, "tree")
      fs.mkdirSync(tree)
      // Holes: nothing on the disk, and many seconds of hashing.
      for (let i = 0; i < 64; i++) {
        fs.writeFileSync(join(tree, `${i}`), "")
        fs.truncateSync(join(tree, `${i}`), 1 << 30)
      }
      const { code, signal, stderr, stdout } = yield* manifest(
        directory,
        ["tree", "--manifest", "sums", "--backend", backend],
        { meanwhile: (child) => interruptWhileReading(child, tree) }
      )
      expect({ code, signal, stderr }).toEqual({ code: 130, signal: null, stderr: "" })
      expect(stdout).toMatch(/^interrupted/)
      expect(stdout).toMatch(/^latency +p50/m)
      expect(fs.readdirSync(directory)).toEqual(["tree"])
    })
  )
})

/** Root reads everything, unless it gives up the capabilities that let it. */
const withoutPrivilege =
  process.getuid?.() === 0 ? ["setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search"] : []

/** Sends SIGINT once a file of the tree is open. */
const interruptWhileReading = (child: ChildProcess, tree: string) =>
  Effect.sync(() => {
    const descriptors = `/proc/${child.pid}/fd`
    return fs.readdirSync(descriptors).some((fd) => {
      try {
        return fs.readlinkSync(join(descriptors, fd)).startsWith(`${tree}/`)
      } catch {
        return false // closed meanwhile
      }
    })
  }).pipe(
    Effect.repeat({ until: (reading) => reading, schedule: Schedule.spaced("10 millis") }),
    Effect.zipRight(Effect.sync(() => child.kill("SIGINT")))
  )

describe("manifest", () => {
  it.scopedLive("leaves its own manifest out", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      fs.writeFileSync(join(directory, "file"), "content")
      for (const run of ["new", "replaced"]) {
        const { code } = yield* manifest(directory, [".", "--manifest", "sums"])
        expect({ run, code }).toEqual({ run, code: 0 })
        expect(fs.readFileSync(join(directory, "sums"), "utf8")).toMatch(/^[0-9a-f]{64} {2}\.\/file\n$/)
      }
    })
  )

  it.scopedLive("takes a single file for a tree", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      fs.writeFileSync(join(directory, "file"), "content")
      const { code } = yield* manifest(directory, ["file", "--manifest", "sums", "--concurrency", "3"])
      expect(code).toBe(0)
      execFileSync("sha256sum", ["--check", "--strict", "--quiet", "sums"], { cwd: directory })
    })
  )

  const refused: ReadonlyArray<readonly [what: string, args: ReadonlyArray<string>, message: RegExp]> = [
    ["a tree that does not exist", ["missing"], /^stat missing: no such file or directory \(ENOENT\)\n$/],
    ["a manifest that cannot be written", [".", "--manifest", "no/where"], /ENOENT/],
    ["an unknown backend", [".", "--backend", "threds"], /io_uring, kernel, posix, threads/],
    ["no concurrency", [".", "--concurrency", "0"], /1 to 4096/]
  ]
  it.scopedLive.each(refused)("ends with 1 and says why: %s", ([, args, message]) =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const { code, stderr } = yield* manifest(directory, args)
      expect(code).toBe(1)
      expect(stderr).toMatch(message)
      expect(stderr).not.toMatch(/^ +at /m)
    })
  )

  it.scopedLive("says in words that a backend cannot be had", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const { code, stderr } = yield* manifest(directory, ["."], { through: ["env", "AIO_BACKEND=threds"] })
      expect(code).toBe(1)
      expect(stderr).toMatch(/^AIO_BACKEND is not available: .*Set AIO_BACKEND to one of/)
      expect(stderr).not.toMatch(/^ +at /m)
    })
  )

  it.scopedLive("explains itself with --help", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const { code, stdout } = yield* manifest(directory, ["--help"])
      expect(code).toBe(0)
      for (const option of ["--manifest", "--concurrency", "--backend"]) expect(stdout).toContain(option)
    })
  )
})
