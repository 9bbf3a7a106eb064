/**
 * Asynchronous I/O: one function per operation on raw descriptors and paths, each an interruptible Effect.
 *
 * Interrupting a fiber cancels its request; the fiber ends when the completion has arrived, so its buffers are its own again.
 * Every operation fails with `AioError` (a system call failed) or `AioBadArgument` (no kernel would take the argument).
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { type AioBadArgument, type AioError, AioUnavailable } from "./AioError.ts"
import type { Counters } from "./internal/engine/engine.ts"
import * as catalogue from "./internal/operation/catalogue.ts"
import type { Operation } from "./internal/operation/operation.ts"
import { Aio, type AioService } from "./internal/service.ts"
import * as IoUring from "./IoUring.ts"
import * as ThreadPool from "./ThreadPool.ts"

export {
  /**
   * The service that runs asynchronous I/O.
   *
   * @since 0.1.0
   * @category context
   */
  Aio
}

export type { AioService, Operation }
export type { Offset, Path } from "./internal/operation/arguments.ts"
export type { Advice, AllocateMode, AllocateOptions, RangeOptions, TransferOptions } from "./internal/operation/descriptors.ts"
export type { DirectoryChunk, DirectoryEntry, ReaddirOptions } from "./internal/operation/directories.ts"
export type { FileType, Stat, StatVfs } from "./internal/operation/metadata.ts"
export type { OpenFlag } from "./internal/operation/openFlags.ts"
export type { OpenOptions, RenameOptions } from "./internal/operation/paths.ts"

/**
 * The operations as values: `Aio.request.read(fd, buffer)` describes what `Aio.read(fd, buffer)` does, for `Aio.submit`. The same
 * value may be submitted any number of times.
 *
 * @since 0.1.0
 * @category requests
 */
export const request: { readonly [Name in keyof typeof catalogue]: (typeof catalogue)[Name] } = catalogue

/**
 * Runs an operation that is a value.
 *
 * @since 0.1.0
 * @category requests
 */
export const submit = <A>(operation: Operation<A>): Effect.Effect<A, AioError | AioBadArgument, Aio> =>
  Effect.flatMap(Aio, (aio) => aio.submit(operation))

const run =
  <Args extends ReadonlyArray<any>, A>(constructor: (...args: Args) => Operation<A>) =>
  (...args: Args): Effect.Effect<A, AioError | AioBadArgument, Aio> =>
    Effect.flatMap(Aio, (aio) => aio.submit(constructor(...args)))

/**
 * Does nothing, through the backend: what a request costs.
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
 * Closes a descriptor. close(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const close = run(catalogue.close)

/**
 * Reads into `buffer`, at most its length: the number of bytes, 0 at the end of the file. pread(2) with an `offset` (bytes),
 * read(2) without.
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
export const read = run(catalogue.read as Transfer)

/**
 * Writes from `buffer`: the number of bytes, which may be fewer than its length. pwrite(2), write(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const write = run(catalogue.write as Transfer)

type Transfer = (
  fd: number,
  buffer: Uint8Array,
  options?: import("./internal/operation/descriptors.ts").TransferOptions
) => Operation<number>

/**
 * Reads into several buffers (at most 1024), in order. preadv(2), readv(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const readv = run(catalogue.readv)

/**
 * Writes from several buffers (at most 1024), in order. pwritev(2), writev(2).
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
 * Renames. rename(2), renameat2(2).
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
 * The next entries of an open directory, in no order. getdents64(2). `AioDirectory.read` reads all.
 *
 * @since 0.1.0
 * @category operations
 */
export const readdir = run(catalogue.readdir)

/**
 * Size and free space of the file system that a path is on. statvfs(3).
 *
 * @since 0.1.0
 * @category operations
 */
export const statvfs = run(catalogue.statvfs)

/**
 * Requests now, and counts since the Layer was built.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats extends Readonly<Counters> {
  readonly backend: string
  /** Accepted and not ended. */
  readonly outstanding: number
  /** Of those, waiting in the engine for room in the backend. */
  readonly queued: number
}

/**
 * @since 0.1.0
 * @category introspection
 */
export const stats: Effect.Effect<Stats, never, Aio> = Effect.map(Aio, ({ backend, engine }) => ({
  backend,
  outstanding: engine.outstanding,
  queued: engine.queued,
  ...engine.counters
}))

/**
 * How the backend at hand runs an operation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Capability {
  readonly operation: string
  /** The mechanism's own way (`"native"`), or a thread (`"pool"`). */
  readonly mechanism: "native" | "pool"
  /** It is tried without waiting first. */
  readonly inline: boolean
}

/**
 * What runs natively here, operation by operation.
 *
 * @since 0.1.0
 * @category introspection
 */
export const capabilities: Effect.Effect<ReadonlyArray<Capability>, never, Aio> = Effect.map(Aio, ({ engine }) =>
  Object.values(catalogue).map(({ entry }) => ({
    operation: entry.name,
    mechanism: engine.backend.supports(entry) ? "native" : "pool",
    inline: entry.inline !== undefined
  }))
)

/**
 * What `layer` may be told to use.
 *
 * @since 0.1.0
 * @category layers
 */
export type BackendName = "io_uring" | "threads"

/**
 * The environment variable `AIO_BACKEND` (`io_uring` or `threads`), as a `Config`.
 *
 * @since 0.1.0
 * @category config
 */
export const backendConfig: Config.Config<Option.Option<BackendName>> = Config.option(
  Config.literal("io_uring", "threads")("AIO_BACKEND")
)

const byName: Record<BackendName, Layer.Layer<Aio, AioUnavailable>> = {
  io_uring: IoUring.layer(),
  threads: ThreadPool.layer()
}

/**
 * The best backend of this machine. `backend`, or else `AIO_BACKEND`, forces one.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: {
  readonly backend?: BackendName | undefined
}): Layer.Layer<Aio, AioUnavailable> =>
  Layer.unwrapEffect(
    Effect.map(
      options?.backend === undefined
        ? Effect.mapError(
            backendConfig,
            (error) =>
              new AioUnavailable({
                backend: "AIO_BACKEND",
                reason: error.message,
                remedy: `Set AIO_BACKEND to one of ${Object.keys(byName).join(", ")}, or not at all.`
              })
          )
        : Effect.succeed(Option.some(options.backend)),
      (name) => byName[Option.getOrElse(name, () => "io_uring" as const)]
    )
  )
