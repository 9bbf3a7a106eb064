/**
 * Directories: their names, and open ones that paths start at.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AioFailure, AioUnavailable } from "./AioError.ts"
import type * as AioFile from "./AioFile.ts"
import { type Aio, withEngine } from "./internal/effect/service.ts"
import type { Offset, Path } from "./internal/engine/arguments.ts"
import type { Opened } from "./internal/engine/openDescriptor.ts"
import * as internal from "./internal/file/directory.ts"
import type { AtOptions } from "./internal/operation/at.ts"
import type { AccessOptions, ChmodOptions, OwnerOptions, TimesOptions } from "./internal/operation/attributes.ts"
import type { DirectoryEntry } from "./internal/operation/directories.ts"
import type { SetxattrOptions, XattrName } from "./internal/operation/extendedAttributes.ts"
import type { LinkOptions } from "./internal/operation/links.ts"
import type { Stat, StatVfs } from "./internal/operation/metadata.ts"
import type {
  HardLinkOptions,
  MkdirOptions,
  MknodOptions,
  NodeType,
  RenameOptions
} from "./internal/operation/names.ts"
import type { Statx, StatxOptions } from "./internal/operation/statx.ts"

/**
 * What marks an open directory.
 *
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = internal.TypeId

/**
 * The type of the mark.
 *
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * An open directory, where relative paths start: those of its methods, and those of any operation that is given it as `at`. It stays this
 * directory when it, or one above it, is renamed, and when the process changes its current directory. Its Scope waits for the requests
 * that use it.
 *
 * With `beneath`, paths do not leave it: neither by `..`, nor by symbolic links, nor by mount points, and an absolute path is no path in it.
 * What does is `AioOutside`, and nothing was done. See `open`. Its number alone (`fd`), given to another function, keeps no path in.
 *
 * @since 0.1.0
 * @category models
 */
export interface AioDirectory extends Opened {
  readonly [TypeId]: TypeId
  /** The descriptor. */
  readonly fd: number
  /** Whether paths stay in it. */
  readonly beneath: boolean
  /** Opens a file, which is closed with the Scope. openat(2), openat2(2) */
  readonly open: (
    path: Path,
    options?: Omit<AioFile.OpenOptions, "at">
  ) => Effect.Effect<AioFile.AioFile, AioFailure, Scope.Scope>
  /** Opens a directory in it. Beneath this one if paths do not leave this one, whatever the options say. openat(2), openat2(2) */
  readonly openDirectory: (
    path: Path,
    options?: ChildOptions
  ) => Effect.Effect<AioDirectory, AioFailure | AioUnavailable, Scope.Scope>
  /** The names in a directory, by default in this one, without `.` and `..`, in no order. getdents64(2) */
  readonly read: (path?: Path) => Effect.Effect<ReadonlyArray<DirectoryEntry>, AioFailure>
  /** The bytes of a file, to its end. See `AioFile.readFile`. */
  readonly readFile: (path: Path) => Effect.Effect<Uint8Array, AioFailure>
  /** Writes a whole file: by default one that is made if it is missing, and emptied if not. See `AioFile.writeFile`. */
  readonly writeFile: (
    path: Path,
    data: Uint8Array | string,
    options?: Omit<AioFile.WriteFileOptions, "at">
  ) => Effect.Effect<void, AioFailure>
  /** Puts a file in place of another at once, or where there was none. See `AioFile.writeAtomic`. */
  readonly writeAtomic: (
    path: Path,
    data: Uint8Array | string,
    options?: Omit<AioFile.WriteAtomicOptions, "at">
  ) => Effect.Effect<void, AioFailure>
  /** The absolute path of what a path leads to, by default of this directory. See `Aio.realpath`. */
  readonly realpath: (path?: Path) => Effect.Effect<Path, AioFailure>
  /** Waits until the names in it are on the device: after a `rename`, say. fsync(2) */
  readonly sync: Effect.Effect<void, AioFailure>
  /** statx(2) */
  readonly stat: (path: Path) => Effect.Effect<Stat, AioFailure>
  /** Of a symbolic link, the link. statx(2) */
  readonly lstat: (path: Path) => Effect.Effect<Stat, AioFailure>
  /** With everything that statx(2) tells. */
  readonly statx: (path: Path, options?: Omit<StatxOptions, "at">) => Effect.Effect<Statx, AioFailure>
  /** statfs(2) */
  readonly statvfs: (path: Path) => Effect.Effect<StatVfs, AioFailure>
  /** faccessat(2), faccessat2(2) */
  readonly access: (path: Path, options?: Omit<AccessOptions, "at">) => Effect.Effect<void, AioFailure>
  /** unlinkat(2) */
  readonly unlink: (path: Path) => Effect.Effect<void, AioFailure>
  /** unlinkat(2) */
  readonly rmdir: (path: Path) => Effect.Effect<void, AioFailure>
  /** mkdirat(2) */
  readonly mkdir: (path: Path, options?: Omit<MkdirOptions, "at">) => Effect.Effect<void, AioFailure>
  /** Makes a file, a FIFO, the name of a socket, or a device. mknodat(2) */
  readonly mknod: (path: Path, type: NodeType, options?: Omit<MknodOptions, "at">) => Effect.Effect<void, AioFailure>
  /** To a name in this directory too, unless `toAt` is another one. renameat2(2) */
  readonly rename: (path: Path, to: Path, options?: Omit<RenameOptions, "at">) => Effect.Effect<void, AioFailure>
  /** With a second name in this directory too, unless `toAt` is another one. linkat(2) */
  readonly link: (path: Path, to: Path, options?: Omit<HardLinkOptions, "at">) => Effect.Effect<void, AioFailure>
  /** The target is text that nobody looks at: it may lead anywhere, and is refused when it is followed. symlinkat(2) */
  readonly symlink: (target: Path, path: Path) => Effect.Effect<void, AioFailure>
  /** readlinkat(2) */
  readonly readlink: (path: Path) => Effect.Effect<Path, AioFailure>
  /** fchmodat(2) */
  readonly chmod: (path: Path, mode: number, options?: Omit<ChmodOptions, "at">) => Effect.Effect<void, AioFailure>
  /** fchownat(2) */
  readonly chown: (path: Path, owner: Omit<OwnerOptions, "at">) => Effect.Effect<void, AioFailure>
  /** utimensat(2) */
  readonly utimes: (path: Path, times: Omit<TimesOptions, "at">) => Effect.Effect<void, AioFailure>
  /** To `length` bytes, 0 by default. There is no call with a directory: the file is opened with O_PATH, and named by that descriptor. truncate(2) */
  readonly truncate: (path: Path, length?: Offset) => Effect.Effect<void, AioFailure>
  /** As `truncate`, of an extended attribute. getxattr(2) */
  readonly getxattr: (
    path: Path,
    name: XattrName,
    options?: Omit<LinkOptions, "at">
  ) => Effect.Effect<Uint8Array, AioFailure>
  /** setxattr(2) */
  readonly setxattr: (
    path: Path,
    name: XattrName,
    value: Uint8Array,
    options?: Omit<SetxattrOptions, "at">
  ) => Effect.Effect<void, AioFailure>
  /** removexattr(2) */
  readonly removexattr: (
    path: Path,
    name: XattrName,
    options?: Omit<LinkOptions, "at">
  ) => Effect.Effect<void, AioFailure>
  /** listxattr(2) */
  readonly listxattr: (
    path: Path,
    options?: Omit<LinkOptions, "at">
  ) => Effect.Effect<ReadonlyArray<XattrName>, AioFailure>
}

