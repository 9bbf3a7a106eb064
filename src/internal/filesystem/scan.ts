/** Listing trees: one directory after the other, depth first, with one descriptor open for each level. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { AioFailure } from "../../AioError.ts"
import { execute } from "../effect/execute.ts"
import type { Restore } from "../effect/wait.ts"
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { errno } from "../native/errno.ts"
import { lstat, readdir } from "../operation/catalogue.ts"
import type { DirectoryChunk } from "../operation/directories.ts"
import type { FileType } from "../operation/metadata.ts"
import {
  type Directory,
  enterDirectory,
  join,
  leaveDirectory,
  named,
  type Place,
  runAt,
  top,
  unlessGone,
  within
} from "./directory.ts"

/**
 * A name somewhere in a tree.
 *
 * @since 0.1.0
 * @category models
 */
export interface TreeEntry {
  /** From the root of the tree on, without it. Bytes where a part of it is not UTF-8. */
  readonly path: Path
  /** The last part of the path, as text. */
  readonly name: string
  readonly type: FileType
  /** 1 for names in the root itself. */
  readonly depth: number
  readonly ino: bigint
}

interface Level {
  readonly directory: Directory
  /** How it was opened. */
  readonly place: Place
  /** From the root of the tree on. */
  readonly prefix: Path
  /** Subdirectories that have been listed and not walked into. */
  pending: Array<Path>
  isRead: boolean
}

/** Errors of a name that was listed as a directory and has been replaced since. */
const isReplaced = (error: AioFailure): boolean =>
  error._tag === "AioError" && (error.errno === errno.ENOTDIR || error.errno === errno.ELOOP)

const nothing = Chunk.empty<TreeEntry>()

class Scan {
  private readonly levels: Array<Level> = []

  constructor(
    private readonly engine: Engine,
    private readonly maxDepth: number
  ) {}

  enter(place: Place, prefix: Path, follow: boolean, restore: Restore): Effect.Effect<void, AioFailure> {
    return Effect.map(enterDirectory(this.engine, place, follow, restore), (directory) => {
      this.levels.push({ directory, place, prefix, pending: [], isRead: false })
    })
  }

  private leave(): Effect.Effect<void> {
    return Effect.suspend(() => leaveDirectory(this.engine, this.levels.pop()!.directory))
  }

  get closeAll(): Effect.Effect<void> {
    return Effect.suspend(() => (this.levels.length === 0 ? Effect.void : Effect.zipRight(this.leave(), this.closeAll)))
  }

  /** The next names. An empty array does not mean the end. */
  readonly pull: Effect.Effect<Chunk.Chunk<TreeEntry>, Option.Option<AioFailure>> = Effect.suspend(() => {
    const level = this.levels[this.levels.length - 1]
    if (level === undefined) return Effect.fail(Option.none())
    return Effect.mapError(level.isRead ? this.descend(level) : this.read(level), Option.some)
  })

  private descend(level: Level): Effect.Effect<Chunk.Chunk<TreeEntry>, AioFailure> {
    const name = level.pending.pop()
    if (name === undefined) return Effect.as(Effect.uninterruptible(this.leave()), nothing)
    const place = within(this.engine, level.directory, name)
    const entered = Effect.uninterruptibleMask((restore) => this.enter(place, join(level.prefix, name), false, restore))
    return Effect.as(
      unlessGone(
        this.engine,
        place,
        Effect.catchIf(entered, isReplaced, () => Effect.void),
        undefined
      ),
      nothing
    )
  }

  private read(level: Level): Effect.Effect<Chunk.Chunk<TreeEntry>, AioFailure> {
    const { directory, place, prefix } = level
    const depth = this.levels.length
    const listed = Effect.mapError(execute(this.engine, readdir(directory.fd)), named(directory.path))
    return Effect.flatMap(
      // The directory was removed while it was listed: there are no more names in it.
      depth === 1 ? listed : unlessGone<DirectoryChunk>(this.engine, place, listed, { done: true, entries: [] }),
      ({ done, entries }) => {
        const found: Array<TreeEntry | undefined> = []
        const unknown: Array<{ readonly index: number; readonly path: Path }> = []
        for (const { ino, name, path, type } of entries) {
          if (type === "Unknown") unknown.push({ index: found.length, path })
          else if (type === "Directory" && depth < this.maxDepth) level.pending.push(path)
          found.push({ path: join(prefix, path), name, type, depth, ino })
        }
        const asked = Effect.forEach(
          unknown,
          ({ index, path }) => {
            const place = within(this.engine, directory, path)
            const asked = runAt(this.engine, lstat(place.path, { at: place.at }), place)
            return Effect.map(unlessGone(this.engine, place, asked, undefined), (stat) => {
              found[index] = stat === undefined ? undefined : { ...found[index]!, type: stat.type }
              if (stat?.type === "Directory" && depth < this.maxDepth) level.pending.push(path)
            })
          },
          { discard: true }
        )
        return Effect.map(asked, () => {
          if (done) {
            level.isRead = true
            level.pending.reverse()
          }
          return Chunk.unsafeFromArray(
            unknown.length === 0 ? (found as Array<TreeEntry>) : found.filter(Predicate.isNotUndefined)
          )
        })
      }
    )
  }
}

/** Everything below `path`, which may be a symbolic link to a directory. Links in the tree are not followed. */
export const scanTree = (engine: Engine, path: Path, maxDepth: number): Stream.Stream<TreeEntry, AioFailure> =>
  Stream.unwrapScoped(
    Effect.suspend(() => {
      const scan = new Scan(engine, maxDepth)
      return Effect.map(
        Effect.acquireRelease(
          Effect.uninterruptibleMask((restore) => scan.enter(top(path), "", true, restore)),
          () => scan.closeAll
        ),
        () => Stream.repeatEffectChunkOption(scan.pull)
      )
    })
  )
