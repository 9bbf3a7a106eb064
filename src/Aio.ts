/**
 * Asynchronous I/O: one function per operation on open files, descriptors and paths, each an interruptible Effect.
 *
 * Interrupting a fiber cancels its request; the fiber ends when the completion has arrived, so its buffers are its own again.
 * Every operation fails with `AioError` (a system call failed) or `AioBadArgument` (no kernel would take the argument).
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type { AioBadArgument, AioFailure, AioUnavailable } from "./AioError.ts"
import { checkCount, checkMillis, withArguments } from "./internal/effect/arguments.ts"
import { execute } from "./internal/effect/execute.ts"
import { clampPriority, currentPriority } from "./internal/effect/priority.ts"
import { environment, type LayerOptions, select, selectBy } from "./internal/effect/selection.ts"
import { Aio, type AioService, currentEngine, withEngine } from "./internal/effect/service.ts"
import type { Path } from "./internal/engine/arguments.ts"
import type { Operation } from "./internal/engine/operation.ts"
import { optionsReader } from "./internal/engine/options.ts"
import * as wholeFiles from "./internal/file/wholeFiles.ts"
import type { AtOptions } from "./internal/operation/at.ts"
import * as catalogue from "./internal/operation/catalogue.ts"
import * as metadata from "./internal/operation/metadata.ts"

export {
  type Capabilities,
  type Capability,
  capabilities,
  type FileCapability,
  type Outcome
} from "./internal/effect/capabilities.ts"
export { type Stats, stats } from "./internal/effect/introspection.ts"
export type { BackendName, LayerOptions, OwnOptions } from "./internal/effect/selection.ts"
export type { Offset, Path } from "./internal/engine/arguments.ts"
export type { Target } from "./internal/engine/openDescriptor.ts"
export type { AtOptions, BothAtOptions } from "./internal/operation/at.ts"
export type {
  AccessOptions,
  ChmodOptions,
  FileTime,
  Owner,
  OwnerOptions,
  Times,
  TimesOptions
} from "./internal/operation/attributes.ts"
export type { CopyOptions } from "./internal/operation/copies.ts"
export type {
  Advice,
  AllocateMode,
  AllocateOptions,
  RangeOptions
} from "./internal/operation/descriptors.ts"
export type { DirectoryChunk, DirectoryEntry, ReaddirOptions } from "./internal/operation/directories.ts"
export type { EventfdOptions } from "./internal/operation/eventfds.ts"
export type { FsetxattrOptions, SetxattrOptions, XattrName } from "./internal/operation/extendedAttributes.ts"
export type {
  Extent,
  ExtentChunk,
  ExtentFlag,
  FiemapOptions,
  ReflinkOptions
} from "./internal/operation/extents.ts"
export type { InodeFlag, InodeFlags } from "./internal/operation/inodeFlags.ts"
export type { LinkOptions } from "./internal/operation/links.ts"
export type { MemfdOptions } from "./internal/operation/memoryFiles.ts"
export type { DeviceNumbers, FileType, Stat, StatVfs } from "./internal/operation/metadata.ts"
export type {
  HardLinkOptions,
  MkdirOptions,
  MknodOptions,
  NodeType,
  RenameOptions
} from "./internal/operation/names.ts"
export type { OpenFlag } from "./internal/operation/openFlags.ts"
export type { CacheStat } from "./internal/operation/pageCache.ts"
export type { OpenOptions } from "./internal/operation/paths.ts"
export type { LockHolder, LockRange, LockRangeOptions } from "./internal/operation/rangeLocks.ts"
export type { Seal } from "./internal/operation/seals.ts"
export type { SeekFrom } from "./internal/operation/seeks.ts"
export type { SendfileOptions, TeeOptions } from "./internal/operation/splices.ts"
export type { FileAttributes, FstatxOptions, Statx, StatxOptions } from "./internal/operation/statx.ts"
export type { SyncFileRangeOptions } from "./internal/operation/syncing.ts"
export type { ReadOptions, TransferOptions, WriteOptions } from "./internal/operation/transferOptions.ts"
export type { Interest, Lock, LockOptions, Readiness } from "./internal/operation/waiting.ts"
export type { AioService }
export {
  /**
   * The service that runs asynchronous I/O.
   *
   * @since 0.1.0
   * @category context
   */
  Aio
}

