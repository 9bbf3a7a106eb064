/** Copying trees. */
import { dirname, isAbsolute, resolve } from "node:path"
import * as Effect from "effect/Effect"
import { AioError } from "../../AioError.ts"
import { execute } from "../effect/execute.ts"
import { exitOf, type Failure } from "../effect/exits.ts"
import { runSequence } from "../effect/run.ts"
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { errno } from "../native/errno.ts"
import { chmod, fstat, lstat, mkdir, readlink, stat, symlink, unlink } from "../operation/catalogue.ts"
import type { DirectoryEntry } from "../operation/directories.ts"
import type { Stat } from "../operation/metadata.ts"
import { CopyFile } from "./copyFile.ts"
import {
  byDescriptor,
  type Directory,
  forEachChunk,
  join,
  type Place,
  runAt,
  top,
  unlessGone,
  withDirectory,
  within
} from "./directory.ts"
import { Workers } from "./workers.ts"

export interface CopyTreeOptions {
  readonly parallel: number
  /** Files that exist are replaced; otherwise they are left as they are. */
  readonly overwrite: boolean
  readonly preserveTimestamps: boolean
  /** Relative targets of symbolic links become absolute ones, and links that exist are replaced: as `fs.cp` does. */
  readonly asNode: boolean
}

const PERMISSIONS = 0o7777

/** A refusal of ours: nothing the kernel said. `dest` is what it is about. */
const refusal = (number: number, place: Place): AioError => AioError.fromErrno(number, "copy", { path: place.full })

/** EISDIR: a directory, with a slash behind its name. */
const exists = (error: Failure): boolean =>
  error._tag === "AioError" && (error.errno === errno.EEXIST || error.errno === errno.EISDIR)

const same = (a: Stat, b: Stat): boolean => a.ino === b.ino && a.dev === b.dev

/** Whether `path` is `directory` or in it, by their names alone. */
export const isInside = (directory: Path, path: Path): boolean => {
  if (typeof directory !== "string" || typeof path !== "string") return false
  const [above, below] = [resolve(directory), resolve(path)]
  return below === above || below.startsWith(above.endsWith("/") ? above : `${above}/`)
}

/** The directory that a name lies in, by its text. */
const parentOf = (path: Path): Path =>
  typeof path === "string" ? dirname(path) : Buffer.from(dirname(Buffer.from(path).toString("latin1")), "latin1")

class Copy {
  private readonly workers: Workers
  /** The directory that is being filled: where it lies in the source, it is not copied into itself. */
  private root: Stat | undefined

  constructor(
    private readonly engine: Engine,
    private readonly options: CopyTreeOptions
  ) {
    this.workers = new Workers(options.parallel)
  }

  private stat(place: Place): Effect.Effect<Stat, Failure> {
    return runAt(this.engine, lstat(place.path, { at: place.at }), place)
  }

  /** What there is, or nothing. */
  private statIfAny(place: Place): Effect.Effect<Stat | undefined, Failure> {
    return Effect.catchAll(this.stat(place), (error) =>
      error._tag === "AioError" && error.errno === errno.ENOENT ? Effect.succeed(undefined) : Effect.fail(error)
    )
  }

  /** What a path leads to, links followed; or nothing. */
  private target(path: Path): Effect.Effect<Stat | undefined, Failure> {
    return Effect.catchAll(execute(this.engine, stat(path)), (error) =>
      error._tag === "AioError" && (error.errno === errno.ENOENT || error.errno === errno.ENOTDIR)
        ? Effect.succeed(undefined)
        : Effect.fail(error)
    )
  }

  /**
   * Whether what `path` leads to is `directory` or lies in it, whatever names it is reached by: each directory above it is looked at. Of
   * a path that is not there, what there is of it.
   */
  private lies(path: Path, directory: Stat): Effect.Effect<boolean, Failure> {
    return Effect.flatMap(this.target(path), (found) => {
      if (found !== undefined) return this.climbs(path, found, directory)
      const parent = parentOf(path)
      return parent === path ? Effect.succeed(false) : this.lies(parent, directory)
    })
  }

  private climbs(path: Path, here: Stat, directory: Stat): Effect.Effect<boolean, Failure> {
    if (same(here, directory)) return Effect.succeed(true)
    // Of a file, the directory is in its name.
    const above = here.type === "Directory" ? join(path, "..") : parentOf(path)
    return Effect.flatMap(this.target(above), (parent) =>
      // The root is its own parent.
      parent === undefined || same(parent, here) ? Effect.succeed(false) : this.climbs(above, parent, directory)
    )
  }

  /** The refusals that `fs.cp` begins with, before anything is made. */
  start(from: Place, to: Place): Effect.Effect<void, Failure> {
    return Effect.flatMap(Effect.zip(this.stat(from), this.statIfAny(to)), ([source, destination]) => {
      if (destination !== undefined && same(source, destination)) return Effect.fail(refusal(errno.EINVAL, to))
      if (source.type !== "Directory") return this.entry(source.type, from, to)
      if (isInside(from.full, to.full)) return Effect.fail(refusal(errno.EINVAL, to))
      return Effect.flatMap(this.lies(destination === undefined ? parentOf(to.full) : to.full, source), (isInIt) =>
        isInIt ? Effect.fail(refusal(errno.EINVAL, to)) : this.entry(source.type, from, to)
      )
    })
  }

  entry(type: Stat["type"], from: Place, to: Place): Effect.Effect<void, Failure> {
    switch (type) {
      case "Directory":
        return this.directory(from, to)
      case "File":
        return this.file(from, to)
      case "SymbolicLink":
        return this.link(from, to)
      case "Unknown":
        return Effect.flatMap(this.stat(from), (found) =>
          found.type === "Unknown" ? Effect.fail(refusal(errno.EINVAL, to)) : this.entry(found.type, from, to)
        )
      default:
        return Effect.fail(refusal(errno.EINVAL, to))
    }
  }

