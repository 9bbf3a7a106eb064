/**
 * Open files.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { AioBadArgument, AioEndOfFile, AioFailure } from "./AioError.ts"
import { checkFunction, withArguments } from "./internal/effect/arguments.ts"
import { type Aio, withEngine } from "./internal/effect/service.ts"
import { BadArgument, checkFd, type Offset, type Path, show } from "./internal/engine/arguments.ts"
import { OpenDescriptor, type Opened } from "./internal/engine/openDescriptor.ts"
import * as internal from "./internal/file/file.ts"
import type { ReadManyOptions, ReadRange } from "./internal/file/readMany.ts"
import type { WriteAtomicOptions, WriteFileOptions } from "./internal/file/wholeFiles.ts"
import * as wholeFiles from "./internal/file/wholeFiles.ts"
import type { AtOptions } from "./internal/operation/at.ts"
import type { CopyOptions } from "./internal/operation/copies.ts"
import type { Advice, AllocateOptions, RangeOptions } from "./internal/operation/descriptors.ts"
import type { MemfdOptions } from "./internal/operation/memoryFiles.ts"
import type { Stat } from "./internal/operation/metadata.ts"
import type { OpenOptions as DescriptorOptions } from "./internal/operation/paths.ts"
import type { SendfileOptions } from "./internal/operation/splices.ts"
import type {
  ReadOptions,
  TransferOptions,
  WriteAllOptions,
  WriteOptions
} from "./internal/operation/transferOptions.ts"

export type { ReadManyOptions, ReadRange } from "./internal/file/readMany.ts"
export type { WriteAtomicOptions, WriteFileOptions } from "./internal/file/wholeFiles.ts"

/**
 * What marks an open file.
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
 * An open file. Its methods need no service: it closes over the engine that opened it.
 *
 * Positional calls (with an `offset`, in bytes) may run side by side. Without an offset a call uses, and moves, the position that the
 * kernel keeps for the descriptor: the only way for pipes, sockets and terminals.
 *
 * @since 0.1.0
 * @category models
 */