/**
 * `Aio` on the best backend of this machine: io_uring, or else the thread pool, with kernel AIO for files opened with `direct`. `backend`, or
 * else the environment variable `AIO_BACKEND`, forces one. The choice and its reason are logged at debug level.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * import { Aio } from "effect-aio"
 *
 * const AioLive = Aio.layer({ maxOutstanding: 1000, io_uring: { entries: 256 }, threads: { maxParallel: 16 } })
 */
export const layer = (options?: LayerOptions): Layer.Layer<Aio, AioUnavailable> => Layer.scoped(Aio, select(options))

/**
 * The options of `layer` as a `Config`: `AIO_BACKEND` (`io_uring`, `kernel`, `posix`, `threads`), `AIO_MAX_POLL_REQUESTS`, `AIO_MAX_POLL_TIME`
 * (a duration: `5 millis`), `AIO_MAX_OUTSTANDING`, `AIO_INLINE` (a boolean), `AIO_ENTRIES` of io_uring and kernel AIO, and of the thread pool
 * `AIO_MIN_PARALLEL`, `AIO_MAX_PARALLEL`, `AIO_MAX_IDLE` and `AIO_IDLE_TIMEOUT` (a duration). All may be left out.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<LayerOptions> = environment

/**
 * `layer` with options from a `Config`, by default those of the environment. A value that is none is a `ConfigError`.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * import { Config } from "effect"
 * import { Aio } from "effect-aio"
 *
 * const FromEnvironment = Aio.layerConfig()
 * const FromTheirOwn = Aio.layerConfig({ threads: { maxParallel: Config.integer("WORKERS") } })
 */
export const layerConfig = (
  options: Config.Config.Wrap<LayerOptions> = environment
): Layer.Layer<Aio, AioUnavailable | ConfigError> => Layer.scoped(Aio, selectBy(options))

/**
 * The limits of the engine, as `setLimits` takes them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limits {
  /** Completions delivered in one turn of the event loop, at most. */
  readonly maxPollRequests: number
  /** Time after which a turn delivers no more. */
  readonly maxPollTime: Duration.Duration
  /** Requests under way at once, at most. */
  readonly maxOutstanding: number
}

/**
 * The limits that hold now.
 *
 * @since 0.1.0
 * @category limits
 */
export const limits: Effect.Effect<Limits, never, Aio> = Effect.map(currentEngine, (engine) => ({
  maxPollRequests: engine.limits.maxPollRequests,
  maxPollTime: Duration.millis(engine.limits.maxPollTime),
  maxOutstanding: engine.limits.maxOutstanding
}))

interface Changes {
  readonly maxPollRequests?: number | undefined
  readonly maxPollTime?: Duration.DurationInput | undefined
  readonly maxOutstanding?: number | undefined
}

const readChanges = optionsReader<Changes>({ maxPollRequests: true, maxPollTime: true, maxOutstanding: true })

/**
 * Changes limits while requests are running.
 *
 * @since 0.1.0
 * @category limits
 */
export const setLimits = (changes: {
  readonly maxPollRequests?: number | undefined
  readonly maxPollTime?: Duration.DurationInput | undefined
  readonly maxOutstanding?: number | undefined
}): Effect.Effect<void, AioBadArgument, Aio> =>
  withEngine((engine) =>
    withArguments(
      "setLimits",
      () => {
        const given = readChanges(changes, "changes")
        return {
          maxPollRequests: checkCount("maxPollRequests", given.maxPollRequests, 1),
          maxPollTime: checkMillis("maxPollTime", given.maxPollTime),
          maxOutstanding: checkCount("maxOutstanding", given.maxOutstanding, 1)
        }
      },
      ({ maxOutstanding, maxPollRequests, maxPollTime }) =>
        Effect.sync(() => {
          const { limits } = engine
          limits.maxPollRequests = maxPollRequests ?? limits.maxPollRequests
          limits.maxOutstanding = maxOutstanding ?? limits.maxOutstanding
          limits.maxPollTime = maxPollTime ?? limits.maxPollTime
          engine.wake()
        })
    )
  )

