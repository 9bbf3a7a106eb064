/** Whole files by their paths, from the current directory or from an open one: read, written, replaced, synced. */
import type * as Effect from "effect/Effect"
import type { AioFailure } from "../../AioError.ts"
import { withArguments } from "../effect/arguments.ts"
import { exitOf, exitOfWrite } from "../effect/exits.ts"
import { engineOrReplacement } from "../effect/replacementEngine.ts"
import { runSequence } from "../effect/run.ts"
import { checkPath, checkUint32, type Path } from "../engine/arguments.ts"
import { checkBytes } from "../engine/buffers.ts"
import type { Engine } from "../engine/engine.ts"
import { LATER } from "../engine/failed.ts"
import { optionsReader } from "../engine/options.ts"
import { type AtOptions, readAt } from "../operation/at.ts"
import type { OpenOptions } from "../operation/paths.ts"
import { fileInMemory, ReadFile } from "../task/readFile.ts"
import { RealPath } from "../task/realPath.ts"
import type { Naming } from "../task/sequence.ts"
import { SyncPath } from "../task/syncPath.ts"
import { WriteAtomic } from "../task/writeAtomic.ts"
import { WriteFile } from "../task/writeFile.ts"

/**
 * How `writeFile` opens its file.
 *
 * @since 0.1.0
 * @category models
 */
export type WriteFileOptions = Pick<OpenOptions, "at" | "flag" | "mode">

/**
 * How `writeAtomic` replaces a file.
 *
 * @since 0.1.0
 * @category models
 */
export interface WriteAtomicOptions extends AtOptions {
  /** Permissions of the new file, less the umask. Default 0o666. Not of one that gets those of the old one. */
  readonly mode?: number | undefined
  /**
   * Default `false`. With `true`, the new file gets permissions, owner, group and extended attributes (access control lists among them) of the
   * one that it replaces, and EPERM where this user may not give them.
   */
  readonly preserve?: boolean | undefined
  /**
   * Default `true`: it ends when all is on the disk. `false` leaves the syncs of file and directory out. Processes still see the old file or the new
   * one; after a crash of the machine the file may have the new name and no bytes.
   */
  readonly durable?: boolean | undefined
  /** Default `true`: the file that a symbolic link leads to is replaced, and the link stays. `false`: the link itself. */
  readonly follow?: boolean | undefined
}

const namingOf = (method: string, path: Path): Naming => ({ method, about: () => ({ path }) })

export const readFile = (engine: Engine, path: Path, options?: AtOptions): Effect.Effect<Uint8Array, AioFailure> => {
  const run = ({ at }: AtOptions) =>
    runSequence(
      () => new ReadFile(engine, path, { ...namingOf("readFile", path), tooLarge: "readFile", at }),
      (end) => exitOf(engine, end),
      () => (at === undefined ? fileInMemory(engine, path) : LATER)
    )
  return options === undefined ? run({}) : withArguments("readFile", () => readAt(options), run)
}

export const pathsync = (engine: Engine, path: Path, options?: AtOptions): Effect.Effect<void, AioFailure> =>
  withArguments(
    "pathsync",
    () => readAt(options),
    ({ at }) =>
      runSequence(
        () => new SyncPath(engine, path, namingOf("pathsync", path), at),
        (end) => exitOf(engine, end)
      )
  )

export const realpath = (engine: Engine, path: Path, options?: AtOptions): Effect.Effect<Path, AioFailure> =>
  withArguments(
    "realpath",
    () => readAt(options),
    ({ at }) =>
      runSequence(
        () => new RealPath(engine, path, { method: "realpath", about: (part) => ({ path: part }) }, at),
        (end) => exitOf(engine, end)
      )
  )

/** Throws `BadArgument`. */
const bytesOf = (data: Uint8Array | string): Uint8Array =>
  typeof data === "string" ? new TextEncoder().encode(data) : checkBytes(data, "data")

const writeFileOptions = optionsReader<WriteFileOptions>({ at: true, flag: true, mode: true })

export const writeFile = (
  engine: Engine,
  path: Path,
  data: Uint8Array | string,
  options?: WriteFileOptions
): Effect.Effect<void, AioFailure> =>
  withArguments(
    "writeFile",
    () => ({ bytes: bytesOf(data), ...writeFileOptions(options) }),
    ({ bytes, ...how }) =>
      runSequence(
        () => new WriteFile(engine, path, bytes, { ...namingOf("writeFile", path), ...how }),
        (end) => exitOfWrite(engine, end, "writeFile")
      )
  )

const writeAtomicOptions = optionsReader<WriteAtomicOptions>({
  at: true,
  mode: true,
  preserve: true,
  durable: true,
  follow: true
})

export const writeAtomic = (
  engine: Engine,
  path: Path,
  data: Uint8Array | string,
  options?: WriteAtomicOptions
): Effect.Effect<void, AioFailure> =>
  withArguments(
    "writeAtomic",
    () => {
      const { mode, ...rest } = writeAtomicOptions(options)
      return {
        target: checkPath(path),
        bytes: bytesOf(data),
        how: { mode: mode === undefined ? undefined : checkUint32(mode, "mode"), ...rest }
      }
    },
    ({ bytes, how, target }) => {
      const remover = () => engineOrReplacement(engine)
      return runSequence(
        () => new WriteAtomic(engine, target, bytes, { ...namingOf("writeAtomic", path), ...how, remover }),
        (end) => exitOfWrite(engine, end, "writeAtomic")
      )
    }
  )
