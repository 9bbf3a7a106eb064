/** Removing trees. */
import * as Effect from "effect/Effect"
import type { AioFailure } from "../../AioError.ts"
import { forEach } from "../effect/batch.ts"
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { errno } from "../native/errno.ts"
import { lstat, rmdir, unlink } from "../operation/catalogue.ts"
import { MAX_STEPS } from "../operation/program.ts"
import { runsPrograms } from "../task/stepByStep.ts"
import {
  type Directory,
  forEachChunk,
  isGone,
  named,
  type Place,
  runAt,
  top,
  withDirectory,
  within
} from "./directory.ts"
import { Workers } from "./workers.ts"

/** Names of one directory under way at once. Its lock lets through one at a time anyway. Measured in bench/scenarios/filesystem.ts. */
const WINDOW = 64

/** Times that a directory is read again, because it had names in it after all had been removed. */
const ATTEMPTS = 8

const isDirectory = (number: number): boolean => number === errno.EISDIR || number === errno.EPERM

/** Errors of a name that is not a directory any more: a file, or a symbolic link, which O_NOFOLLOW refuses. */
const isNoDirectory = (error: AioFailure): boolean =>
  error._tag === "AioError" && (error.errno === errno.ENOTDIR || error.errno === errno.ELOOP)

export interface RemovalOptions {
  readonly parallel: number
  /** Whether a path without a file is accepted. */
  readonly force: boolean
}

class Removal {
  private readonly workers: Workers

  constructor(
    private readonly engine: Engine,
    parallel: number
  ) {
    this.workers = new Workers(parallel)
  }

  /** A name whose type is not known. */
  any(place: Place): Effect.Effect<void, AioFailure> {
    return Effect.catchAll(runAt(this.engine, unlink(place.path, place), place), (error) =>
      error._tag === "AioError" && isDirectory(error.errno)
        ? Effect.catchAll(this.emptyOrNot(place), (inside) =>
            // EPERM of a directory means "is a directory" to some, and "not permitted" to others.
            Effect.fail(isNoDirectory(inside) ? error : inside)
          )
        : Effect.fail(error)
    )
  }

  /** An empty directory is removed with one call. */
  private emptyOrNot(place: Place): Effect.Effect<void, AioFailure> {
    return Effect.catchAll(runAt(this.engine, rmdir(place.path, place), place), (error) =>
      error._tag === "AioError" && (error.errno === errno.ENOTEMPTY || error.errno === errno.EEXIST)
        ? this.directory(place)
        : Effect.fail(error)
    )
  }

  private directory(place: Place, attempts = ATTEMPTS): Effect.Effect<void, AioFailure> {
    const { engine } = this
    let isRemoved = false
    const emptied = withDirectory(engine, place, (directory) =>
      forEachChunk(engine, directory, (entries, isLast) => {
        const files: Array<Path> = []
        const directories: Array<Path> = []
        // A name whose type the file system does not tell is taken for a file: unlink(2) fails if it is not one.
        for (const { path, type } of entries) (type === "Directory" ? directories : files).push(path)
        // A directory with few names is empty then: it goes in the same request.
        const goesAlong = isLast && directories.length === 0 && files.length < MAX_STEPS && runsPrograms(engine)
        return Effect.zipRight(
          Effect.map(this.files(directory, files, directories, goesAlong ? place : undefined), (wentAlong) => {
            isRemoved = wentAlong
          }),
          this.workers.forEach(directories, (name) => this.entry(within(engine, directory, name)))
        )
      })
    )
    return Effect.flatMap(emptied, () => {
      if (isRemoved) return Effect.void
      return Effect.catchAll(runAt(engine, rmdir(place.path, place), place), (error) => {
        // Removed by another process, or together with a directory that its own path leads through: `directory/sub/..`.
        if (isGone(error)) return Effect.void
        return error._tag === "AioError" && error.errno === errno.ENOTEMPTY && attempts > 1
          ? this.directory(place, attempts - 1)
          : Effect.fail(error)
      })
    })
  }

  /**
   * Removes names; those that turn out to be directories are added to `directories`. Then the directory at `last`, if that is given and can be
   * removed: whether it is.
   */
  private files(
    directory: Directory,
    names: ReadonlyArray<Path>,
    directories: Array<Path>,
    last: Place | undefined
  ): Effect.Effect<boolean, AioFailure> {
    if (names.length === 0) return Effect.succeed(false)
    const { engine } = this
    const places = names.map((name) => within(engine, directory, name))
    let isRemoved = last !== undefined
    return Effect.mapBoth(
      forEach(engine, {
        count: last === undefined ? places.length : places.length + 1,
        window: WINDOW,
        operation: (index) =>
          index === places.length ? rmdir(last!.path, last) : unlink(places[index].path, places[index]),
        forgives: (index, number) => {
          if (index === places.length) {
            // Tried again by itself, and its failure told there.
            isRemoved = false
            return true
          }
          if (number === errno.ENOENT) return true
          if (number !== errno.EISDIR) return false
          directories.push(names[index])
          return true
        }
      }),
      {
        // The batch only knows the part of the path that the kernel was given, and of a cancelled one none.
        onFailure: (error) => {
          const place = places.find(({ path }) => error._tag === "AioError" && path === error.path)
          return named(place === undefined ? directory.path : place.full)(error)
        },
        onSuccess: () => isRemoved
      }
    )
  }

  /** Removes a name that was a directory when it was read. */
  private entry(place: Place): Effect.Effect<void, AioFailure> {
    return Effect.catchAll(this.directory(place), (error) => {
      if (isGone(error)) return Effect.void
      if (!isNoDirectory(error)) return Effect.fail(error)
      return Effect.catchAll(runAt(this.engine, unlink(place.path, place), place), (again) =>
        isGone(again) ? Effect.void : Effect.fail(again)
      )
    })
  }
}

export const removeTree = (
  engine: Engine,
  path: Path,
  { force, parallel }: RemovalOptions
): Effect.Effect<void, AioFailure> =>
  Effect.suspend(() => {
    const place = top(path)
    const removed = Effect.catchAll(new Removal(engine, parallel).any(place), (error) =>
      // unlink(2) fails so for a link with a slash behind it, whatever the link points to. A file that does not exist is missing.
      error._tag === "AioError" && error.errno === errno.ENOTDIR && error.path === path
        ? Effect.zipRight(runAt(engine, lstat(path), place), Effect.fail(error))
        : Effect.fail(error)
    )
    return force ? Effect.catchAll(removed, (error) => (isGone(error) ? Effect.void : Effect.fail(error))) : removed
  })
