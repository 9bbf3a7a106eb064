/** Directories held open, and the names in them: a tree is walked without ever leaving it. */
import * as Effect from "effect/Effect"
import { AioError, type AioFailure } from "../../AioError.ts"
import { execute, executeMasked, executeUninterruptibly } from "../effect/execute.ts"
import { wantsSpan } from "../effect/spans.ts"
import type { Restore } from "../effect/wait.ts"
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed, LATER } from "../engine/failed.ts"
import { known } from "../engine/known.ts"
import type { Operation } from "../engine/operation.ts"
import { errno } from "../native/errno.ts"
import { plainView } from "../native/views.ts"
import { close, lstat, open, readdir } from "../operation/catalogue.ts"
import { type DirectoryEntry, openDirectory } from "../operation/directories.ts"

const bytes = (path: Path): Uint8Array => (typeof path === "string" ? Buffer.from(path) : plainView(path))

/** A name in a directory, as a path. Bytes if one of them is. */
export const join = (directory: Path, name: Path): Path => {
  if (directory === "") return name
  if (typeof directory === "string" && typeof name === "string") {
    return directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`
  }
  return new Uint8Array(Buffer.concat([bytes(directory), Buffer.from("/"), bytes(name)]))
}

/** An open directory. */
export interface Directory {
  readonly fd: number
  /** Closing it waits for nothing. */
  readonly closesAtOnce: boolean
  /** The path with which it was opened, for messages. */
  readonly path: Path
}

/**
 * How a name is handed to the kernel: relative to the descriptor of the directory in which it was found. Renaming or replacing a directory
 * on the way then cannot lead it elsewhere.
 */
export interface Place {
  readonly at: number | undefined
  readonly path: Path
  /** For messages. */
  readonly full: Path
}

export const top = (path: Path): Place => ({ at: undefined, path, full: path })

export const within = (engine: Engine, { fd, path }: Directory, name: Path): Place => {
  const full = join(path, name)
  // Descriptors that do not belong to this process have no paths relative to them.
  return engine.backend.descriptors === undefined ? { at: fd, path: name, full } : { at: undefined, path: full, full }
}

/** The same file by its descriptor, for calls that take paths only. proc(5) */
export const byDescriptor = (engine: Engine, fd: number, { full }: Place): Path =>
  engine.backend.descriptors === undefined ? `/proc/self/fd/${fd}` : full

/** Failures name the whole path, not the part of it that the kernel was given. */
export const named =
  (full: Path) =>
  (error: AioFailure): AioFailure =>
    error._tag === "AioError" && error.path !== full ? new AioError({ ...error, path: full }) : error

export const runAt = <A>(engine: Engine, operation: Operation<A>, place: Place): Effect.Effect<A, AioFailure> =>
  Effect.mapError(execute(engine, operation), named(place.full))

/**
 * The errors of system calls for a name that is gone: in /proc the process or the thread has ended, on a network the file of the server is
 * gone.
 */
const gone = new Set<number>([errno.ENOENT, errno.ESRCH, errno.ESTALE])

export const isGone = (error: AioFailure): boolean => error._tag === "AioError" && gone.has(error.errno)

/**
 * A file that vanishes while its tree is walked is left out: `otherwise` takes its place. Its error may be any (the directory of a thread
 * that has ended answers EINVAL), so the name is looked for again.
 */
export const unlessGone = <A>(
  engine: Engine,
  place: Place,
  use: Effect.Effect<A, AioFailure>,
  otherwise: A
): Effect.Effect<A, AioFailure> =>
  Effect.catchAll(use, (error): Effect.Effect<A, AioFailure> => {
    if (error._tag !== "AioError") return Effect.fail(error)
    return Effect.matchEffect(execute(engine, lstat(place.path, { at: place.at })), {
      onFailure: (answer): Effect.Effect<A, AioFailure> =>
        isGone(answer) ? Effect.succeed(otherwise) : Effect.fail(error),
      onSuccess: () => Effect.fail(error)
    })
  })

/** A descriptor that was opened on the spot, where this needs no waiting; or -1. */
export const openNow = (engine: Engine, { at, path }: Place, follow: boolean): number => {
  const fd = known(engine, openDirectory(path, { at, follow }))
  // The request will tell what is wrong with an argument.
  return fd === LATER || fd instanceof Failed ? -1 : fd
}

/** In the uninterruptible region that `restore` belongs to. */
export const enterDirectory = (
  engine: Engine,
  place: Place,
  follow: boolean,
  restore: Restore
): Effect.Effect<Directory, AioFailure> =>
  Effect.withFiberRuntime((fiber) => {
    const { at, full, path } = place
    const fd = wantsSpan(fiber) ? -1 : openNow(engine, place, follow)
    // Not tried on the spot again.
    return fd >= 0
      ? Effect.succeed({ fd, path: full, closesAtOnce: true })
      : Effect.mapBoth(executeMasked(engine, open(path, openDirectory(path, { at, follow }).input), restore), {
          onFailure: named(full),
          onSuccess: (fd) => ({ fd, path: full, closesAtOnce: false })
        })
  })

export const leaveDirectory = (engine: Engine, { closesAtOnce, fd }: Directory): Effect.Effect<void> =>
  closesAtOnce
    ? Effect.sync(() => void engine.descriptors.close(fd))
    : Effect.ignore(executeUninterruptibly(engine, close(fd)))

/** Uses a directory while it is open. A symbolic link to a directory is refused (ENOTDIR). */
export const withDirectory = <A>(
  engine: Engine,
  place: Place,
  use: (directory: Directory) => Effect.Effect<A, AioFailure>
): Effect.Effect<A, AioFailure> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(enterDirectory(engine, place, false, restore), (directory) => {
      const closing = leaveDirectory(engine, directory)
      return Effect.matchCauseEffect(restore(use(directory)), {
        onFailure: (cause) => Effect.zipRight(closing, Effect.failCause(cause)),
        onSuccess: (value) => Effect.as(closing, value)
      })
    })
  )

/** Hands over the names of an open directory, about a thousand at a time. */
export const forEachChunk = (
  engine: Engine,
  directory: Directory,
  use: (entries: ReadonlyArray<DirectoryEntry>, done: boolean) => Effect.Effect<unknown, AioFailure>
): Effect.Effect<void, AioFailure> => {
  const next: Effect.Effect<void, AioFailure> = Effect.flatMap(
    Effect.mapError(execute(engine, readdir(directory.fd)), named(directory.path)),
    ({ done, entries }) => {
      const used = entries.length === 0 ? Effect.void : use(entries, done)
      return done ? used : Effect.zipRight(used, next)
    }
  )
  return next
}
