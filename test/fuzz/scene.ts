/**
 * What calls are about: files, descriptors, and canaries, which are named only where a name must not count. Everything lies in a directory
 * of its own; numbers of descriptors are so high that no new one gets them.
 */
import * as fs from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { Aio, MockAio } from "effect-aio"
import { makeFifos } from "../support/fifo.ts"
import { descriptors } from "../support/processState.ts"
import { systemCall } from "../support/systemCalls.ts"
import { nativePipe } from "../support/waitable.ts"
import { ALPHABET } from "./arrays.ts"

export interface Scene {
  /** Where the paths of the pool are. */
  readonly directory: string
  readonly fds: ReadonlyArray<number>
  /** A new descriptor, to be closed by the call. */
  readonly expendable: () => number
  readonly canary: { readonly fd: number; readonly file: string; readonly empty: string }
  /** What calls have removed is there again. */
  readonly restore: Effect.Effect<void>
  /** What must not be: a canary that changed, bytes in files that were in no buffer. */
  readonly problems: Effect.Effect<ReadonlyArray<string>>
}

const TEXT = ALPHABET.repeat(300)

/** The files of a scene: `null` for a directory. */
const files: Readonly<Record<string, string | null>> = {
  a: TEXT,
  b: TEXT.slice(0, 100),
  c: "",
  d: null,
  "d/e": TEXT.slice(0, 1000),
  "d/f": "abc",
  "d/g": null
}

/** Names that paths are made of, those that do not exist included. */
export const names: ReadonlyArray<string> = [
  ...Object.keys(files),
  "a",
  "b",
  "d/",
  "link",
  "dangling",
  "fifo",
  "a/b",
  "absent",
  "absent/too",
  ...Array.from({ length: 8 }, (_, i) => `new${i}`),
  "d/new0",
  "d/g/new1",
  ".",
  ""
]

/** ASCII, what becomes of half a surrogate pair, and holes. */
const isKnown = (byte: number): boolean =>
  byte === 0 || byte === 10 || (byte >= 0x20 && byte < 0x7f) || byte === 0xef || byte === 0xbf || byte === 0xbd

/** The first byte that no buffer and no file of the fuzzer ever had. */
export const foreign = (bytes: Uint8Array): number | undefined => {
  for (let i = 0; i < Math.min(bytes.length, 1 << 20); i++) if (!isKnown(bytes[i])) return i
  return undefined
}

const strange = (path: string, bytes: Uint8Array): ReadonlyArray<string> => {
  const at = foreign(bytes)
  return at === undefined ? [] : [`${path} has a byte ${bytes[at]} at ${at} that was in no buffer`]
}

const F_DUPFD_CLOEXEC = 1030
const POOL = 700
const EXPENDABLE = 800

/** The same open file by a number from `least` on. */
const copyUp = (fd: number, least: number): number => {
  const high = systemCall("fcntl", fd, F_DUPFD_CLOEXEC, least)
  if (high < 0) throw new Error(`fcntl: ${high}`)
  return high
}

const removeBelow = (directory: string): void => {
  for (const name of fs.readdirSync(directory)) fs.rmSync(join(directory, name), { recursive: true, force: true })
}

const isDirectory = (path: string): boolean => fs.lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** Of a directory that calls may have removed. */
const bytesBelow = (directory: string): ReadonlyArray<string> =>
  (isDirectory(directory) ? fs.readdirSync(directory, { withFileTypes: true, encoding: "buffer" }) : []).flatMap(
    (entry): ReadonlyArray<string> => {
      if (!entry.isFile()) return []
      const path = Buffer.concat([Buffer.from(`${directory}/`), entry.name])
      const fd = fs.openSync(path, "r")
      try {
        const bytes = Buffer.alloc(Math.min(fs.fstatSync(fd).size, 1 << 20))
        return strange(path.toString(), bytes.subarray(0, fs.readSync(fd, bytes, 0, bytes.length, 0)))
      } finally {
        fs.closeSync(fd)
      }
    }
  )

const changeOf = (path: string): string => {
  const stat = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? "absent" : [stat.ino, stat.size, stat.mode, stat.nlink, stat.ctimeNs].join()
}

let made = 0

