/**
 * Open files.
 *
 * @since 0.1.0
 */
import { constants } from "node:fs"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { AioBadArgument, AioEndOfFile, type AioError } from "./AioError.ts"
import type { Engine } from "./internal/engine/engine.ts"
import { badArgument, execute, executeMasked, executeUninterruptibly } from "./internal/execute.ts"
import { type FileRequests, fileRequests, ofFile } from "./internal/fileRequests.ts"
import { allocateAligned } from "./internal/native/memory.ts"
import { checkOffset, type Offset, type Path } from "./internal/operation/arguments.ts"
import * as catalogue from "./internal/operation/catalogue.ts"
import {
  type Advice,
  type AllocateOptions,
  type FileState,
  fileState,
  type RangeOptions,
  type TransferOptions
} from "./internal/operation/descriptors.ts"
import type { Stat } from "./internal/operation/metadata.ts"
import { openFlags } from "./internal/operation/openFlags.ts"
import type { Operation } from "./internal/operation/operation.ts"
import type { OpenOptions as DescriptorOptions } from "./internal/operation/paths.ts"
import { readFile as readFileWith } from "./internal/readFile.ts"
import { Aio } from "./internal/service.ts"
import type { Restore } from "./internal/wait.ts"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("effect-aio/AioFile")

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

type Failure = AioError | AioBadArgument

/**
 * An open file. Its methods need no service: it closes over the engine that opened it.
 *
 * Positional calls (with an `offset`, in bytes) may run side by side. Without an offset a call uses, and moves, the position that the
 * kernel keeps for the descriptor: the only way for pipes, sockets and terminals.
 *
 * @since 0.1.0
 * @category models
 */
export interface AioFile {
  readonly [TypeId]: TypeId
  /** The descriptor. */
  readonly fd: number
  /** The same as values: several of them at once (`Aio.submitAll`), in a chain, in a group. */
  readonly request: FileRequests
  /** Reads into `buffer`: the number of bytes, 0 at the end of the file. May be fewer than asked for. pread(2) */
  readonly read: (buffer: Uint8Array, options?: TransferOptions) => Effect.Effect<number, Failure>
  /** Reads up to `length` bytes into a new array, which is as long as what was read. On a direct file it is aligned. pread(2) */
  readonly readAlloc: (length: number, options?: TransferOptions) => Effect.Effect<Uint8Array, Failure>
  /** Fills `into`, or a new array of that length, with as many reads as it takes. Fails with `AioEndOfFile` if the file ends. */
  readonly readExactly: (
    into: number | Uint8Array,
    options?: TransferOptions
  ) => Effect.Effect<Uint8Array, Failure | AioEndOfFile>
  /** Reads into several buffers, in order. preadv(2) */
  readonly readv: (buffers: ReadonlyArray<Uint8Array>, options?: TransferOptions) => Effect.Effect<number, Failure>
  /** Writes from `buffer`: the number of bytes, which may be fewer than its length. pwrite(2) */
  readonly write: (buffer: Uint8Array, options?: TransferOptions) => Effect.Effect<number, Failure>
  /** Writes all of `buffer`, with as many writes as it takes. */
  readonly writeAll: (buffer: Uint8Array, options?: TransferOptions) => Effect.Effect<void, Failure>
  /** Writes from several buffers, in order. pwritev(2) */
  readonly writev: (buffers: ReadonlyArray<Uint8Array>, options?: TransferOptions) => Effect.Effect<number, Failure>
  /** Waits until data and metadata are on the device. fsync(2) */
  readonly sync: Effect.Effect<void, Failure>
  /** Waits until data, and the metadata needed to read it, are on the device. fdatasync(2) */
  readonly datasync: Effect.Effect<void, Failure>
  /** statx(2) */
  readonly stat: Effect.Effect<Stat, Failure>
  /** Cuts or extends to `length` bytes, default 0. ftruncate(2) */
  readonly truncate: (length?: Offset) => Effect.Effect<void, Failure>
  /** Allocates, zeroes, removes or inserts a range. fallocate(2) */
  readonly allocate: (options: AllocateOptions) => Effect.Effect<void, Failure>
  /** Tells the kernel how a range is going to be used. posix_fadvise(2) */
  readonly advise: (advice: Advice, options?: RangeOptions) => Effect.Effect<void, Failure>
  /** Reads a range into the page cache. readahead(2) */
  readonly readahead: (options: {
    readonly offset?: Offset | undefined
    readonly length: number
  }) => Effect.Effect<void, Failure>
  /**
   * The bytes from `offset` (default 0) on, `length` of them or up to the end of the file. Of a pipe or a terminal: what comes,
   * until it ends.
   */
  readonly stream: (options?: StreamOptions) => Stream.Stream<Uint8Array, Failure>
  /** Writes everything it gets, from `offset` (default 0) on. */
  readonly sink: (options?: { readonly offset?: Offset | undefined }) => Sink.Sink<void, Uint8Array, never, Failure>
}