  private file(from: Place, to: Place, attempts = 3): Effect.Effect<void, Failure> {
    const { engine, options } = this
    const copied = runSequence(
      () => new CopyFile(engine, from, to, { exclusive: true, preserveTimestamps: options.preserveTimestamps }),
      (end) => exitOf(engine, end)
    )
    return Effect.matchEffect(copied, {
      onSuccess: () => Effect.void,
      onFailure: (error) =>
        exists(error) && attempts > 0
          ? Effect.flatMap(Effect.zip(this.stat(from), this.stat(to)), ([source, destination]) => {
              if (same(source, destination)) return Effect.fail(refusal(errno.EINVAL, to))
              if (destination.type === "Directory") return Effect.fail(refusal(errno.ENOTDIR, to))
              if (!options.overwrite) return Effect.void
              return Effect.zipRight(
                runAt(engine, unlink(to.path, { at: to.at }), to),
                this.file(from, to, attempts - 1)
              )
            })
          : Effect.fail(error)
    })
  }

  private link(from: Place, to: Place): Effect.Effect<void, Failure> {
    const { engine, options } = this
    return Effect.flatMap(runAt(engine, readlink(from.path, { at: from.at }), from), (found) => {
      const target =
        options.asNode && typeof found === "string" && typeof from.full === "string" && !isAbsolute(found)
          ? resolve(dirname(from.full), found)
          : found
      const make = runAt(engine, symlink(target, to.path, { at: to.at }), to)
      return Effect.catchAll(make, (error) =>
        exists(error)
          ? Effect.flatMap(this.stat(to), (destination) => {
              if (destination.type === "Directory") return Effect.fail(refusal(errno.ENOTDIR, to))
              if (options.asNode) {
                if (destination.type !== "SymbolicLink") return Effect.fail(error)
                return this.replaceLink(target, from, to, make)
              }
              if (!options.overwrite) return Effect.void
              return Effect.zipRight(runAt(engine, unlink(to.path, { at: to.at }), to), make)
            })
          : Effect.fail(error)
      )
    })
  }

  /** As `fs.cp`: replaced whatever `overwrite` says, unless one of the targets is inside the other. */
  private replaceLink(
    target: Path,
    from: Place,
    to: Place,
    make: Effect.Effect<void, Failure>
  ): Effect.Effect<void, Failure> {
    const { engine } = this
    return Effect.flatMap(Effect.zip(this.stat(from), this.stat(to)), ([source, destination]) => {
      if (same(source, destination)) return Effect.fail(refusal(errno.EINVAL, to))
      return Effect.flatMap(runAt(engine, readlink(to.path, { at: to.at }), to), (old) => {
        const current =
          typeof old === "string" && typeof to.full === "string" && !isAbsolute(old)
            ? resolve(dirname(to.full), old)
            : old
        if (isInside(target, current)) return Effect.fail(refusal(errno.EINVAL, to))
        const replaced = Effect.zipRight(runAt(engine, unlink(to.path, { at: to.at }), to), make)
        return Effect.flatMap(Effect.zip(this.target(target), this.target(current)), ([ours, theirs]) => {
          if (ours?.type !== "Directory" || theirs?.type !== "Directory") return replaced
          const eitherWay = Effect.zipWith(this.lies(current, ours), this.lies(target, theirs), (a, b) => a || b)
          return Effect.flatMap(eitherWay, (isInIt) => (isInIt ? Effect.fail(refusal(errno.EINVAL, to)) : replaced))
        })
      })
    })
  }

  private directory(from: Place, to: Place): Effect.Effect<void, Failure> {
    const { engine } = this
    const made = Effect.matchEffect(runAt(engine, mkdir(to.path, { at: to.at }), to), {
      onSuccess: () => Effect.succeed(true),
      onFailure: (error) =>
        exists(error)
          ? Effect.flatMap(this.stat(to), ({ type }) =>
              type === "Directory" ? Effect.succeed(false) : Effect.fail(refusal(errno.EISDIR, to))
            )
          : Effect.fail(error)
    })
    return withDirectory(engine, from, (source) =>
      Effect.flatMap(runAt(engine, fstat(source.fd), from), (stat) =>
        this.root !== undefined && same(this.root, stat)
          ? Effect.fail(refusal(errno.EINVAL, to))
          : Effect.flatMap(made, (isNew) =>
              withDirectory(engine, to, (destination) => this.fill(source, stat, destination, to, isNew))
            )
      )
    )
  }

  private fill(
    source: Directory,
    stat: Stat,
    destination: Directory,
    to: Place,
    isNew: boolean
  ): Effect.Effect<void, Failure> {
    const { engine } = this
    const marked =
      this.root === undefined
        ? Effect.map(runAt(engine, fstat(destination.fd), to), (root) => {
            this.root = root
          })
        : Effect.void
    const filled = forEachChunk(engine, source, (entries) =>
      this.workers.forEach(entries, ({ path, type }: DirectoryEntry) => {
        const from = within(engine, source, path)
        return unlessGone(engine, from, this.entry(type, from, within(engine, destination, path)), undefined)
      })
    )
    const path = byDescriptor(engine, destination.fd, to)
    return Effect.zipRight(
      Effect.zipRight(marked, filled),
      isNew ? runAt(engine, chmod(path, stat.mode & PERMISSIONS), to) : Effect.void
    )
  }
}

export const copyTree = (
  engine: Engine,
  from: Path,
  to: Path,
  options: CopyTreeOptions
): Effect.Effect<void, Failure> => Effect.suspend(() => new Copy(engine, options).start(top(from), top(to)))