/** On the operating system, in `root`, whose `home` is the current directory. */
export const realScene = (root: string): Effect.Effect<Scene, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = join(root, "home", "w")
    const canary = { file: join(root, "canary", "file"), empty: join(root, "canary", "empty") }
    const restoreAll = () => {
      if (!fs.lstatSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
        fs.rmSync(directory, { force: true })
        fs.mkdirSync(directory)
      }
      fs.chmodSync(directory, 0o755)
      for (const [name, content] of Object.entries(files)) {
        const path = join(directory, name)
        const there = fs.lstatSync(path, { throwIfNoEntry: false })
        if (content === null ? there?.isDirectory() : there?.isFile()) continue
        fs.rmSync(path, { recursive: true, force: true })
        if (content === null) fs.mkdirSync(path)
        else fs.writeFileSync(path, content)
      }
      for (const [name, target] of [
        ["link", "a"],
        ["dangling", "nowhere"]
      ]) {
        fs.rmSync(join(directory, name), { recursive: true, force: true })
        fs.symlinkSync(target, join(directory, name))
      }
      if (!fs.lstatSync(join(directory, "fifo"), { throwIfNoEntry: false })?.isFIFO()) {
        fs.rmSync(join(directory, "fifo"), { recursive: true, force: true })
        fs.renameSync(makeFifos(root, 1)[0], join(directory, "fifo"))
      }
    }
    for (const path of ["home", "home/w", "canary", "tmp"]) fs.mkdirSync(join(root, path), { recursive: true })
    removeBelow(join(root, "canary"))
    removeBelow(directory)
    fs.writeFileSync(canary.file, TEXT)
    fs.mkdirSync(canary.empty)
    restoreAll()
    const open = (path: string, flag: string | number, least = POOL): number => {
      const fd = fs.openSync(path, flag)
      try {
        return copyUp(fd, least)
      } finally {
        fs.closeSync(fd)
      }
    }
    const canaryFd = open(canary.file, "r+")
    const pipe = yield* nativePipe
    const fds = [
      open(join(directory, "a"), "r+"),
      open(join(directory, "a"), "r"),
      open(join(directory, "b"), "a+"),
      open(join(directory, "c"), "r+"),
      open(directory, "r"),
      open(join(directory, "d"), "r"),
      open("/dev/null", "r+"),
      open("/dev/zero", "r"),
      copyUp(pipe[0], POOL),
      copyUp(pipe[1], POOL)
    ]
    yield* Effect.addFinalizer(() => Effect.sync(() => [...fds, canaryFd].forEach((fd) => void fs.closeSync(fd))))
    const seen = () => [
      changeOf(canary.file),
      changeOf(canary.empty),
      fs.readlinkSync(`/proc/self/fd/${canaryFd}`),
      // Where it stands: what reads or writes by it moves it.
      /^pos:\s*(\d+)/.exec(fs.readFileSync(`/proc/self/fdinfo/${canaryFd}`, "utf8"))?.[1]
    ]
    const before = seen()
    return {
      directory: "w",
      fds,
      expendable: () => open("/dev/null", "r+", EXPENDABLE + (made++ % 150)),
      canary: { ...canary, fd: canaryFd },
      restore: Effect.sync(restoreAll),
      problems: Effect.sync(() => {
        const after = seen()
        const changed = before.flatMap((was, i) =>
          was === after[i] ? [] : [`a canary changed: ${was} is now ${after[i]}`]
        )
        return [...changed, ...bytesBelow(directory), ...bytesBelow(join(directory, "d"))]
      })
    }
  })

/** Descriptors of something in `root`, and of files in memory, that are in nobody's hands, closed. */
export const leftOpen = (root: string): ReadonlyArray<string> =>
  [...descriptors()].flatMap(([fd, target]) => {
    const isMade = target.startsWith(`${root}/`) || target.startsWith("/memfd:")
    if (!isMade && !(fd >= EXPENDABLE && fd < POOL + 1000)) return []
    fs.closeSync(fd)
    return fd < POOL ? [`${fd} of ${target}`] : []
  })

/** On the mock, which has a file system of its own. */
export const mockScene: Effect.Effect<Scene, never, Aio.Aio | MockAio.MockAio | Scope.Scope> = Effect.gen(function* () {
  const mock = yield* Effect.context<Aio.Aio | MockAio.MockAio>()
  const directory = "/w"
  const canary = { file: "/canary/file", empty: "/canary/empty" }
  const putAll = Effect.gen(function* () {
    yield* MockAio.put(directory, null)
    for (const [name, content] of Object.entries(files)) {
      const path = `${directory}/${name}`
      const { [name]: there } = yield* MockAio.tree(directory)
      if (there === undefined) yield* MockAio.put(path, content)
    }
    yield* Effect.ignore(Aio.symlink("a", `${directory}/link`))
    yield* Effect.ignore(MockAio.mkfifo(`${directory}/fifo`))
  })
  yield* Effect.orDie(putAll)
  yield* Effect.orDie(Effect.zip(MockAio.put(canary.file, TEXT), MockAio.put(canary.empty, null)))
  const open = (path: string, flag: Aio.OpenFlag) => Effect.orDie(Aio.open(path, { flag }))
  const canaryFd = yield* open(canary.file, "r+")
  const pipe = yield* Effect.orDie(MockAio.pipe)
  const fds = [
    yield* open(`${directory}/a`, "r+"),
    yield* open(`${directory}/a`, "r"),
    yield* open(`${directory}/b`, "a+"),
    yield* open(`${directory}/c`, "r+"),
    yield* open(directory, "r"),
    yield* open(`${directory}/d`, "r"),
    pipe.read,
    pipe.write
  ]
  const seen = Effect.orDie(
    Effect.map(Effect.all([MockAio.tree("/canary"), MockAio.contentOf(canary.file)]), ([tree, bytes]) => [
      JSON.stringify(tree),
      Buffer.from(bytes).toString("latin1")
    ])
  )
  const before = yield* seen
  return {
    directory,
    fds,
    // Numbers are the mock's own: to close one that another call uses does no harm.
    expendable: () => fds[fds.length - 1] + 1,
    canary: { ...canary, fd: canaryFd },
    restore: Effect.catchAllCause(Effect.provide(putAll, mock), () => Effect.void),
    problems: Effect.provide(
      Effect.map(Effect.either(seen), (after) => {
        const now = after._tag === "Right" ? after.right : ["gone", "gone"]
        return before.flatMap((was, i) => (was === now[i] ? [] : [`a canary changed: ${now[i].slice(0, 200)}`]))
      }),
      mock
    )
  }
})
