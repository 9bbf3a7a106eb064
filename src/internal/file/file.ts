/** The methods of an open file: transfers of a given length, and the Streams and Sinks made of them. */
import { constants } from "node:fs"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { NodeInspectSymbol } from "effect/Inspectable"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { AioBadArgument, AioEndOfFile, type AioFailure } from "../../AioError.ts"
import type { AioFile, BorrowOptions, OpenOptions, TypeId as PublicTypeId, StreamOptions } from "../../AioFile.ts"
import { checkFunction, withArguments } from "../effect/arguments.ts"
import { execute, executeMasked } from "../effect/execute.ts"
import { exitOfWrite, failureOf } from "../effect/exits.ts"
import { fileStream, forEachChunk } from "../effect/fileStream.ts"
import { release, scoped } from "../effect/release.ts"
import { runMasked } from "../effect/run.ts"
import { submitContextOf } from "../effect/submitContext.ts"
import type { Restore } from "../effect/wait.ts"
import { advance, BadArgument, checkOffset, type Offset, type Path, show } from "../engine/arguments.ts"
import { checkBytes, newBuffer } from "../engine/buffers.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed, LATER } from "../engine/failed.ts"
import { descriptorOf, OpenDescriptor } from "../engine/openDescriptor.ts"
import type { Operation } from "../engine/operation.ts"
import { offsetOf, optionsReader } from "../engine/options.ts"
import { textOfPath } from "../engine/pathNames.ts"
import { isBytes } from "../native/views.ts"
import * as catalogue from "../operation/catalogue.ts"
import type { CopyOptions } from "../operation/copies.ts"
import type { Advice, AllocateOptions, RangeOptions } from "../operation/descriptors.ts"
import type { MemfdOptions } from "../operation/memoryFiles.ts"
import type { Stat } from "../operation/metadata.ts"
import { openFile } from "../operation/openFile.ts"
import { mayWrite, openFlags } from "../operation/openFlags.ts"
import type { SendfileOptions } from "../operation/splices.ts"
import {
  type ReadOptions,
  type TransferOptions,
  type WriteAllOptions,
  type WriteOptions,
  writeAllFlags
} from "../operation/transferOptions.ts"
import { type FileReaderOptions, largestSlab } from "../task/fileReader.ts"
import { EndOfFile, Move } from "../task/move.ts"
import { freshSlabs, LentSlabs } from "../task/slabs.ts"
import { type ReadManyOptions, type ReadRange, readMany } from "./readMany.ts"

export const TypeId: PublicTypeId = Symbol.for("effect-aio/AioFile") as PublicTypeId

const DEFAULT_CHUNK_SIZE = 65536
/** Fits into a processor's second cache. Measured in bench/scenarios/stream.ts. */
const LENT_CHUNK_SIZE = 262_144

/** The options, read once for all the transfers that follow. Throws `BadArgument`. */
const startOf = (options: TransferOptions | undefined): Offset | undefined => {
  const offset = offsetOf(options)
  return offset === undefined ? undefined : checkOffset(offset)
}

/** Where a transfer of all bytes starts, and its `RWF_*`. */
interface Start {
  readonly offset: Offset | undefined
  readonly flags?: number | undefined
}

/** The same of writes. Throws `BadArgument`. */
const writeStartOf = (options: WriteAllOptions | undefined): Start => ({
  offset: startOf(options),
  flags: options === undefined ? 0 : writeAllFlags(options)
})

export class FileImpl implements AioFile {
  readonly [TypeId]: PublicTypeId = TypeId

  constructor(
    private readonly engine: Engine,
    readonly state: OpenDescriptor,
    /** A descriptor of the program, which may have read or written a part: streams and sinks start at its position. */
    private readonly isBorrowed = false
  ) {}

  get [descriptorOf](): OpenDescriptor {
    return this.state
  }

  get fd(): number {
    return this.state.fd
  }

