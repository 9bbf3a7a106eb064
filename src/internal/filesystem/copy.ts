/** Copying trees. */
import { dirname, isAbsolute, resolve } from "node:path"
import * as Effect from "effect/Effect"
import { AioError, type AioFailure } from "../../AioError.ts"
import { execute } from "../effect/execute.ts"
import { exitOf } from "../effect/exits.ts"
import { runSequence } from "../effect/run.ts"
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { errno } from "../native/errno.ts"
import { chmod, fstat, lstat, mkdir, readlink, stat, symlink, unlink } from "../operation/catalogue.ts"
import type { DirectoryEntry } from "../operation/directories.ts"
import type { Stat } from "../operation/metadata.ts"
import { CopyFile, type Reflink } from "./copyFile.ts"
import { CopyRefusal, type CopyRefusalKind } from "./copyRefusal.ts"
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
  readonly reflink: Reflink
  /** Relative targets of symbolic links become absolute ones, and links that exist are replaced: as `fs.cp` does. */
  readonly asNode: boolean
}

const PERMISSIONS = 0o7777

const refused = (kind: CopyRefusalKind, from: Place, to: Place): Effect.Effect<never, AioFailure> =>
  Effect.fail(new CopyRefusal(kind, { from: from.full, to: to.full }))

/** EISDIR: a directory, with a slash behind its name. */
const exists = (error: AioFailure): boolean =>
  error._tag === "AioError" && (error.errno === errno.EEXIST || error.errno === errno.EISDIR)