export type { FileRequests }

/**
 * @since 0.1.0
 * @category models
 */
export interface StreamOptions {
  /** Bytes from the start of the file. Default 0. */
  readonly offset?: Offset | undefined
  /** Bytes at most. Default: up to the end of the file. */
  readonly length?: Offset | undefined
  /** Bytes of a chunk, at most. Default 65536. A file is read in larger pieces, of which chunks are parts. */
  readonly chunkSize?: number | undefined
}

const DEFAULT_CHUNK_SIZE = 65536

/** Bytes that a stream reads at once, at most, unless one chunk is larger. */
const MOST_AT_ONCE = 1 << 20

const inChunks = (bytes: Uint8Array, size: number): Chunk.Chunk<Uint8Array> => {
  if (bytes.length <= size) return Chunk.of(bytes)
  const chunks: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return Chunk.unsafeFromArray(chunks)
}

/** In place of a position: the stream has seen the end of its file. */
const END = Number.POSITIVE_INFINITY

/** A position that much further on; none stays none. */
const advance = (offset: Offset | undefined, by: number): Offset | undefined =>
  offset === undefined
    ? undefined
    : typeof offset === "number" && offset + by <= Number.MAX_SAFE_INTEGER
      ? offset + by
      : BigInt(offset) + BigInt(by)

class FileImpl implements AioFile {
  readonly [TypeId]: TypeId = TypeId

  constructor(
    private readonly engine: Engine,
    readonly fd: number,
    readonly state: FileState
  ) {}

  get request(): FileRequests {
    return fileRequests(this.fd, this.state)
  }

