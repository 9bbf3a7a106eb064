/** Every method fails as NodeFileSystem's does: reason, method, syscall, and Node's sentence. */
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Stream } from "effect"
import { AioFileSystem } from "effect-aio"
import { backends } from "../support/backends.ts"
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
        // `fs.cp` tells in its own words what it refuses. Of a temporary directory, the last six letters are by chance.
        description:
          method === "copy" && syscall === "cp"
            ? undefined
            : description?.replace(/(mkdtemp '.*)......'$/, "$1XXXXXX'"),
        // The number of a descriptor is.
        pathOrDescriptor: typeof pathOrDescriptor === "number" ? "a descriptor" : pathOrDescriptor
      }
    }
  })

const outcomes = (root: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const seen: Record<string, unknown> = {}
    for (const [name, run] of Object.entries(methods)) {
      for (const path of paths) {
        if (isDocumented(name, path)) continue
        yield* makeRoot(fs, root)
        seen[`${name} ${path}`] = visible(yield* Effect.exit(run(fs, `${root}/${path}`, root)))
        yield* fs.remove(root, { recursive: true })
      }
    }
    return seen
  })

// What becomes of an error number does not depend on who tells it: of the real backends, one.
const some = backends.filter(({ real }, index) => index === 0 || !real)

describe.each(some)("$name", ({ layer }) => {
  it.scopedLive("failures are Node's", () =>
    Effect.gen(function* () {
      // The same name for both: it is in the sentences.
      const root = join(yield* temporaryDirectory, "root")
      const expected = yield* Effect.provide(outcomes(root), NodeFileSystem.layer)
      const parents = Effect.flatMap(FileSystem.FileSystem, (fs) =>
        Effect.asVoid(fs.makeDirectory(join(root, ".."), { recursive: true }))
      )
      const actual = yield* Effect.zipRight(parents, outcomes(root)).pipe(
        Effect.provide(AioFileSystem.layer.pipe(Layer.provide(layer)))
      )
      expect(actual).toEqual(expected)
      expect(expected["stat no"]).toMatchObject({ reason: "NotFound" })
    })
  )
})