/** Node's sentence about a link names both paths. */
const namedBoth =
  (target: Path, { full }: Place) =>
  (error: AioFailure): AioFailure =>
    error._tag === "AioError" ? new AioError({ ...error, path: target, dest: full }) : error

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
  /** The directory that is being filled. Where it lies in the source, it is not copied into itself. */
  private root: Stat | undefined

  constructor(
    private readonly engine: Engine,
    private readonly options: CopyTreeOptions
  ) {
    this.workers = new Workers(options.parallel)
  }

  private stat(place: Place): Effect.Effect<Stat, AioFailure> {
    return runAt(this.engine, lstat(place.path, { at: place.at }), place)
  }

  /** The file of a name, or `undefined`. */
  private statIfAny(place: Place): Effect.Effect<Stat | undefined, AioFailure> {
    return Effect.catchAll(this.stat(place), (error) =>
      error._tag === "AioError" && error.errno === errno.ENOENT ? Effect.succeed(undefined) : Effect.fail(error)
    )
  }

  /** The file that a path leads to, with links followed; or `undefined`. */
  private target(path: Path): Effect.Effect<Stat | undefined, AioFailure> {
    return Effect.catchAll(execute(this.engine, stat(path)), (error) =>
      error._tag === "AioError" && (error.errno === errno.ENOENT || error.errno === errno.ENOTDIR)
        ? Effect.succeed(undefined)
        : Effect.fail(error)
    )
  }

  /**
   * Whether the file that `path` leads to is `directory` or lies in it, no matter by which names: each directory above it is looked at.
   * Where a part of the path does not exist, the parts before it count.
   */
  private lies(path: Path, directory: Stat): Effect.Effect<boolean, AioFailure> {
    return Effect.flatMap(this.target(path), (found) => {
      if (found !== undefined) return this.climbs(path, found, directory)
      const parent = parentOf(path)
      return parent === path ? Effect.succeed(false) : this.lies(parent, directory)
    })
  }

  private climbs(path: Path, here: Stat, directory: Stat): Effect.Effect<boolean, AioFailure> {
    if (same(here, directory)) return Effect.succeed(true)
    // The directory of a file is found by its name.
    const above = here.type === "Directory" ? join(path, "..") : parentOf(path)
    return Effect.flatMap(this.target(above), (parent) =>
      // The root is its own parent.
      parent === undefined || same(parent, here) ? Effect.succeed(false) : this.climbs(above, parent, directory)
    )
  }

  /**
   * The name by which Node tells that `path` lies in `directory`: among the names above it, the first whose parent is the directory. A file
   * that is reached in other ways than by its names has no such name.
   */
  private nameInside(path: Path, directory: Stat): Effect.Effect<Path | undefined, AioFailure> {
    const parent = typeof path === "string" ? dirname(resolve(path)) : parentOf(path)
    if (parent === "/" || parentOf(parent) === parent) return Effect.succeed(undefined)
    return Effect.flatMap(this.target(parent), (found) =>
      found !== undefined && same(found, directory) ? Effect.succeed(path) : this.nameInside(parent, directory)
    )
  }

  /** Refuses files that cannot be copied, or that cannot take the place of the file that is there. */
  private refusalOf(type: Stat["type"], source: Stat, destination: Stat | undefined): CopyRefusalKind | undefined {
    if (destination !== undefined) {
      if (same(source, destination)) return "same"
      const isDirectory = destination.type === "Directory"
      if (type === "Directory" && !isDirectory) return "directoryOntoOther"
      if (type !== "Directory" && isDirectory) return "otherOntoDirectory"
    }
    if (type === "Directory" || type === "File" || type === "SymbolicLink") return undefined
    return type === "FIFO" || type === "Socket" ? type : "other"
  }

  private look(from: Place, to: Place): Effect.Effect<readonly [Stat, Stat | undefined], AioFailure> {
    return Effect.flatMap(Effect.zip(this.stat(from), this.statIfAny(to)), (both) => {
      const kind = this.refusalOf(both[0].type, ...both)
      return kind === undefined ? Effect.succeed(both) : refused(kind, from, to)
    })
  }

  /** The refusals that `fs.cp` begins with, before it makes anything. */
  start(from: Place, to: Place): Effect.Effect<void, AioFailure> {
    return Effect.flatMap(this.look(from, to), ([source, destination]) => {
      if (source.type !== "Directory") return this.entry(source.type, from, to)
      if (isInside(from.full, to.full)) return refused("intoItself", from, to)
      return Effect.flatMap(this.lies(destination === undefined ? parentOf(to.full) : to.full, source), (isInIt) =>
        isInIt
          ? Effect.flatMap(this.nameInside(to.full, source), (name = to.full) =>
              Effect.fail(new CopyRefusal("intoItself", { from: from.full, to: name }))
            )
          : this.entry(source.type, from, to)
      )
    })
  }

  entry(type: Stat["type"], from: Place, to: Place): Effect.Effect<void, AioFailure> {
    switch (type) {
      case "Directory":
        return this.directory(from, to)
      case "File":
        return this.file(from, to)
      case "SymbolicLink":
        return this.link(from, to)
      default:
        // Not known yet, or refused.
        return Effect.flatMap(this.look(from, to), ([source]) => this.entry(source.type, from, to))
    }
  }

  private file(from: Place, to: Place, attempts = 3): Effect.Effect<void, AioFailure> {
    const { engine, options } = this
    const copied = runSequence(
      () =>
        new CopyFile(engine, from, to, {
          exclusive: true,
          preserveTimestamps: options.preserveTimestamps,
          reflink: options.reflink
        }),
      (end) => exitOf(engine, end)
    )
    return Effect.matchEffect(copied, {
      onSuccess: () => Effect.void,
      onFailure: (error) =>
        exists(error) && attempts > 0
          ? Effect.flatMap(Effect.zip(this.stat(from), this.stat(to)), ([source, destination]) => {
              const kind = this.refusalOf("File", source, destination)
              if (kind !== undefined) return refused(kind, from, to)
              if (!options.overwrite) return Effect.void
              return Effect.zipRight(
                runAt(engine, unlink(to.path, { at: to.at }), to),
                this.file(from, to, attempts - 1)
              )
            })
          : Effect.fail(error)
    })
  }

  private link(from: Place, to: Place): Effect.Effect<void, AioFailure> {
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
              if (destination.type === "Directory") return refused("otherOntoDirectory", from, to)
              if (options.asNode) {
                if (destination.type !== "SymbolicLink") return Effect.fail(namedBoth(target, to)(error))
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
    make: Effect.Effect<void, AioFailure>
  ): Effect.Effect<void, AioFailure> {
    const { engine } = this
    return Effect.flatMap(Effect.zip(this.stat(from), this.stat(to)), ([source, destination]) => {
      if (same(source, destination)) return refused("same", from, to)
      return Effect.flatMap(runAt(engine, readlink(to.path, { at: to.at }), to), (old) => {
        const current =
          typeof old === "string" && typeof to.full === "string" && !isAbsolute(old)
            ? resolve(dirname(to.full), old)
            : old
        const refuse = (kind: CopyRefusalKind) =>
          Effect.fail(new CopyRefusal(kind, { from: target, to: current, path: to.full }))
        if (isInside(target, current)) return refuse("intoItself")
        const replaced = Effect.zipRight(runAt(engine, unlink(to.path, { at: to.at }), to), make)
        // A link that leads nowhere must not replace a link that may lead somewhere.
        const ours = runAt(engine, stat(from.path, { at: from.at }), from)
        const theirs = Effect.orElseSucceed(this.target(current), () => undefined)
        return Effect.flatMap(Effect.zip(ours, theirs), ([ours, theirs]) => {
          if (ours.type !== "Directory" || theirs?.type !== "Directory") return replaced
          return Effect.flatMap(Effect.zip(this.lies(current, ours), this.lies(target, theirs)), ([below, above]) =>
            below ? refuse("intoItself") : above ? refuse("linkAbove") : replaced
          )
        })
      })
    })
  }

  private directory(from: Place, to: Place): Effect.Effect<void, AioFailure> {
    const { engine } = this
    const made = Effect.matchEffect(runAt(engine, mkdir(to.path, { at: to.at }), to), {
      onSuccess: () => Effect.succeed(true),
      onFailure: (error) =>
        exists(error)
          ? Effect.flatMap(this.stat(to), ({ type }) =>
              type === "Directory" ? Effect.succeed(false) : refused("directoryOntoOther", from, to)
            )
          : Effect.fail(error)
    })
    return withDirectory(engine, from, (source) =>
      Effect.flatMap(runAt(engine, fstat(source.fd), from), (stat) =>
        this.root !== undefined && same(this.root, stat)
          ? refused("intoItself", from, to)
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
  ): Effect.Effect<void, AioFailure> {
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
): Effect.Effect<void, AioFailure> => Effect.suspend(() => new Copy(engine, options).start(top(from), top(to)))