export interface AioFile extends Opened {
  readonly [TypeId]: TypeId
  /** The descriptor. */
  readonly fd: number
  /** Reads into `buffer`: the number of bytes, 0 at the end of the file. May be fewer than asked for. pread(2) */
  readonly read: (buffer: Uint8Array, options?: ReadOptions) => Effect.Effect<number, AioFailure>
  /** Reads up to `length` bytes into a new array, which is as long as what was read. On a direct file it is aligned. pread(2) */
  readonly readAlloc: (length: number, options?: ReadOptions) => Effect.Effect<Uint8Array, AioFailure>
  /** Fills `into`, or a new array of that length, with as many reads as it takes. Fails with `AioEndOfFile` if the file ends. */
  readonly readExactly: (
    into: number | Uint8Array,
    options?: TransferOptions
  ) => Effect.Effect<Uint8Array, AioFailure | AioEndOfFile>
  /** Reads into several buffers, in order. preadv(2) */
  readonly readv: (buffers: ReadonlyArray<Uint8Array>, options?: ReadOptions) => Effect.Effect<number, AioFailure>
  /**
   * Reads many ranges at once, in any order, which may overlap: the bytes of each, in the order of `ranges`, and fewer where the file ends. Ranges
   * that lie close to each other share a read, and all reads are submitted together. pread(2)
   *
   * The results are parts of the arrays that were read into. So one that is kept keeps what was read with it in memory (`slice()` copies it), and
   * ranges that overlap may share bytes. Up to the end, memory for all of them is held. On a direct file whole sectors are read.
   */
  readonly readMany: (
    ranges: ReadonlyArray<ReadRange>,
    options?: ReadManyOptions
  ) => Effect.Effect<ReadonlyArray<Uint8Array>, AioFailure>
  /** Writes from `buffer`: the number of bytes, which may be fewer than its length. pwrite(2) */
  readonly write: (buffer: Uint8Array, options?: WriteOptions) => Effect.Effect<number, AioFailure>
  /**
   * Writes all of `buffer`, with as many writes as it takes, each with the flags that are asked for. EIO if one of them takes nothing: another one
   * would not, either.
   */
  readonly writeAll: (buffer: Uint8Array, options?: WriteAllOptions) => Effect.Effect<void, AioFailure>
  /** Writes from several buffers, in order. pwritev(2) */
  readonly writev: (buffers: ReadonlyArray<Uint8Array>, options?: WriteOptions) => Effect.Effect<number, AioFailure>
  /** Waits until data and metadata are on the device. fsync(2) */
  readonly sync: Effect.Effect<void, AioFailure>
  /** Waits until data, and the metadata needed to read it, are on the device. fdatasync(2) */
  readonly datasync: Effect.Effect<void, AioFailure>
  /** statx(2) */
  readonly stat: Effect.Effect<Stat, AioFailure>
  /** Bytes. statx(2) */
  readonly size: Effect.Effect<bigint, AioFailure>
  /**
   * Copies a range to another file without its bytes passing through this process: how many were copied, which may be fewer than asked for,
   * 0 at the end. Neither file is closed before it has ended. copy_file_range(2)
   */
  readonly copyFileRange: (to: AioFile | number, options: CopyOptions) => Effect.Effect<number, AioFailure>
  /**
   * Sends a range to a socket, a pipe or another file without its bytes passing through this process: how many were sent, which may be fewer than
   * asked for, 0 at the end. sendfile(2)
   */
  readonly sendfile: (to: AioFile | number, options: SendfileOptions) => Effect.Effect<number, AioFailure>
  /** Cuts or extends to `length` bytes, default 0. ftruncate(2) */
  readonly truncate: (length?: Offset) => Effect.Effect<void, AioFailure>
  /** Allocates, zeroes, removes or inserts a range. fallocate(2) */
  readonly allocate: (options: AllocateOptions) => Effect.Effect<void, AioFailure>
  /** Tells the kernel how a range is going to be used. posix_fadvise(2) */
  readonly advise: (advice: Advice, options?: RangeOptions) => Effect.Effect<void, AioFailure>
  /** Reads a range into the page cache. readahead(2) */
  readonly readahead: (options: {
    readonly offset?: Offset | undefined
    readonly length: number
  }) => Effect.Effect<void, AioFailure>
  /**
   * The bytes from `offset` on, `length` of them or up to the end of the file. Of a pipe or a terminal: what comes, until it ends.
   *
   * What has to be waited for is read ahead, by one piece of a mebibyte at most, but never where that would move the position of the file.
   *
   * Without an `offset`: from the start of a file that was opened, and from where it stands, which moves, of `fromDescriptor`.
   */
  readonly stream: (options?: StreamOptions) => Stream.Stream<Uint8Array, AioFailure>
  /**
   * Runs `use` on one piece of the file after the other. A piece is **lent**: it is valid until the Effect that `use` gives has ended, and its
   * memory is read into again then. So memory and its page faults are those of a chunk or two, however long the file: for what is hashed, searched,
   * sent or copied, and not kept. `slice()` keeps a copy. While it is valid it may be transferred (`postMessage`), later not: then it is memory that
   * the kernel writes to.
   */
  readonly forEachChunk: <A, E, R>(
    use: (chunk: Uint8Array) => Effect.Effect<A, E, R>,
    options?: BorrowOptions
  ) => Effect.Effect<void, E | AioFailure, R>
  /**
   * The same as a Stream: a chunk is valid until the next one is pulled. What runs ahead of its consumer or keeps chunks (`Stream.buffer`,
   * `Stream.runCollect`, `Stream.rechunk`) is not for it: use `stream`.
   */
  readonly borrowedStream: (options?: BorrowOptions) => Stream.Stream<Uint8Array, AioFailure>
  /**
   * Writes everything it gets, as `writeAll` does, from `offset` on. Without one: from the start of a file that was opened, and from where
   * it stands, which moves, of `fromDescriptor`. At its end, always, if the file is open for appending.
   */
  readonly sink: (options?: WriteAllOptions) => Sink.Sink<void, Uint8Array, never, AioFailure>
}

/**
 * Which part of a file is streamed, and in what pieces.
 *
 * @since 0.1.0
 * @category models
 */
export interface StreamOptions {
  /** Bytes from the start of the file. Default 0; of a borrowed descriptor, where it stands. */
  readonly offset?: Offset | undefined
  /** Bytes at most. Default: up to the end of the file. */
  readonly length?: Offset | undefined
  /** Bytes of a chunk, at most. Default 65536. A file is read in larger pieces, of which chunks are parts. */
  readonly chunkSize?: number | undefined
}

