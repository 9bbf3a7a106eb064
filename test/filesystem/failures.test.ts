/** Every method fails as NodeFileSystem's does: reason, method, syscall, and Node's sentence. */
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Stream } from "effect"
import { AioFileSystem } from "effect-aio"
import { backends } from "../support/backends.ts"
import { makeFifo } from "../support/fifo.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

type Fs = FileSystem.FileSystem
type Method = (fs: Fs, path: string, root: string) => Effect.Effect<unknown, PlatformError, any>

const bytes = new Uint8Array(2)

/** What is wrong with each is another thing. */
const paths = [
  ...[
    "no",
    "no/such",
    "f/x",
    "f/",
    "loop",
    "loop/x",
    "dangling",
    "dangling/x",
    "d",
    "d/",
    "f",
    "link/",
    "link/..",
    "a\0",
    "no/a\0"
  ],
  "x".repeat(300)
]

const methods: Readonly<Record<string, Method>> = {
  access: (fs, path) => fs.access(path, { writable: true }),
  chmod: (fs, path) => fs.chmod(path, 0o700),
  chown: (fs, path) => fs.chown(path, 0, 0),
  "copy from": (fs, path, root) => fs.copy(path, join(root, "new")),
  "copy to": (fs, path, root) => fs.copy(join(root, "d", "x"), path),
  "copyFile from": (fs, path, root) => fs.copyFile(path, join(root, "new")),
  "copyFile to": (fs, path, root) => fs.copyFile(join(root, "f"), path),
  exists: (fs, path) => fs.exists(path),
  "link from": (fs, path, root) => fs.link(path, join(root, "new")),
  "link to": (fs, path, root) => fs.link(join(root, "f"), path),
  makeDirectory: (fs, path) => fs.makeDirectory(path),
  "makeDirectory recursive": (fs, path) => Effect.asVoid(fs.makeDirectory(path, { recursive: true })),
  makeTempDirectory: (fs, directory) => Effect.asVoid(fs.makeTempDirectory({ directory })),
  makeTempFile: (fs, directory) => Effect.asVoid(fs.makeTempFile({ directory })),
  open: (fs, path) => Effect.asVoid(Effect.scoped(fs.open(path))),
  "open wx": (fs, path) => Effect.asVoid(Effect.scoped(fs.open(path, { flag: "wx" }))),
  readDirectory: (fs, path) => fs.readDirectory(path),
  readFile: (fs, path) => Effect.map(fs.readFile(path), (content) => [...content]),
  readFileString: (fs, path) => fs.readFileString(path),
  readLink: (fs, path) => fs.readLink(path),
  realPath: (fs, path) => fs.realPath(path),
  remove: (fs, path) => fs.remove(path),
  "rename from": (fs, path, root) => fs.rename(path, join(root, "new")),
  "rename to": (fs, path, root) => fs.rename(join(root, "f"), path),
  sink: (fs, path) => Stream.run(Stream.make(bytes), fs.sink(path)),
  stat: (fs, path) => Effect.map(fs.stat(path), ({ type }) => type),
  stream: (fs, path) => Effect.asVoid(Stream.runDrain(fs.stream(path))),
  symlink: (fs, path) => fs.symlink("anything", path),
  truncate: (fs, path) => fs.truncate(path, 1),
  utimes: (fs, path) => fs.utimes(path, 1, 1),
  writeFile: (fs, path) => fs.writeFile(path, bytes),
  writeFileString: (fs, path) => fs.writeFileString(path, "text")
}

/** What `fs.cp` refuses by itself, and some of what it does not, in the tree of `makeCopies`. */
const copies: ReadonlyArray<readonly [from: string, to: string]> = [
  ["f", "f"],
  ["f", "hard"],
  ["f", "d"],
  ["f", "g"],
  ["f", "linkToF"],
  ["f", "f/x"],
  ["d", "d"],
  ["d", "d/new"],
  ["d", "d/sub/new/x"],
  ["d", "link/x"],
  ["d", "link/sub"],
  ["d", "link/sub/new"],
  ["d", "f"],
  ["d", "full"],
  ["d", "no/such/new"],
  ["fifo", "new"],
  ["fifo", "d"],
  ["fifos", "new"],
  ["fifos", "full"],
  ["link", "d"],
  ["link", "link"],
  ["link", "f"],
  ["link", "new"],
  ["link", "linkToSub"],
  ["linkToSub", "link"],
  ["link", "dangling"],
  ["linkToF", "linkToFToo"],
  ["linkToF", "f"],
  ["linkToF", "g"],
  ["linkToF", "d"],
  ["linkToF", "link"],
  ["dangling", "link"],
  ["dangling", "new"],
  ["loop", "link"],
  ["link", "loop"],
  ["hard1", "hard2"],
  ["links1", "links2"],
  ["links2", "links1"],
  ["full", "d"]
]

/** Differences that docs/filesystem.md tells of. */
const isDocumented = (method: string, path: string): boolean => method === "readDirectory" && path.includes("\0")

