/**
 * Asynchronous I/O: one function per operation on raw descriptors and paths, each an interruptible Effect.
 *
 * Interrupting a fiber cancels its request; the fiber ends when the completion has arrived, so its buffers are its own again.
 * Every operation fails with `AioError` (a system call failed) or `AioBadArgument` (no kernel would take the argument).
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { type AioBadArgument, AioError, AioUnavailable } from "./AioError.ts"
import * as IoUring from "./IoUring.ts"
import { poolOf } from "./internal/backend/pool.ts"
import { checkCounts } from "./internal/counts.ts"
import type { Counters } from "./internal/engine/engine.ts"
import * as catalogue from "./internal/operation/catalogue.ts"
import type { Operation } from "./internal/operation/operation.ts"
import { clampPriority, currentPriority } from "./internal/priority.ts"
import { Aio, type AioService } from "./internal/service.ts"
import * as ThreadPool from "./ThreadPool.ts"

export type { Offset, Path } from "./internal/operation/arguments.ts"
export type {
  AccessOptions,
  FileTime,
  LinkOptions,
  OwnerOptions,
  TimesOptions
} from "./internal/operation/attributes.ts"
export type { CopyOptions } from "./internal/operation/copies.ts"
export type {
  Advice,
  AllocateMode,
  AllocateOptions,
  RangeOptions,
  TransferOptions
} from "./internal/operation/descriptors.ts"
export type { DirectoryChunk, DirectoryEntry, ReaddirOptions } from "./internal/operation/directories.ts"
export type { FileType, Stat, StatVfs } from "./internal/operation/metadata.ts"
export type { OpenFlag } from "./internal/operation/openFlags.ts"
export type { AtOptions, MkdirOptions, OpenOptions, RenameOptions } from "./internal/operation/paths.ts"
export type { Interest, Lock, LockOptions, Readiness } from "./internal/operation/waiting.ts"
export type { AioService, Operation }
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
 * Whether this process (its real user) may use a file in these ways; it may have changed by the time it tries. access(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const access = run(catalogue.access)

/**
 * Changes permission bits. chmod(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const chmod = run(catalogue.chmod)

/**
 * Changes owner and group. chown(2), lchown(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const chown = run(catalogue.chown)

/**
 * Changes the times of last access and of last modification. utimensat(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const utimes = run(catalogue.utimes)

/**
 * Copies a range from one open file to another without its bytes passing through this process: how many were copied, 0 at the end of
 * the source. copy_file_range(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const copyRange = run(catalogue.copyRange)

/**
 * Waits until a descriptor is ready. Regular files always are. poll(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const pollFd = run(catalogue.pollFd)

/**
 * Takes or gives up an advisory lock of an open file; waits while others hold one that excludes it. flock(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const flock = run(catalogue.flock)

/**
 * Size and free space of the file system that a path is on. statvfs(3).
 *
 * @since 0.1.0
 * @category operations
 */
export const statvfs = run(catalogue.statvfs)

/**
 * Where requests are, and counts since the Layer was built. In IO::AIO's words: nreqs is `outstanding`, nready `ready` and
 * npending `pending`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats extends Readonly<Counters> {
  readonly backend: string
  /** Submitted and not ended. */
  readonly outstanding: number
  /** Of those, held back by `maxOutstanding`. */
  readonly held: number
  /** Of those, not started: waiting for room in the backend, or for a thread. */
  readonly ready: number
  /** Of those, in the kernel or in a thread. */
  readonly executing: number
  /** Of those, complete, and waiting for the event loop. */
  readonly pending: number
  /** Threads of the pool; also io_uring has one, for what the kernel cannot run by itself. */
  readonly threads: number
  /** Of those, without work. */
  readonly idleThreads: number
}

const statsOf = ({ backend, engine }: AioService): Stats => {
  const pool = poolOf(engine)
  return {
    backend,
    outstanding: engine.outstanding,
    ...engine.places,
    threads: pool?.threadCount ?? 0,
    idleThreads: pool?.idleThreads ?? 0,
    ...engine.counters
  }
}

/**
 * @since 0.1.0
 * @category introspection
 */
export const stats: Effect.Effect<Stats, never, Aio> = Effect.map(Aio, statsOf)

const gauge = (name: string, description: string) => Metric.gauge(`effect_aio_${name}`, { description })

/**
 * The numbers of `stats` as gauges, tagged with the backend, for whatever exports an application's metrics. They are set by
 * `recordMetrics`.
 *
 * @since 0.1.0
 * @category introspection
 */
export const metrics = {
  outstanding: gauge("requests_outstanding", "Requests submitted and not ended"),
  held: gauge("requests_held", "Requests held back by maxOutstanding"),
  ready: gauge("requests_ready", "Requests not started"),
  executing: gauge("requests_executing", "Requests in the kernel or in a thread"),
  pending: gauge("requests_pending", "Requests complete, and waiting for the event loop"),
  threads: gauge("threads", "Threads of the pool"),
  idleThreads: gauge("threads_idle", "Threads of the pool without work"),
  submitted: gauge("requests_submitted", "Requests submitted since the Layer was built"),
  completed: gauge("requests_completed", "Requests ended since the Layer was built"),
  inline: gauge("requests_inline", "Requests finished without waiting since the Layer was built"),
  cancelled: gauge("requests_cancelled", "Requests cancelled since the Layer was built")
} as const