/**
 * Runs an effect with priority `priority` for all requests that it makes: -4 (last) to 4 (first), 0 by default. Requests of higher
 * priority overtake others that have not started, in order within one priority. Numbers beyond the range count as its ends,
 * and what is no number as 0.
 *
 * @since 0.1.0
 * @category priorities
 */
export const withPriority: {
  (priority: number): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, priority: number): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(effect: Effect.Effect<A, E, R>, priority: number) =>
  Effect.locally(effect, currentPriority, clampPriority(priority))
)

/**
 * Runs an effect with a priority that is `decrement` lower than it would be (higher, for a negative one), as nice(1) and IO::AIO's
 * `aioreq_nice` do: nested calls add up.
 *
 * @since 0.1.0
 * @category priorities
 */
export const nice: {
  (decrement: number): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, decrement: number): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(effect: Effect.Effect<A, E, R>, decrement: number) =>
  Effect.locallyWith(effect, currentPriority, (priority) =>
    clampPriority(priority - (typeof decrement === "number" && !Number.isNaN(decrement) ? decrement : 0))
  )
)

const run =
  <Args extends ReadonlyArray<any>, A>(constructor: (...args: Args) => Operation<A>) =>
  (...args: Args): Effect.Effect<A, AioFailure, Aio> =>
    withEngine((engine) => execute(engine, constructor(...args)))

/**
 * Does nothing, through the backend: what a request costs. io_uring_prep_nop(3).
 *
 * @since 0.1.0
 * @category operations
 */
export const nop = run(catalogue.nop)

/**
 * Opens a file: a descriptor that the caller has to close. open(2). `AioFile.open` closes with its Scope.
 *
 * An interrupted `open` closes the descriptor that the kernel may have produced meanwhile.
 *
 * @since 0.1.0
 * @category operations
 */
export const open = run(catalogue.open)

/**
 * Makes a file in memory, of which nothing is left when its last descriptor is closed: a descriptor that the caller has to close. `name` is what
 * `/proc/self/fd` shows of it, 249 bytes at most, and need not be the only one. memfd_create(2). `AioFile.memory` closes with its Scope.
 *
 * @since 0.1.0
 * @category operations
 */
export const memfdCreate = run(catalogue.memfdCreate)

/**
 * Makes a counter, which is 8 bytes for those who read and write it (a 64-bit integer of the machine): a write adds to it, a read gives it and leaves 0,
 * or waits while it is 0. A descriptor that the caller has to close; `pollFd` waits for it. eventfd(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const eventfd = run(catalogue.eventfd)

/**
 * Opens a process by its number: a descriptor that stands for this process and no later one, and that is readable once the process has ended (`pollFd`). The
 * caller has to close it. ESRCH where there is none. pidfd_open(2), Linux 5.3.
 *
 * @since 0.1.0
 * @category operations
 */
export const pidfdOpen = run(catalogue.pidfdOpen)

/**
 * Sends a signal to the process of a descriptor of `pidfdOpen`; 0 sends none, and tells whether it could be sent. ESRCH when it has ended, EPERM if it is
 * somebody else's. pidfd_send_signal(2), Linux 5.1. The mock delivers no signals (EPERM).
 *
 * @since 0.1.0
 * @category operations
 */
export const pidfdSendSignal = run(catalogue.pidfdSendSignal)

/**
 * A descriptor for what the process of `pidfd` has open as `fd`: of the same description, as dup(2) makes it. The caller has to close it. It takes
 * the right to trace the process (EPERM). pidfd_getfd(2), Linux 5.6.
 *
 * @since 0.1.0
 * @category operations
 */
export const pidfdGetfd = run(catalogue.pidfdGetfd)

