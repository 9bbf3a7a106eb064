/**
 * Whole directory trees: removed, copied, listed.
 *
 * Every name is used relative to the open directory that it was found in, and directories are opened with O_NOFOLLOW. So whoever
 * replaces a directory by a symbolic link while a tree is walked cannot lead the walk out of it. Names need not be UTF-8.
 *
 * All is interruptible; what has been done by then stays done.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AioFailure } from "./AioError.ts"
import { checkCount, withArguments } from "./internal/effect/arguments.ts"
import { type Aio, currentEngine, withEngine } from "./internal/effect/service.ts"
import { checkName, checkPath, type Path } from "./internal/engine/arguments.ts"
import { optionsReader } from "./internal/engine/options.ts"
import { copyTree } from "./internal/filesystem/copy.ts"
import type { Reflink } from "./internal/filesystem/copyFile.ts"
import { removeTree } from "./internal/filesystem/removal.ts"
import { scanTree, type TreeEntry } from "./internal/filesystem/scan.ts"

export type { Reflink, TreeEntry }

/**
 * How much is done at once.
 *
 * @since 0.1.0
 * @category models
 */
export interface ParallelOptions {
  /**
   * Directories that are worked on at once, at most. Default 4. A walk holds a descriptor for each level of each of them, and the names
   * of about a thousand entries for each descriptor.
   */
  readonly parallel?: number | undefined
}

/** Measured in bench/scenarios/filesystem.ts: two cores gain nothing from more. */
const PARALLEL = 4

/**
 * How a tree is removed.
 *
 * @since 0.1.0
 * @category models
 */
export interface RemoveOptions extends ParallelOptions {
  /** It is fine if there is nothing to remove. Default `false`: ENOENT. */
  readonly force?: boolean | undefined
}

/**
 * Removes a file, or a directory with everything in it. A symbolic link is removed itself. unlink(2), rmdir(2)
 *
 * Names that disappear meanwhile are fine; directories in which others make names meanwhile are read again, a few times. The first
 * failure ends it, with its path, when what is under way has ended.
 *
 * @since 0.1.0
 * @category operations
 * @example
 * import { AioTree } from "effect-aio"
 *
 * const program = AioTree.remove("build", { force: true })
 */
export const remove = (path: Path, options?: RemoveOptions): Effect.Effect<void, AioFailure, Aio> =>
  withArguments(
    "remove",
    () => {
      checkPath(path, "path")
      const { force = false, parallel } = removeOptions(options)
      return { force, parallel: checkCount("parallel", parallel, 1) ?? PARALLEL }
    },
    (options) => withEngine((engine) => removeTree(engine, path, options))
  )

const removeOptions = optionsReader<RemoveOptions>({ force: true, parallel: true })

/**
 * How a tree is copied.
 *
 * @since 0.1.0
 * @category models
 */
export interface CopyOptions extends ParallelOptions {
  /** Replaces files and links that exist. Default `false`: they are left as they are. Directories are always merged. */
  readonly overwrite?: boolean | undefined
  /** Files get the times of last access and modification of their originals. Default `false`. */
  readonly preserveTimestamps?: boolean | undefined
  /**
   * Whether files share blocks with their originals. `"auto"` (the default): where the file system can. `"always"` fails where it cannot, with
   * EOPNOTSUPP, EXDEV or EINVAL. ioctl_ficlone(2). `"never"`: bytes are read and written.
   */
  readonly reflink?: Reflink | undefined
}

/**
 * Copies a file, or a directory with everything in it: contents, permissions, and symbolic links as links. Holes stay holes.
 * Owners and hard links are not kept. copy_file_range(2), lseek(2)
 *
 * Fails with EINVAL for FIFOs, sockets and devices, and where a directory would be copied into itself; with EISDIR or ENOTDIR where
 * one of the two is a directory and the other is not. An interrupted copy removes the file that it was writing.
 *
 * @since 0.1.0
 * @category operations
 */
export const copy = (from: Path, to: Path, options?: CopyOptions): Effect.Effect<void, AioFailure, Aio> =>
  withArguments(
    "copy",
    () => {
      checkPath(from, "from")
      checkPath(to, "to")
      const { overwrite = false, parallel, preserveTimestamps = false, reflink = "auto" } = copyOptions(options)
      checkName(reflinks, reflink, "reflink")
      return {
        overwrite,
        preserveTimestamps,
        reflink,
        parallel: checkCount("parallel", parallel, 1) ?? PARALLEL,
        asNode: false
      }
    },
    (options) => withEngine((engine) => copyTree(engine, from, to, options))
  )

const copyOptions = optionsReader<CopyOptions>({
  overwrite: true,
  parallel: true,
  preserveTimestamps: true,
  reflink: true
})

const reflinks = { auto: 0, always: 1, never: 2 } as const

/**
 * How much of a tree is listed.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScanOptions {
  /** Levels of directories that are listed. 1 lists `path` alone. Default: all. */
  readonly maxDepth?: number | undefined
}

/**
 * Everything below a directory, in no order but that directories come before what is in them. Symbolic links in it are not followed.
 * getdents64(2)
 *
 * `path` of an entry starts below the directory. Directories that are removed or replaced after they have been listed are left out.
 *
 * @since 0.1.0
 * @category operations
 */
export const scan = (path: Path, options?: ScanOptions): Stream.Stream<TreeEntry, AioFailure, Aio> =>
  Stream.unwrap(
    withArguments(
      "scan",
      () => {
        checkPath(path, "path")
        return checkCount("maxDepth", scanOptions(options).maxDepth, 1) ?? Number.POSITIVE_INFINITY
      },
      (maxDepth) => Effect.map(currentEngine, (engine) => scanTree(engine, path, maxDepth))
    )
  )

const scanOptions = optionsReader<ScanOptions>({ maxDepth: true })