/**
 * How `forEachChunk` and `borrowedStream` lend the pieces of a file.
 *
 * @since 0.1.0
 * @category models
 */
export interface BorrowOptions extends Omit<StreamOptions, "chunkSize"> {
  /** Bytes of a chunk, at most. Default 262144. */
  readonly chunkSize?: number | undefined
  /**
   * To find uses that come too late: a chunk that is no longer valid has no bytes any more (its buffer is detached), instead of those that were
   * read next. Costs new memory for each. Default `false`.
   */
  readonly detach?: boolean | undefined
}

/**
 * What a file is opened for, and whether past the page cache.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenOptions extends DescriptorOptions {
  /**
   * Past the page cache (O_DIRECT): buffers, lengths and offsets must be aligned as the file system asks; `AioBuffer.aligned` and
   * `readAlloc` give such buffers.
   */
  readonly direct?: boolean | undefined
}

/**
 * Opens a file; it is closed with its Scope. open(2)
 *
 * Interruptible also while it waits (for the other side of a FIFO, say); no descriptor is lost.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * import { Effect } from "effect"
 * import { Aio, AioFile } from "effect-aio"
 *
 * const program = Effect.gen(function*() {
 *   const file = yield* AioFile.open("data.bin")
 *   return yield* file.readAlloc(4096, { offset: 8192 })
 * }).pipe(Effect.scoped, Effect.provide(Aio.layer()))
 */
export const open = (path: Path, options?: OpenOptions): Effect.Effect<AioFile, AioFailure, Aio | Scope.Scope> =>
  withEngine((engine) => internal.openScoped(engine, path, options))

/**
 * Opens a file for the time of `use`, and closes it however that ends: `open` without a Scope to provide, at a third of the price.
 *
 * @since 0.1.0
 * @category operations
 */
export const withFile: {
  <A, E, R>(path: Path, use: (file: AioFile) => Effect.Effect<A, E, R>): Effect.Effect<A, E | AioFailure, R | Aio>
  <A, E, R>(
    path: Path,
    options: OpenOptions,
    use: (file: AioFile) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | AioFailure, R | Aio>
} = <A, E, R>(
  path: Path,
  ...rest: [Use<A, E, R>] | [OpenOptions, Use<A, E, R>]
): Effect.Effect<A, E | AioFailure, R | Aio> => {
  const [options, use] = rest.length === 1 ? [undefined, rest[0]] : rest
  return withEngine((engine) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(acquireFor(use, engine, path, options, restore), (file) =>
        Effect.matchCauseEffect(restore(Effect.suspend(() => use(file))), {
          onFailure: (cause) => Effect.zipRight(file.release, Effect.failCause(cause)),
          onSuccess: (value) => Effect.as(file.release, value)
        })
      )
    )
  )
}

/** Nothing is opened for what cannot be called: it would be truncated, too. */
const acquireFor = (use: unknown, ...rest: Parameters<typeof internal.acquire>): ReturnType<typeof internal.acquire> =>
  withArguments(
    "withFile",
    () => checkFunction("use", use),
    () => internal.acquire(...rest)
  )

type Use<A, E, R> = (file: AioFile) => Effect.Effect<A, E, R>

/**
 * The bytes of a file, to its end: the size that it says to have is a hint, and one that grows meanwhile is read on. Opening, reading
 * and closing are one Effect without a fiber's turn in between: the fast way to load many small files.
 *
 * @since 0.1.0
 * @category operations
 */
export const readFile = (path: Path, options?: AtOptions): Effect.Effect<Uint8Array, AioFailure, Aio> =>
  withEngine((engine) => wholeFiles.readFile(engine, path, options))

/**
 * The text of a file, see `readFile`. `encoding` is one of the labels of the Encoding Standard, `"utf-8"` by default. Bytes that are no text in it
 * show as U+FFFD.
 *
 * @since 0.1.0
 * @category operations
 */
export const readFileString = (
  path: Path,
  encoding = "utf-8",
  options?: AtOptions
): Effect.Effect<string, AioFailure, Aio> =>
  withArguments(
    "readFileString",
    () => decoderOf(encoding),
    (decoder) => Effect.map(readFile(path, options), (bytes) => decoder.decode(bytes))
  )