/**
 * Seals a file in memory, which was made with `allowSealing`: what is named is not done to it any more, by any process, and cannot be allowed again.
 * EPERM if it is sealed against seals, or not open for writing; EBUSY for `"write"` while it is mapped to be written to. F_ADD_SEALS of fcntl(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const addSeals = run(catalogue.addSeals)

/**
 * The seals of a file in memory. EINVAL for any other file. F_GET_SEALS of fcntl(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const getSeals = run(catalogue.getSeals)

/**
 * Closes a descriptor. close(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const close = run(catalogue.close)

/**
 * Reads into `buffer`, at most its length: the number of bytes, 0 at the end of the file. pread(2) with an `offset` (bytes),
 * read(2) without, preadv2(2) with flags.
 *
 * @since 0.1.0
 * @category operations
 * @example
 * import { Effect } from "effect"
 * import { Aio } from "effect-aio"
 *
 * const page = new Uint8Array(4096)
 * const program = Effect.scoped(Effect.gen(function*() {
 *   const fd = yield* Effect.acquireRelease(Aio.open("data.bin"), (fd) => Effect.orDie(Aio.close(fd)))
 *   return yield* Aio.read(fd, page, { offset: 8192 })
 * }))
 */
export const read = run(catalogue.read)

/**
 * Writes from `buffer`: the number of bytes, which may be fewer than its length. pwrite(2), write(2), pwritev2(2) with flags.
 *
 * @since 0.1.0
 * @category operations
 * @example
 * import { Effect } from "effect"
 * import { Aio, AioError } from "effect-aio"
 *
 * // At the end of a log, and on the device when it has ended.
 * const append = (log: number, line: Uint8Array) => Aio.write(log, line, { append: true, dataSync: true })
 *
 * // What a pipe has room for now.
 * const offer = (pipe: number, bytes: Uint8Array) =>
 *   Aio.write(pipe, bytes, { noWait: true }).pipe(AioError.catchCode("EAGAIN", () => Effect.succeed(0)))
 */
export const write = run(catalogue.write)

/**
 * Reads into several buffers (at most 1024), in order. preadv(2), readv(2), preadv2(2) with flags.
 *
 * @since 0.1.0
 * @category operations
 */
export const readv = run(catalogue.readv)

/**
 * Writes from several buffers (at most 1024), in order. pwritev(2), writev(2), pwritev2(2) with flags.
 *
 * @since 0.1.0
 * @category operations
 */
export const writev = run(catalogue.writev)

/**
 * Waits until data and metadata are on the device. fsync(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const fsync = run(catalogue.fsync)

/**
 * Waits until data, and the metadata needed to read it, are on the device. fdatasync(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const fdatasync = run(catalogue.fdatasync)

/**
 * Moves the position of an open file, or finds data and holes: the new position in bytes. ENXIO behind the last data, or at the end of the file;
 * ESPIPE for pipes and sockets; EINVAL before the start; EOVERFLOW for a position beyond 2^53 that is not counted from the start. lseek(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const seek = run(catalogue.seek)

/**
 * Starts to write out dirty pages of a range, or waits for that. No promise that anything survives a loss of power: neither metadata nor the
 * cache of the device is written. It smooths the work of a later `fdatasync`. ESPIPE of what is no file. sync_file_range(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const syncFileRange = run(catalogue.syncFileRange)

/**
 * Waits until everything that was written to the file system of an open file is on the device. EIO and ENOSPC where some of it could not be
 * written since the file was opened, whoever wrote it. syncfs(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const syncfs = run(catalogue.syncfs)

/**
 * Waits until everything that was written to all file systems of this machine is on the devices. It never fails, and tells of no error.
 * sync(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const sync = run(catalogue.sync)

/**
 * What a path stands for, symbolic links followed. statx(2); times are bigint nanoseconds.
 *
 * @since 0.1.0
 * @category operations
 */
export const stat = run(catalogue.stat)