  toJSON(): unknown {
    const { closed, path } = this.state
    const shown = path instanceof Uint8Array ? Buffer.from(path).toString() : path
    return { _id: "AioFile", fd: this.fd, path: shown, closed }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  toString(): string {
    return `AioFile(${this.fd})`
  }

  /** Ends the requests that still use the descriptor, then closes it. What close(2) reports (EIO of earlier writes) cannot be mended there: `sync` is how to ask. */
  get release(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { engine, state } = this
      state.closed = true
      const close = Effect.ignore(executeUninterruptibly(engine, catalogue.close(this.fd)))
      // Fibers that outlive the Scope may have requests under way. Their number must not become another file's under them.
      return state.users === 0 ? close : Effect.zipRight(this.unused, close)
    })
  }

  private get unused(): Effect.Effect<void> {
    return Effect.async((resume) => {
      this.state.onUnused = () => resume(Effect.void)
      this.engine.cancelUsers(this.state)
    })
  }

  private run<A>(operation: Operation<A>): Effect.Effect<A, Failure> {
    return execute(this.engine, ofFile(operation, this.state))
  }

  private transfer(
    operation: typeof catalogue.read,
    buffer: Uint8Array,
    offset: Offset | undefined
  ): Effect.Effect<number, Failure> {
    const request: Operation<number> = {
      entry: operation.entry,
      input: { fd: this.fd, buffer, offset, file: this.state }
    }
    return execute(this.engine, request)
  }

  /** A direct read gives part of a sector only at the end of the file, and nothing could be read after it. */
  private endsWithin(count: number): boolean {
    const { alignment } = this.state
    return alignment !== undefined && count % alignment.offset !== 0
  }

  /** A position, for files that have them; pipes and their like go on where they are. */
  private at(offset: Offset | undefined): TransferOptions | undefined {
    return this.state.seekable ? { offset } : undefined
  }

  private wholeSectors(length: number): number {
    const unit = this.state.alignment?.offset ?? 1
    return Math.ceil(length / unit) * unit
  }

  /** `undefined` where it would be longer than an array can be, or than there is memory. */
  private allocateBuffer(length: number): Uint8Array<ArrayBuffer> | undefined {
    const { alignment } = this.state
    try {
      return alignment === undefined ? uninitialized(length) : allocateAligned(length, Math.max(4096, alignment.memory))
    } catch {
      return undefined
    }
  }

  read(buffer: Uint8Array, options?: TransferOptions): Effect.Effect<number, Failure> {
    return this.transfer(catalogue.read, buffer, options?.offset)
  }

  readAlloc(length: number, options?: TransferOptions): Effect.Effect<Uint8Array, Failure> {
    return Effect.suspend(() => {
      const problem = badLength("readAlloc", length)
      if (problem !== undefined) return problem
      const buffer = this.allocateBuffer(length)
      if (buffer === undefined) return tooLong("readAlloc", "length", length)
      return Effect.map(this.read(buffer, options), (count) => (count === length ? buffer : buffer.subarray(0, count)))
    })
  }

  readExactly(into: number | Uint8Array, options?: TransferOptions): Effect.Effect<Uint8Array, Failure | AioEndOfFile> {
    return Effect.suspend(() => {
      const problem = ArrayBuffer.isView(into) ? undefined : badLength("readExactly", into, "into")
      if (problem !== undefined) return problem
      const buffer = typeof into === "number" ? this.allocateBuffer(into) : into
      if (buffer === undefined) return tooLong("readExactly", "into", into as number)
      const from = (done: number): Effect.Effect<Uint8Array, Failure | AioEndOfFile> =>
        done === buffer.byteLength
          ? Effect.succeed(buffer)
          : Effect.flatMap(
              this.transfer(
                catalogue.read,
                done === 0 ? buffer : buffer.subarray(done),
                advance(options?.offset, done)
              ),
              (count) =>
                count === 0 || (count < buffer.byteLength - done && this.endsWithin(count))
                  ? Effect.fail(new AioEndOfFile({ fd: this.fd, expected: buffer.byteLength, received: done + count }))
                  : from(done + count)
            )
      return from(0)
    })
  }

  readv(buffers: ReadonlyArray<Uint8Array>, options?: TransferOptions): Effect.Effect<number, Failure> {
    return execute(this.engine, catalogue.readv(this.fd, buffers, options, this.state))
  }

  write(buffer: Uint8Array, options?: TransferOptions): Effect.Effect<number, Failure> {
    return this.transfer(catalogue.write, buffer, options?.offset)
  }

  writeAll(buffer: Uint8Array, options?: TransferOptions): Effect.Effect<void, Failure> {
    const from = (done: number): Effect.Effect<void, Failure> =>
      Effect.flatMap(
        this.transfer(catalogue.write, done === 0 ? buffer : buffer.subarray(done), advance(options?.offset, done)),
        (count) => (done + count >= buffer.byteLength ? Effect.void : from(done + count))
      )
    return from(0)
  }

  writev(buffers: ReadonlyArray<Uint8Array>, options?: TransferOptions): Effect.Effect<number, Failure> {
    return execute(this.engine, catalogue.writev(this.fd, buffers, options, this.state))
  }

  get sync(): Effect.Effect<void, Failure> {
    return this.run(catalogue.fsync(this.fd))
  }

  get datasync(): Effect.Effect<void, Failure> {
    return this.run(catalogue.fdatasync(this.fd))
  }

  get stat(): Effect.Effect<Stat, Failure> {
    return this.run(catalogue.fstat(this.fd))
  }

  truncate(length?: Offset): Effect.Effect<void, Failure> {
    return this.run(catalogue.ftruncate(this.fd, length))
  }

  allocate(options: AllocateOptions): Effect.Effect<void, Failure> {
    return this.run(catalogue.fallocate(this.fd, options))
  }

  advise(advice: Advice, options?: RangeOptions): Effect.Effect<void, Failure> {
    return this.run(catalogue.fadvise(this.fd, advice, options))
  }

  readahead(options: { readonly offset?: Offset | undefined; readonly length: number }): Effect.Effect<void, Failure> {
    return this.run(catalogue.readahead(this.fd, options))
  }

  stream(options: StreamOptions = {}): Stream.Stream<Uint8Array, Failure> {
    const chunkSize = options.chunkSize ?? DEFAULT_CHUNK_SIZE
    const length = options.length
    return Stream.unwrap(
      Effect.suspend(() => {
        const problem =
          badLength("stream", chunkSize, "chunkSize", 1) ??
          badOffset("stream", options.offset, "offset") ??
          badOffset("stream", length, "length")
        if (problem !== undefined) return problem
        const start = options.offset ?? 0
        // What a pipe has is a chunk at most.
        const most = this.state.seekable ? Math.max(1, Math.floor(MOST_AT_ONCE / chunkSize)) : 1
        return Effect.succeed(
          Stream.unfoldChunkEffect({ done: 0, chunks: 1 }, ({ chunks, done }) => {
            if (done === END) return Effect.succeed(Option.none())
            const left = length === undefined ? Number.POSITIVE_INFINITY : Number(BigInt(length) - BigInt(done))
            if (left <= 0) return Effect.succeed(Option.none())
            const asked = this.wholeSectors(Math.min(chunkSize * chunks, left))
            return Effect.map(this.readAlloc(asked, this.at(advance(start, done))), (bytes) => {
              if (bytes.length === 0) return Option.none()
              const next = this.endsWithin(bytes.length) ? END : done + bytes.length
              const wanted = bytes.length > left ? bytes.subarray(0, left) : bytes
              // Small files are read in small pieces.
              const state = { done: next, chunks: Math.min(chunks * 4, most) }
              return Option.some([inChunks(wanted, chunkSize), state])
            })
          })
        )
      })
    )
  }

  sink(options: { readonly offset?: Offset | undefined } = {}): Sink.Sink<void, Uint8Array, never, Failure> {
    return Sink.suspend(() => {
      let offset: Offset = options.offset ?? 0
      return Sink.forEach((bytes: Uint8Array) =>
        Effect.map(this.writeAll(bytes, this.at(offset)), () => {
          offset = advance(offset, bytes.byteLength)!
        })
      )
    })
  }
}