const makeRoot = (fs: Fs, root: string) =>
  Effect.all(
    [
      fs.makeDirectory(join(root, "d", "sub"), { recursive: true }),
      fs.writeFileString(join(root, "f"), "file"),
      fs.writeFileString(join(root, "d", "x"), "x"),
      fs.symlink("d", join(root, "link")),
      fs.symlink("loop", join(root, "loop")),
      fs.symlink("nowhere", join(root, "dangling"))
    ],
    { discard: true }
  )

const makeCopies = (fs: Fs, root: string) =>
  Effect.zipRight(
    makeRoot(fs, root),
    Effect.all(
      [
        ...["full", "full/sub", "full/x", "fifos", "hard1", "hard2", "links1", "links2"].map((name) =>
          fs.makeDirectory(join(root, name))
        ),
        fs.writeFileString(join(root, "g"), "g"),
        fs.writeFileString(join(root, "full", "fifo"), ""),
        fs.writeFileString(join(root, "hard1", "x"), ""),
        fs.link(join(root, "f"), join(root, "hard")),
        fs.link(join(root, "hard1", "x"), join(root, "hard2", "x")),
        fs.symlink("f", join(root, "linkToF")),
        fs.symlink("f", join(root, "linkToFToo")),
        fs.symlink("d/sub", join(root, "linkToSub")),
        fs.symlink("../d", join(root, "links1", "l")),
        fs.symlink("../d/sub", join(root, "links2", "l"))
      ],
      { discard: true }
    )
  )

const visible = (exit: Exit.Exit<unknown, PlatformError>): unknown =>
  Exit.match(exit, {
    onSuccess: (value) => ({ value }),
    onFailure: (cause) => {
      if (cause._tag !== "Fail") return cause
      const { _tag, method, module } = cause.error
      if (_tag === "BadArgument") return { _tag, method, module }
      const { description, pathOrDescriptor, reason, syscall } = cause.error
      return {
        _tag,
        method,
        module,
        reason,
        syscall,
        // Of a temporary directory, the last six letters are by chance.
        description: description?.replace(/(mkdtemp '.*)......'$/, "$1XXXXXX'"),
        // The number of a descriptor is.
        pathOrDescriptor: typeof pathOrDescriptor === "number" ? "a descriptor" : pathOrDescriptor
      }
    }
  })

const outcomes = (root: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const seen: Record<string, unknown> = {}
    const renew = Effect.zipRight(fs.remove(root, { recursive: true, force: true }), makeRoot(fs, root))
    for (const [name, run] of Object.entries(methods)) {
      yield* renew
      for (const path of paths) {
        if (isDocumented(name, path)) continue
        const exit = yield* Effect.exit(run(fs, `${root}/${path}`, root))
        seen[`${name} ${path}`] = visible(exit)
        // What fails changes nothing, or the next ones tell.
        if (Exit.isSuccess(exit)) yield* renew
      }
    }
    yield* fs.remove(root, { recursive: true })
    return seen
  })

/** The mock makes no FIFOs. */
const outcomesOfCopies = (root: string, withFifos: boolean) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const seen: Record<string, unknown> = {}
    for (const overwrite of [false, true]) {
      for (const [from, to] of copies) {
        if (!withFifos && from.startsWith("fifo")) continue
        yield* makeCopies(fs, root)
        if (from.startsWith("fifo")) [join(root, "fifo"), join(root, "fifos", "fifo")].forEach(makeFifo)
        const exit = yield* Effect.exit(fs.copy(join(root, from), join(root, to), { overwrite }))
        seen[`${from} ${to} ${overwrite}`] = visible(exit)
        yield* fs.remove(root, { recursive: true })
      }
    }
    return seen
  })

// What becomes of an error number does not depend on who tells it: of the real backends, one.
const some = backends.filter(({ real }, index) => index === 0 || !real)

describe.each(some)("$name", ({ layer, real }) => {
  const places: Readonly<
    Record<string, (root: string) => Effect.Effect<Record<string, unknown>, PlatformError, FileSystem.FileSystem>>
  > = {
    "failures are Node's": outcomes,
    "copy refuses in the words of fs.cp": (root) => outcomesOfCopies(root, real)
  }
  for (const [what, outcomesIn] of Object.entries(places)) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        // The same name for both: it is in the sentences.
        const root = join(yield* temporaryDirectory, "root")
        const expected = yield* Effect.provide(outcomesIn(root), NodeFileSystem.layer)
        const parents = Effect.flatMap(FileSystem.FileSystem, (fs) =>
          Effect.asVoid(fs.makeDirectory(join(root, ".."), { recursive: true }))
        )
        const actual = yield* Effect.zipRight(parents, outcomesIn(root)).pipe(
          Effect.provide(AioFileSystem.layer.pipe(Layer.provide(layer)))
        )
        expect(actual).toEqual(expected)
        expect(Object.values(expected)).toContainEqual(expect.objectContaining({ _tag: "SystemError" }))
      })
    )
  }
})