/**
 * What a path stands for; of a symbolic link, the link. statx(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const lstat = run(catalogue.lstat)

/**
 * What a descriptor stands for. statx(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const fstat = run(catalogue.fstat)

/**
 * All that the kernel tells of what a path stands for: attributes, the mount, what direct and atomic transfers ask for. `stat` tells less, and sooner.
 * statx(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const statx = run(catalogue.statx)

/**
 * The same of a descriptor. statx(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const fstatx = run(catalogue.fstatx)

/**
 * Cuts or extends an open file to `length` bytes (default 0). ftruncate(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const ftruncate = run(catalogue.ftruncate)

/**
 * Cuts or extends a file to `length` bytes (default 0). truncate(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const truncate = run(catalogue.truncate)

/**
 * Allocates, zeroes, removes or inserts a range of a file. fallocate(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const fallocate = run(catalogue.fallocate)

/**
 * Tells the kernel how a range is going to be used. posix_fadvise(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const fadvise = run(catalogue.fadvise)

/**
 * Reads a range into the page cache. readahead(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const readahead = run(catalogue.readahead)

/**
 * How many pages of a range are in the page cache, changed, on their way to the disk, or were there. ENOSYS before Linux 6.5; on newer kernels EPERM
 * of files that one neither owns nor may write to. cachestat(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const cachestat = run(catalogue.cachestat)

/**
 * Removes a name that is not a directory. unlink(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const unlink = run(catalogue.unlink)

/**
 * Removes an empty directory. rmdir(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const rmdir = run(catalogue.rmdir)

/**
 * Renames; `existing` says what becomes of a name that is there. rename(2), renameat2(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const rename = run(catalogue.rename)

/**
 * Makes a directory, with permissions `mode` (default 0o777) less the umask. mkdir(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const mkdir = run(catalogue.mkdir)

/**
 * Makes an empty file, a FIFO, the name of a socket, or a device (`major`, `minor`), with permissions `mode` (default 0o666) less the umask. EPERM for
 * devices without the right to make them, EEXIST. mknod(2), mkfifo(3).
 *
 * @since 0.1.0
 * @category operations
 * @example
 * import { Effect } from "effect"
 * import { Aio } from "effect-aio"
 *
 * const program = Effect.zipRight(
 *   Aio.mknod("queue", "FIFO", { mode: 0o600 }),
 *   Aio.mknod("null", "CharacterDevice", { major: 1, minor: 3 })
 * )
 */
export const mknod = run(catalogue.mknod)

/**
 * Gives a file a second name. link(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const link = run(catalogue.link)

/**
 * Makes a symbolic link `path` to `target`. symlink(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const symlink = run(catalogue.symlink)

/**
 * Where a symbolic link points: a string, or bytes where it is not UTF-8. readlink(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const readlink = run(catalogue.readlink)

/**
 * The absolute path of a file without symbolic links, `.` and `..`: a string, or bytes where it is not UTF-8. Each link is followed where it stands, so
 * that `link/..` is above its target. ENOENT, ENOTDIR, ELOOP name the part of the path that they are about. realpath(3).
 *
 * The file is opened with O_PATH, and the kernel asked for its path: one answer about one moment.
 *
 * @since 0.1.0
 * @category operations
 */
export const realpath = (path: Path, options?: AtOptions): Effect.Effect<Path, AioFailure, Aio> =>
  withEngine((engine) => wholeFiles.realpath(engine, path, options))

/**
 * The next entries of an open directory, in no order. getdents64(2). `AioDirectory.read` reads all.
 *
 * @since 0.1.0
 * @category operations
 */
export const readdir = run(catalogue.readdir)

/**
 * Whether this process may use a file in these ways: its real user, or with `effective` the user that open(2) goes by. It may have changed by the
 * time it tries. EACCES, EROFS, ETXTBSY. access(2), faccessat2(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const access = run(catalogue.access)

/**
 * Changes the twelve permission bits, not less the umask. EPERM for who does not own the file. chmod(2), fchmodat2(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const chmod = run(catalogue.chmod)

/**
 * Changes the twelve permission bits of an open file. EBADF for what was opened with O_PATH. fchmod(2). See `chmod`.
 *
 * @since 0.1.0
 * @category operations
 */