  toJSON(): unknown {
    const { closed, path } = this.state
    const shown = path === undefined ? undefined : textOfPath(path)
    return { _id: "AioFile", fd: this.fd, path: shown, closed }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  toString(): string {
    return `AioFile(${this.fd})`
  }

  /** An error of close(2) (EIO of earlier writes) has no remedy at the end of a Scope: `sync` tells it in time. */
  get release(): Effect.Effect<void> {
    return release(this.engine, this.state)
  }

  private run<A>(operation: Operation<A>): Effect.Effect<A, AioFailure> {
    return execute(this.engine, operation)
  }

  /** Moves all of the buffer, on the spot if that needs no waiting. */
  private moveAll<A, E>(
    operation: typeof catalogue.read | typeof catalogue.write,
    buffer: Uint8Array,
    { flags = 0, offset }: Start,
    toExit: (end: number | Failed) => Exit.Exit<A, E>
  ): Effect.Effect<A, E> {
    return Effect.withFiberRuntime((fiber): Effect.Effect<A, E> => {
      const { engine, fd, state: file } = this
      const { entry } = operation
      const { length } = buffer
      const context = submitContextOf(engine, fiber)
      const triedInline = context.startSpan === undefined && engine.mayTry(entry)
      const tried = triedInline ? engine.attempt({ entry, input: { fd, file, buffer, offset } }) : LATER
      if (tried instanceof Failed || tried === length) return toExit(tried)
      const about = { fd, file }
      // Only reads are answered on the spot.
      if (tried === 0) return toExit(new Failed(entry.name, about, 0, new EndOfFile(0)))
      const done = tried === LATER ? 0 : tried
      return Effect.uninterruptibleMask((restore) => {
        const move = new Move({
          engine: () => engine,
          file,
          operation,
          buffer,
          length,
          offset,
          flags,
          all: true,
          done,
          triedInline: tried === LATER && triedInline,
          about,
          context
        })
        return runMasked(move, restore, toExit)
      })
    })
  }

  /**
   * Where a stream or a sink starts without an offset: at the start of a file that was opened for it. A file that takes no offsets is read
   * or written where it is.
   */
  private start(writes: boolean): Offset | undefined {
    return !this.isBorrowed && this.engine.descriptors.takesOffsets(this.fd, writes) ? 0 : undefined
  }

  read(buffer: Uint8Array, options?: ReadOptions): Effect.Effect<number, AioFailure> {
    return execute(this.engine, catalogue.read(this.state, buffer, options))
  }

  readAlloc(length: number, options?: ReadOptions): Effect.Effect<Uint8Array, AioFailure> {
    return withArguments(
      "readAlloc",
      () => checkLength(length),
      () => {
        const buffer = newBuffer(length, this.state.alignment)
        if (buffer === undefined) return tooLong("readAlloc", "length", length)
        return Effect.map(this.read(buffer, options), (count) =>
          count === length ? buffer : buffer.subarray(0, count)
        )
      }
    )
  }

  readExactly(
    into: number | Uint8Array,
    options?: TransferOptions
  ): Effect.Effect<Uint8Array, AioFailure | AioEndOfFile> {
    const check = () => {
      const offset = startOf(options)
      if (isBytes(into)) return { offset, whole: into, buffer: checkBytes(into, "into") }
      checkLength(into, "into")
      const whole = newBuffer(into, this.state.alignment)
      return { offset, whole, buffer: whole }
    }
    return withArguments("readExactly", check, ({ buffer, offset, whole }) => {
      if (whole === undefined || buffer === undefined) return tooLong("readExactly", "into", into as number)
      const { length: expected } = buffer
      if (expected === 0) return Effect.succeed(whole)
      return this.moveAll<Uint8Array, AioFailure | AioEndOfFile>(catalogue.read, buffer, { offset }, (end) => {
        if (!(end instanceof Failed)) return Exit.succeed(whole)
        const { problem } = end
        return problem instanceof EndOfFile
          ? Exit.fail(new AioEndOfFile({ fd: this.fd, path: this.state.path, expected, received: problem.received }))
          : failureOf(this.engine, end)
      })
    })
  }

  readv(buffers: ReadonlyArray<Uint8Array>, options?: ReadOptions): Effect.Effect<number, AioFailure> {
    return execute(this.engine, catalogue.readv(this.state, buffers, options))
  }

  readMany(
    ranges: ReadonlyArray<ReadRange>,
    options?: ReadManyOptions
  ): Effect.Effect<ReadonlyArray<Uint8Array>, AioFailure> {
    return readMany(this.engine, this.state, ranges, options)
  }

  write(buffer: Uint8Array, options?: WriteOptions): Effect.Effect<number, AioFailure> {
    return execute(this.engine, catalogue.write(this.state, buffer, options))
  }

  writeAll(buffer: Uint8Array, options?: WriteAllOptions): Effect.Effect<void, AioFailure> {
    return Effect.asVoid(this.writeWhole(buffer, () => writeStartOf(options)))
  }

  /** The number of bytes: all that there are. */
  private writeWhole(whole: Uint8Array, start: () => Start): Effect.Effect<number, AioFailure> {
    const check = () => ({ start: start(), buffer: checkBytes(whole, "buffer") })
    return withArguments("writeAll", check, ({ buffer, start }) =>
      this.moveAll(catalogue.write, buffer, start, (end) => exitOfWrite(this.engine, end, "writeAll"))
    )
  }

  writev(buffers: ReadonlyArray<Uint8Array>, options?: WriteOptions): Effect.Effect<number, AioFailure> {
    return execute(this.engine, catalogue.writev(this.state, buffers, options))
  }

  get sync(): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.fsync(this.state))
  }

  get datasync(): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.fdatasync(this.state))
  }

  get stat(): Effect.Effect<Stat, AioFailure> {
    return this.run(catalogue.fstat(this.state))
  }

  get size(): Effect.Effect<bigint, AioFailure> {
    return Effect.map(this.stat, ({ size }) => size)
  }

  copyFileRange(to: AioFile | number, options: CopyOptions): Effect.Effect<number, AioFailure> {
    return this.run(catalogue.copyFileRange(this.state, to, options))
  }

  sendfile(to: AioFile | number, options: SendfileOptions): Effect.Effect<number, AioFailure> {
    return this.run(catalogue.sendfile(this.state, to, options))
  }

  truncate(length?: Offset): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.ftruncate(this.state, length))
  }

  allocate(options: AllocateOptions): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.fallocate(this.state, options))
  }

  advise(advice: Advice, options?: RangeOptions): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.fadvise(this.state, advice, options))
  }

  readahead(options: {
    readonly offset?: Offset | undefined
    readonly length: number
  }): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.readahead(this.state, options))
  }

  stream(options?: StreamOptions): Stream.Stream<Uint8Array, AioFailure> {
    return this.streamOf("stream", () => ({ ...streamOptions(options), isLent: false, detach: false }))
  }

  borrowedStream(options?: BorrowOptions): Stream.Stream<Uint8Array, AioFailure> {
    return this.streamOf("borrowedStream", () => lending(options))
  }

  private streamOf(method: string, read: () => ReaderOptions): Stream.Stream<Uint8Array, AioFailure> {
    return Stream.unwrapScoped(
      withArguments(
        method,
        () => this.readerOptions(read()),
        (options) => fileStream(options, this.toFailure, Effect.void)
      )
    )
  }

  forEachChunk<A, E, R>(
    use: (chunk: Uint8Array) => Effect.Effect<A, E, R>,
    options?: BorrowOptions
  ): Effect.Effect<void, E | AioFailure, R> {
    return withArguments(
      "forEachChunk",
      () => {
        checkFunction("use", use)
        return this.readerOptions(lending(options))
      },
      (reader) => forEachChunk(reader, use, this.toFailure)
    )
  }

  private readonly toFailure = (failed: Failed): Exit.Exit<never, AioFailure> => failureOf(this.engine, failed)

  /** Throws `BadArgument`. */
  private readerOptions({ detach, isLent, length, offset, ...options }: ReaderOptions): FileReaderOptions {
    const { engine, state: file } = this
    const { chunkSize = isLent ? LENT_CHUNK_SIZE : DEFAULT_CHUNK_SIZE } = options
    checkLength(chunkSize, "chunkSize", 1)
    return {
      engine: () => engine,
      file,
      chunkSize,
      length: length === undefined ? Number.POSITIVE_INFINITY : Number(checkOffset(length, "length")),
      offset: offset === undefined ? this.start(false) : checkOffset(offset),
      size: Number.POSITIVE_INFINITY,
      first: chunkSize,
      // What a pipe has is a chunk at most. One that is lent is a slab of its own.
      most: file.seekable && !isLent ? largestSlab(chunkSize) : chunkSize,
      slabs: isLent ? new LentSlabs(detach === true) : freshSlabs
    }
  }

  sink(options?: WriteAllOptions): Sink.Sink<void, Uint8Array, never, AioFailure> {
    return Sink.unwrap(
      withArguments(
        "sink",
        () => writeStartOf(options),
        ({ flags, offset: given }) =>
          Effect.sync(() => {
            let offset = given ?? this.start(true)
            return Sink.forEach((bytes: Uint8Array) =>
              Effect.map(
                this.writeWhole(bytes, () => ({ offset, flags })),
                (count) => {
                  offset = advance(offset, count)
                }
              )
            )
          })
      )
    )
  }
}