/**
 * How a directory in an open one is opened.
 *
 * @since 0.1.0
 * @category models
 */
export interface ChildOptions {
  /** Paths do not leave it. Default `false`. */
  readonly beneath?: boolean | undefined
}

/**
 * How a directory is opened.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenOptions extends AtOptions, ChildOptions {}

/**
 * Opens a directory for reading, which is closed with its Scope. open(2) with O_DIRECTORY
 *
 * With `beneath: true` every path that starts there stays there, for every operation, whoever moves names meanwhile: the kernel resolves it
 * (openat2(2) with RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV). The path of the directory itself is followed like any other. What
 * such a directory does not promise: a hard link in it may be of a file that has names elsewhere, and a directory that another process moves
 * out of it while an operation works in it, is where the operation works.
 *
 * `AioUnavailable` where the kernel has no openat2(2) (before Linux 5.6), or a seccomp filter forbids it. EAGAIN where names were moved on
 * this machine at each of 256 times that a path with `..` was followed.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * import { Effect } from "effect"
 * import { AioDirectory } from "effect-aio"
 *
 * // The path comes from somebody else.
 * const upload = (path: string) =>
 *   Effect.gen(function*() {
 *     const uploads = yield* AioDirectory.open("/srv/uploads", { beneath: true })
 *     return yield* uploads.readFile(path)
 *   }).pipe(
 *     Effect.scoped,
 *     Effect.catchTag("AioOutside", (error) => Effect.logWarning(error.message))
 *   )
 */
export const open = (
  path: Path,
  options?: OpenOptions
): Effect.Effect<AioDirectory, AioFailure | AioUnavailable, Aio | Scope.Scope> =>
  withEngine((engine) => internal.openDirectoryScoped(engine, path, options))

/**
 * The names in a directory, without `.` and `..`, in no order. opendir(3), getdents64(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const read = (path: Path, options?: AtOptions): Effect.Effect<ReadonlyArray<DirectoryEntry>, AioFailure, Aio> =>
  withEngine((engine) => internal.list(engine, path, options))