export const fchmod = run(catalogue.fchmod)

/**
 * Changes owner and group. chown(2), lchown(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const chown = run(catalogue.chown)

/**
 * The flags of an inode, as lsattr(1) shows them. ENOTTY or EOPNOTSUPP where the file system has none. FS_IOC_GETFLAGS: ioctl_iflags(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const getInodeFlags = run(catalogue.getInodeFlags)

/**
 * Replaces the flags of an inode, as chattr(1) does: pass what `getInodeFlags` gave, with changes. EPERM without the right to change one of them
 * (`append` and `immutable` are for root), EOPNOTSUPP for one that the file system does not keep. FS_IOC_SETFLAGS: ioctl_iflags(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const setInodeFlags = run(catalogue.setInodeFlags)

/**
 * Changes owner and group of an open file. fchown(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const fchown = run(catalogue.fchown)

/**
 * Changes the times of last access and of last modification. With neither of them, Linux does not even look for the file. utimensat(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const utimes = run(catalogue.utimes)

/**
 * Changes the times of last access and of last modification of an open file, which may be open for reading only. futimens(3).
 *
 * @since 0.1.0
 * @category operations
 */
export const futimes = run(catalogue.futimes)

/**
 * Gives a file an extended attribute, or changes it: at most 64 KiB. EEXIST and ENODATA by `mode`, EOPNOTSUPP where the file system keeps none
 * of that namespace, ENOSPC where it has no room, EPERM for `user.` of what is neither a file nor a directory. setxattr(2), lsetxattr(2),
 * xattr(7).
 *
 * @since 0.1.0
 * @category operations
 */
export const setxattr = run(catalogue.setxattr)

/**
 * Gives an open file, which may be open for reading only, an extended attribute, or changes it. fsetxattr(2). See `setxattr`.
 *
 * @since 0.1.0
 * @category operations
 */
export const fsetxattr = run(catalogue.fsetxattr)

/**
 * The bytes of an extended attribute, in memory of their own. ENODATA where there is none of that name. getxattr(2), lgetxattr(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const getxattr = run(catalogue.getxattr)

/**
 * The bytes of an open file's extended attribute. fgetxattr(2). See `getxattr`.
 *
 * @since 0.1.0
 * @category operations
 */
export const fgetxattr = run(catalogue.fgetxattr)

/**
 * The names of a file's extended attributes, in no order: those that this process may know of. E2BIG where they are more than 64 KiB.
 * listxattr(2), llistxattr(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const listxattr = run(catalogue.listxattr)

/**
 * The names of an open file's extended attributes. flistxattr(2). See `listxattr`.
 *
 * @since 0.1.0
 * @category operations
 */
export const flistxattr = run(catalogue.flistxattr)

/**
 * Takes an extended attribute from a file. ENODATA where there is none of that name. removexattr(2), lremovexattr(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const removexattr = run(catalogue.removexattr)

/**
 * Takes an extended attribute from an open file. fremovexattr(2). See `removexattr`.
 *
 * @since 0.1.0
 * @category operations
 */
export const fremovexattr = run(catalogue.fremovexattr)

/**
 * Copies a range from one open file to another without its bytes passing through this process: how many were copied, 0 at the end of
 * the source. copy_file_range(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const copyFileRange = run(catalogue.copyFileRange)

/**
 * Lets a range of one file share the blocks of another one's, which costs neither space nor time; what is written later parts them. EOPNOTSUPP or ENOTTY
 * where the file system cannot (btrfs, xfs and bcachefs can), EXDEV between two, EINVAL for what are no whole blocks. FICLONERANGE:
 * ioctl_ficlonerange(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const reflink = run(catalogue.reflink)

/**
 * Where on its disk the bytes of a file are, extent by extent; holes are left out. EOPNOTSUPP or ENOTTY where the file system has no such places.
 * FS_IOC_FIEMAP(2const).
 *
 * @since 0.1.0
 * @category operations
 */