const tooLong = (operation: string, argument: string, length: number): Effect.Effect<never, AioBadArgument> =>
  Effect.fail(new AioBadArgument({ operation, argument, description: `no array can have ${length} bytes here` }))

/** Throws `BadArgument`. */
const checkLength = (length: number, argument = "length", least = 0): void => {
  if (Number.isSafeInteger(length) && length >= least) return
  throw new BadArgument(argument, `must be a whole number of bytes from ${least}, not ${show(length)}`)
}

const streamOptions = optionsReader<StreamOptions>({ offset: true, length: true, chunkSize: true })

const borrowOptions = optionsReader<BorrowOptions>({ offset: true, length: true, chunkSize: true, detach: true })

interface ReaderOptions extends BorrowOptions {
  readonly isLent: boolean
}

const lending = (options: BorrowOptions | undefined): ReaderOptions => ({ ...borrowOptions(options), isLent: true })

// --- Opening

const openOptions = optionsReader<OpenOptions>({ at: true, direct: true, flag: true, mode: true })

/** Opens in the uninterruptible region that `restore` belongs to. Whoever calls it sees to `release`. */
export const acquire = (
  engine: Engine,
  path: Path,
  options: OpenOptions | undefined,
  restore: Restore
): Effect.Effect<FileImpl, AioFailure> =>
  withArguments(
    "open",
    () => {
      const { at, direct = false, flag = "r", mode } = openOptions(options)
      return { at, flag: openFlags(flag) | (direct ? constants.O_DIRECT : 0), mode }
    },
    (how) =>
      Effect.map(executeMasked(engine, openFile(path, how), restore), (fd) => {
        const direct = (how.flag & constants.O_DIRECT) !== 0
        if (direct) engine.openedDirect()
        const description = engine.descriptors.describe(fd, direct)
        return new FileImpl(engine, new OpenDescriptor(fd, description, path, mayWrite(how.flag)))
      })
  )

/** Opens a file that is closed with its Scope. */
export const openScoped = (
  engine: Engine,
  path: Path,
  options?: OpenOptions
): Effect.Effect<AioFile, AioFailure, Scope.Scope> => scoped((restore) => acquire(engine, path, options, restore))

/** A file in memory that is gone with its Scope. */
export const memoryScoped = (
  engine: Engine,
  name: Path,
  options?: MemfdOptions
): Effect.Effect<AioFile, AioFailure, Scope.Scope> =>
  scoped((restore) =>
    Effect.map(executeMasked(engine, catalogue.memfdCreate(name, options), restore), (fd) => {
      const description = engine.descriptors.describe(fd, false)
      return new FileImpl(engine, new OpenDescriptor(fd, description, undefined, true))
    })
  )
