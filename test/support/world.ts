/**
 * What is around a backend in a test: the files that a test prepares, and looks at afterwards, without the backend. For the mechanisms
 * of the operating system that is `node:fs`. A backend with a file system of its own has nobody else to ask: there, `Aio` does it.
 */
import * as fs from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { Aio, AioDirectory, type AioError, AioFile } from "effect-aio"
import { temporaryDirectory } from "./temporaryDirectory.ts"
import { nativePipe } from "./waitable.ts"

/** What a test may want to know of a name, its own type first: links are not followed. */
export type Facts = Pick<
  Aio.Stat,
  "type" | "mode" | "nlink" | "uid" | "gid" | "size" | "ino" | "atimeNs" | "mtimeNs"
> & {
  /** Of a symbolic link: where it points. */
  readonly target: Aio.Path | undefined
}

export interface World {
  /** An empty directory of the test's own. */
  readonly directory: Effect.Effect<string, never, Aio.Aio | Scope.Scope>
  readonly writeFile: (path: string, content: string | Uint8Array) => Effect.Effect<void, never, Aio.Aio>
  readonly readFile: (path: string) => Effect.Effect<Buffer, never, Aio.Aio>
  readonly exists: (path: string) => Effect.Effect<boolean, never, Aio.Aio>
  /** The names in a directory, sorted. */
  readonly list: (path: string) => Effect.Effect<ReadonlyArray<string>, never, Aio.Aio>
  readonly facts: (path: string) => Effect.Effect<Facts, never, Aio.Aio>
  /** Two blocking descriptors: what is written to the second is read from the first. Closed with the Scope. */
  readonly pipe: Effect.Effect<readonly [reader: number, writer: number], never, Aio.Aio | Scope.Scope>
}

const fileTypes: ReadonlyArray<readonly [keyof fs.BigIntStats, Aio.FileType]> = [
  ["isFile", "File"],
  ["isDirectory", "Directory"],
  ["isSymbolicLink", "SymbolicLink"],
  ["isFIFO", "FIFO"],
  ["isSocket", "Socket"],
  ["isBlockDevice", "BlockDevice"],
  ["isCharacterDevice", "CharacterDevice"]
]

/** What `node:fs` says, in our words. */
export const typeOf = (stat: fs.BigIntStats): Aio.FileType =>
  fileTypes.find(([is]) => (stat[is] as () => boolean).call(stat))![1]

/** The operating system's. */
export const nodeWorld: World = {
  directory: temporaryDirectory,
  writeFile: (path, content) => Effect.sync(() => fs.writeFileSync(path, content)),
  readFile: (path) => Effect.sync(() => fs.readFileSync(path)),
  exists: (path) => Effect.sync(() => fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined),
  list: (path) => Effect.sync(() => fs.readdirSync(path).sort()),
  facts: (path) =>
    Effect.sync(() => {
      const stat = fs.lstatSync(path, { bigint: true })
      const { atimeNs, ino, mtimeNs, size } = stat
      const [gid, mode, nlink, uid] = [stat.gid, stat.mode, stat.nlink, stat.uid].map(Number)
      const target = stat.isSymbolicLink() ? fs.readlinkSync(path) : undefined
      return { type: typeOf(stat), mode, nlink, uid, gid, size, ino, atimeNs, mtimeNs, target }
    }),
  pipe: nativePipe
}

let made = 0

/** A backend's own, below its directory `root`, where there is nothing but the backend to ask. Only pipes it has to make itself. */
export const ownWorld = (pipe: World["pipe"], root = "/"): World => ({
  // Not removed: it goes with the Layer, which a test closes before its Scope.
  directory: Effect.suspend(() => {
    const path = join(root, `test-${made++}`)
    return Effect.orDie(Effect.as(Aio.mkdir(path, { mode: 0o700 }), path))
  }),
  writeFile: (path, content) =>
    Effect.orDie(AioFile.withFile(path, { flag: "w" }, (file) => file.writeAll(Buffer.from(content as string)))),
  readFile: (path) => Effect.orDie(Effect.map(AioFile.readFile(path), (bytes) => Buffer.from(bytes))),
  exists: (path) =>
    Effect.match(Aio.lstat(path), {
      onFailure: () => false,
      onSuccess: () => true
    }),
  list: (path) =>
    Effect.orDie(Effect.map(AioDirectory.read(path), (entries) => entries.map(({ name }) => name).sort())),
  facts: (path) =>
    Effect.orDie(
      Effect.flatMap(Aio.lstat(path), (stat) =>
        Effect.map(stat.type === "SymbolicLink" ? Aio.readlink(path) : Effect.succeed(undefined), (target) => {
          const { atimeNs, gid, ino, mode, mtimeNs, nlink, size, type, uid } = stat
          return { type, mode, nlink, uid, gid, size, ino, atimeNs, mtimeNs, target }
        })
      )
    ),
  pipe
})

/** A descriptor of the test's own, closed with the Scope. */
export const descriptorOf = (
  path: string,
  flag?: Aio.OpenOptions["flag"]
): Effect.Effect<number, AioError.AioFailure, Aio.Aio | Scope.Scope> =>
  Effect.acquireRelease(Aio.open(path, { flag }), (fd) => Effect.ignore(Aio.close(fd)))