export const fiemap = run(catalogue.fiemap)

/**
 * Sends bytes of a file to a socket, a pipe or another file within the kernel: how many were sent, which may be fewer than asked for, 0 at the
 * end of the file. A peer that does not read is waited for, without limit, and interruption ends that: what has been sent by then is sent. To a
 * non-blocking descriptor, as the sockets of Node are, it is waited for without a thread. To a blocking one, one call sends all of the bytes, and
 * keeps a thread while the peer does not read them.
 * EINVAL where the source is no file, or the destination is open for appending. sendfile(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const sendfile = run(catalogue.sendfile)

/**
 * Moves bytes between two descriptors, of which one at least is a pipe, within the kernel: how many were moved, 0 at the end of the source. What
 * is not there yet, and room in a full pipe, is waited for, without a thread. EINVAL where neither is a pipe, or both are the same, ESPIPE for the
 * offset of a pipe. splice(2). (There is no vmsplice(2): the kernel would go on to read the program's memory after it has ended, and nothing
 * tells when it is done.)
 *
 * @since 0.1.0
 * @category operations
 */
export const splice = run(catalogue.splice)

/**
 * Duplicates bytes of a pipe in another one, without taking them: how many, 0 at the end. What is not there yet, and room in a full pipe, is
 * waited for, without a thread. EINVAL where one of them is no pipe, or both are the same. tee(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const tee = run(catalogue.tee)

/**
 * Waits until a descriptor is ready. Regular files always are. poll(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const pollFd = run(catalogue.pollFd)

/**
 * How many bytes a pipe holds. EBADF for what is no pipe. F_GETPIPE_SZ of fcntl(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const getPipeSize = run(catalogue.getPipeSize)

/**
 * Lets a pipe hold at least `size` bytes: how many it holds now, a power of two of pages. EBUSY where more bytes are in it, EPERM above the limit of
 * users without privileges (`/proc/sys/fs/pipe-max-size`). F_SETPIPE_SZ of fcntl(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const setPipeSize = run(catalogue.setPipeSize)

/**
 * Takes or gives up an advisory lock of an open file; waits while others hold one that excludes it. A lock that arrives just while the
 * fiber is interrupted is given up again, and with it one that the descriptor held before. flock(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const flock = run(catalogue.flock)

/**
 * Takes, converts or gives up an advisory lock on a range of bytes, which belongs to the open description, as `flock` does; waits while
 * others hold one that excludes it. `"shared"` needs a descriptor that can be read, `"exclusive"` one that can be written to (EBADF). A
 * description does not exclude itself: `AioLock` gives each lock a description of its own. Nobody finds out that two wait for each other.
 * A lock that arrives just while the fiber is interrupted is given up again, and with it what the description held in the range.
 * F_OFD_SETLK and F_OFD_SETLKW of fcntl(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const lockRange = run(catalogue.lockRange)

/**
 * A lock that excludes the one asked about: the first that the kernel finds, or `undefined`. By the time it is known it may be gone.
 * F_OFD_GETLK of fcntl(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const lockHolder = run(catalogue.lockHolder)

/**
 * Size and free space of the file system that a path is on. statvfs(3), by statfs(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const statvfs = run(catalogue.statvfs)

/**
 * Size and free space of the file system that an open file is on. statvfs(3), by fstatfs(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const fstatvfs = run(catalogue.fstatvfs)

/**
 * Major and minor number of a device, of `rdev` or `dev` of a `Stat`; `NaN` for what is no bigint. major(3), minor(3).
 *
 * @since 0.1.0
 * @category devices
 * @example
 * import { Effect } from "effect"
 * import { Aio } from "effect-aio"
 *
 * // { major: 1, minor: 3 }
 * const program = Effect.map(Aio.stat("/dev/null"), ({ rdev }) => Aio.deviceNumbers(rdev))
 */
export const deviceNumbers: (device: bigint) => metadata.DeviceNumbers = metadata.deviceNumbers