/** A new array, not zeroed: what is not overwritten by the read is cut off, though it stays in `.buffer`, as with Node's own buffers. */
const uninitialized = (length: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.allocUnsafeSlow(length).buffer as ArrayBuffer)

const tooLong = (operation: string, argument: string, length: number): Effect.Effect<never, AioBadArgument> =>
  Effect.fail(new AioBadArgument({ operation, argument, description: `no array can have ${length} bytes here` }))

const badLength = (
  operation: string,
  length: number,
  argument = "length",
  least = 0
): Effect.Effect<never, AioBadArgument> | undefined =>
  Number.isSafeInteger(length) && length >= least
    ? undefined
    : Effect.fail(
        new AioBadArgument({
          operation,
          argument,
          description: `must be a whole number of bytes from ${least}, not ${String(length)}`
        })
      )

const badOffset = (
  operation: string,
  offset: Offset | undefined,
  argument: string
): Effect.Effect<never, AioBadArgument> | undefined => {
  if (offset === undefined) return undefined
  try {
    checkOffset(offset, argument)
    return undefined
  } catch (error) {
    return badArgument(operation, error)
  }
}

/**
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
export const open = (path: Path, options: OpenOptions = {}): Effect.Effect<AioFile, Failure, Aio | Scope.Scope> =>
  Effect.flatMap(Aio, ({ engine }) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(acquire(engine, path, options, restore), (file) =>
        // Not `Effect.addFinalizer`, which also captures, compares and restores all of the fiber's FiberRefs: half the price of
        // opening a file, for a finalizer that reads none.
        Effect.flatMap(Effect.scope, (scope) => Effect.as(Scope.addFinalizer(scope, file.release), file))
      )
    )
  )

/** Opens in the uninterruptible region that `restore` belongs to. Whoever calls it sees to `release`. */
const acquire = (
  engine: Engine,
  path: Path,
  options: OpenOptions,
  restore: Restore
): Effect.Effect<FileImpl, Failure> =>
  Effect.suspend(() => {
    const flag = withDirect(options)
    if (typeof flag !== "number") return flag
    return Effect.map(executeMasked(engine, catalogue.open(path, { flag, mode: options.mode }), restore), (fd) => {
      const direct = (flag & constants.O_DIRECT) !== 0
      if (direct) engine.openedDirect()
      return new FileImpl(engine, fd, fileState(engine.descriptors.describe(fd, direct), path))
    })
  })