/**
 * Sets `metrics` to the numbers of this moment. Repeat it on a schedule, or before each export.
 *
 * @since 0.1.0
 * @category introspection
 * @example
 * import { Effect, Schedule } from "effect"
 * import { Aio } from "effect-aio"
 *
 * const everySecond = Effect.forkScoped(Effect.repeat(Aio.recordMetrics, Schedule.spaced("1 second")))
 */
export const recordMetrics: Effect.Effect<void, never, Aio> = Effect.flatMap(stats, (now) =>
  Effect.forEach(
    Object.entries(metrics),
    ([name, metric]) => Metric.set(Metric.tagged(metric, "backend", now.backend), now[name as keyof typeof metrics]),
    { discard: true }
  )
)

/**
 * Runs an effect with priority `priority` for all requests that it makes: -4 (last) to 4 (first), 0 by default. Requests of higher
 * priority overtake others that have not started, in order within one priority. Numbers beyond the range count as its ends.
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
  Effect.locallyWith(effect, currentPriority, (priority) => clampPriority(priority - decrement))
)

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
 * @since 0.1.0
 * @category limits
 */
export const limits: Effect.Effect<Limits, never, Aio> = Effect.map(Aio, ({ engine }) => ({
  maxPollRequests: engine.limits.maxPollRequests,
  maxPollTime: Duration.millis(engine.limits.maxPollTime),
  maxOutstanding: engine.limits.maxOutstanding
}))

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
  Effect.flatMap(Aio, ({ engine }) =>
    Effect.map(checkCounts("setLimits", { ...changes, maxPollTime: undefined }, 1), () => {
      const { limits } = engine
      limits.maxPollRequests = changes.maxPollRequests ?? limits.maxPollRequests
      limits.maxOutstanding = changes.maxOutstanding ?? limits.maxOutstanding
      if (changes.maxPollTime !== undefined) limits.maxPollTime = Duration.toMillis(changes.maxPollTime)
      engine.wake()
    })
  )

/**
 * A descriptor that is readable while completions wait: for another event loop to watch, which then runs `poll`. It belongs to the
 * Layer. Node's own event loop needs none of this.
 *
 * @since 0.1.0
 * @category polling
 */
export const pollDescriptor: Effect.Effect<number, AioError, Aio> = Effect.flatMap(Aio, ({ engine }) => {
  const descriptor = engine.pollDescriptor
  return descriptor >= 0
    ? Effect.succeed(descriptor)
    : Effect.fail(AioError.fromErrno(-descriptor, "pollDescriptor", {}))
})

/**
 * Submits what waits, and delivers what is complete, within `maxPollRequests` and `maxPollTime`: how many requests ended. Fibers
 * that wait for them go on when the caller gives way to them.
 *
 * @since 0.1.0
 * @category polling
 */
export const poll: Effect.Effect<number, never, Aio> = Effect.map(Aio, ({ engine }) => engine.poll())

/**
 * **Blocks the thread**, timers, sockets and all, until a completion waits for `poll` or nothing is outstanding, or until the
 * timeout: for programs that have no event loop to keep going. poll(2).
 *
 * @since 0.1.0
 * @category polling
 */
export const wait = (options?: {
  readonly timeout?: Duration.DurationInput | undefined
}): Effect.Effect<void, never, Aio> =>
  Effect.map(Aio, ({ engine }) => engine.wait(Math.min(Duration.toMillis(options?.timeout ?? "1 hour"), 3_600_000)))

/**
 * **Blocks the thread** until all requests that are outstanding have ended: `wait` and `poll`, again and again.
 *
 * @since 0.1.0
 * @category polling
 */
export const flush: Effect.Effect<void, never, Aio> = Effect.map(Aio, ({ engine }) => {
  while (engine.outstanding > 0) {
    // A part of the time only: requests may also end through timers of this thread, which do not run meanwhile.
    engine.wait(10)
    engine.poll()
  }
})

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

const byName: Record<BackendName, Effect.Effect<AioService, AioUnavailable, Scope.Scope>> = {
  io_uring: IoUring.make(),
  threads: ThreadPool.make()
}

const chosen = (backend: string, reason: string) => Effect.logDebug(`effect-aio: backend ${backend}: ${reason}`)

const best: Effect.Effect<AioService, AioUnavailable, Scope.Scope> = Effect.matchEffect(byName.io_uring, {
  onSuccess: (service) => Effect.as(chosen("io_uring", "this machine has it"), service),
  onFailure: (error) => Effect.zipRight(chosen("threads", error.message), byName.threads)
})

/**
 * The best backend of this machine: io_uring, or else the thread pool. `backend`, or else `AIO_BACKEND`, forces one. The choice and
 * its reason are logged at debug level.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: { readonly backend?: BackendName | undefined }): Layer.Layer<Aio, AioUnavailable> =>
  Layer.scoped(
    Aio,
    Effect.gen(function* () {
      if (options?.backend !== undefined) return yield* byName[options.backend]
      const forced = yield* Effect.mapError(
        backendConfig,
        (error) =>
          new AioUnavailable({
            backend: "AIO_BACKEND",
            reason: error.message,
            remedy: `Set AIO_BACKEND to one of ${Object.keys(byName).join(", ")}, or not at all.`
          })
      )
      if (Option.isNone(forced)) return yield* best
      return yield* Effect.zipLeft(byName[forced.value], chosen(forced.value, "AIO_BACKEND says so"))
    })
  )