/** Throws `BadArgument`. */
const decoderOf = (encoding: string): InstanceType<typeof TextDecoder> => {
  try {
    return new TextDecoder(encoding)
  } catch {
    throw new BadArgument("encoding", `must be the label of an encoding, such as "utf-8", not ${show(encoding)}`)
  }
}

/**
 * Waits until the data and metadata of what a path names, a file that may be read or a directory, are on the device: open(2), fsync(2) and close(2) in
 * one request. Of a directory: the names in it, as after `rename`.
 *
 * @since 0.1.0
 * @category operations
 */
export const pathsync = (path: Path, options?: AtOptions): Effect.Effect<void, AioFailure, Aio> =>
  withEngine((engine) => wholeFiles.pathsync(engine, path, options))

/**
 * Writes a whole file: by default one that is made if it is missing, and emptied if not (flag `"w"`); with `"a"` at its end. Opening, writing
 * all of the bytes and closing are one Effect without a fiber's turn in between. What is on the disk when is another question: see `sync`.
 *
 * A text is written as UTF-8. `EIO` where the file takes nothing more of the bytes, though no error is given.
 *
 * @since 0.1.0
 * @category operations
 */
export const writeFile = (
  path: Path,
  data: Uint8Array | string,
  options?: WriteFileOptions
): Effect.Effect<void, AioFailure, Aio> => withEngine((engine) => wholeFiles.writeFile(engine, path, data, options))

/**
 * Puts a file with these bytes in place of another, or where there was none: whoever opens the path finds the old file or the new one, whole,
 * whatever happens meanwhile. All bytes are written to a new file in the same directory and synced, then that takes the name (rename(2)), and
 * the directory is synced.
 *
 * Interrupted or failed, the path has its old file (or the new one, if only the directory's sync is missing), and nothing is left beside it. A
 * process that is killed leaves nothing while it writes; between the two steps that replace an existing file it may leave
 * `.effect-aio-*.tmp`, and so it may at any time where a file system has no files without a name (O_TMPFILE).
 *
 * It is a new file: other names (hard links) and descriptors keep the old one, and permissions and owner are new without `preserve`. What a
 * symbolic link leads to is replaced, not the link. A directory is EISDIR; a FIFO, a device or a socket is EINVAL. The directory has to be
 * readable, or `durable` be `false`. The bytes must not change until it has ended.
 *
 * @since 0.1.0
 * @category operations
 * @example
 * import { Effect } from "effect"
 * import { Aio, AioFile } from "effect-aio"
 *
 * const program = AioFile.writeAtomic("settings.json", JSON.stringify({ theme: "dark" }), { preserve: true }).pipe(
 *   Effect.provide(Aio.layer())
 * )
 */
export const writeAtomic = (
  path: Path,
  data: Uint8Array | string,
  options?: WriteAtomicOptions
): Effect.Effect<void, AioFailure, Aio> => withEngine((engine) => wholeFiles.writeAtomic(engine, path, data, options))

/**
 * A file in memory without a path, open for both; it is gone with its Scope. memfd_create(2)
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * import { Effect, Stream } from "effect"
 * import { AioFile } from "effect-aio"
 *
 * // What is too long to be kept as an array, and to be read more than once.
 * const spool = (bytes: Stream.Stream<Uint8Array>) =>
 *   Effect.tap(AioFile.memory("spool"), (file) => Stream.run(bytes, file.sink()))
 */
export const memory = (name: Path, options?: MemfdOptions): Effect.Effect<AioFile, AioFailure, Aio | Scope.Scope> =>
  withEngine((engine) => internal.memoryScoped(engine, name, options))

/**
 * A descriptor that somebody else opened and will close: standard input, an inherited pipe. What is not told an offset goes on where it
 * stands, streams and sinks included, so that what others read and write before and after joins on: `fromDescriptor(1)` behind
 * `{ echo header; program; } > file`. A stream reads ahead of its consumer, by a mebibyte at most.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromDescriptor = (fd: number): Effect.Effect<AioFile, AioBadArgument, Aio> =>
  withEngine((engine) =>
    withArguments(
      "fromDescriptor",
      () => checkFd(fd),
      () =>
        Effect.sync(() => {
          const state = new OpenDescriptor(fd, engine.descriptors.describe(fd, false))
          state.noWait = false
          return new internal.FileImpl(engine, state, true)
        })
    )
  )