/**
 * Opens a file for the time of `use`, and closes it however that ends: `open` without a Scope to provide, at a third of the price.
 *
 * @since 0.1.0
 * @category operations
 */
export const withFile: {
  <A, E, R>(path: Path, use: (file: AioFile) => Effect.Effect<A, E, R>): Effect.Effect<A, E | Failure, R | Aio>
  <A, E, R>(
    path: Path,
    options: OpenOptions,
    use: (file: AioFile) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Failure, R | Aio>
} = <A, E, R>(
  path: Path,
  ...rest: [Use<A, E, R>] | [OpenOptions, Use<A, E, R>]
): Effect.Effect<A, E | Failure, R | Aio> => {
  const [options, use] = rest.length === 1 ? [{}, rest[0]] : rest
  return Effect.flatMap(Aio, ({ engine }) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(acquire(engine, path, options, restore), (file) =>
        Effect.matchCauseEffect(restore(Effect.suspend(() => use(file))), {
          onFailure: (cause) => Effect.zipRight(file.release, Effect.failCause(cause)),
          onSuccess: (value) => Effect.as(file.release, value)
        })
      )
    )
  )
}

type Use<A, E, R> = (file: AioFile) => Effect.Effect<A, E, R>

/**
 * The bytes of a file, to its end. Opening, reading and closing are one Effect without a fiber's turn in between: the fast way to
 * load many small files.
 *
 * @since 0.1.0
 * @category operations
 */
export const readFile = (path: Path): Effect.Effect<Uint8Array, Failure, Aio> =>
  Effect.flatMap(Aio, ({ engine }) => readFileWith(engine, path))

const withDirect = ({ direct = false, flag = "r" }: OpenOptions): number | Effect.Effect<never, AioBadArgument> => {
  try {
    return openFlags(flag) | (direct ? constants.O_DIRECT : 0)
  } catch (error) {
    return badArgument("open", error)
  }
}

/**
 * A descriptor that somebody else opened and will close: standard input, an inherited pipe.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromDescriptor = (fd: number): Effect.Effect<AioFile, never, Aio> =>
  Effect.map(
    Aio,
    ({ engine }) =>
      new FileImpl(engine, fd, {
        ...fileState(engine.descriptors.describe(fd, false)),
        noWait: false
      })
  )
