/**
 * A file as a stream: read in slabs of about a mebibyte, of which the chunks are disjoint parts, and one slab ahead of the consumer.
 *
 * What a stream of a cached file costs is memory that is allocated, one array a chunk, and the turns of fibers, one or more a chunk.
 * A slab costs both once, and its chunks go to the consumer together. A slab is never used again: the consumer may keep its parts.
 *
 * The slab being read belongs to the stream alone, so a fiber that waits for it can be interrupted at once. The stream's Scope
 * cancels the read, waits for its end, and closes the file then. Until that end the request references the slab.
 */
import type { PlatformError } from "@effect/platform/Error"
import type { StreamOptions } from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { AioError } from "../../AioError.ts"
import { executeMasked, executeUninterruptibly, badArgument as wrongArgument } from "../effect/execute.ts"
import type { EndSpan } from "../effect/spans.ts"
import { type Origin, originOf } from "../effect/submitContext.ts"
import { BadArgument } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { type Operation, PENDING } from "../engine/operation.ts"
import { DONE, Request } from "../engine/request.ts"
import { errno } from "../native/errno.ts"
import { trustOfAnswer } from "../native/trust.ts"
import { close, fstat, open, read } from "../operation/catalogue.ts"
import { decodeFileSize } from "../operation/metadata.ts"
import { badArgument, fromWrongArgument, type Subject, systemError, translate } from "./errors.ts"
import { regularFile } from "./sequence.ts"
import { living } from "./successor.ts"

/** As NodeFileSystem's. */
const CHUNK_SIZE = 65536
const BUFFER_SIZE = 16

/** Bytes of a slab at most, unless one chunk is larger. Larger ones are read no faster. Measured in bench/scenarios/filesystem.ts. */
const SLAB = 1 << 20

class Ahead extends Request {
  private readonly endSpan: EndSpan | undefined

  constructor(
    private readonly owner: Reader,
    operation: Operation<number>,
    readonly slab: Uint8Array,
    { priority, startSpan }: Origin
  ) {
    super(operation)
    this.priority = priority
    this.endSpan = startSpan?.(this)
  }

  override settled(): void {
    const { endSpan, entry, input, problem, result } = this
    if (problem !== undefined) endSpan?.(wrongArgument(entry.name, problem))
    else endSpan?.(result < 0 ? Exit.fail(AioError.fromErrno(-result, entry.name, input)) : Exit.void)
    this.owner.arrived()
  }
}

type Pull = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<PlatformError>>

const ended: Pull = Effect.fail(Option.none())

class Reader {
  private readonly file = regularFile()
  /** The read that is under way, or has arrived and not been taken. */
  private ahead: Ahead | undefined = undefined
  private onArrival: (() => void) | undefined = undefined
  private atEnd = false
  /** Bytes of the file when it was opened, if that was known without waiting. */
  private readonly size: number

  /** Who runs the read that is under way. */
  private reading: Engine

  constructor(
    private readonly own: Engine,
    private readonly fd: number,
    private position: number,
    /** Bytes that are still wanted. */
    private left: number,
    private readonly chunkSize: number,
    private readonly slabSize: number
  ) {
    this.reading = own
    this.size = Number.POSITIVE_INFINITY
    const engine = living(own)
    if (!engine.mayInline || engine.tryInline(fstat.entry, { fd }) === PENDING) return
    this.size = decodeFileSize(engine.scratch)
    this.file.trust = trustOfAnswer(fd, engine.scratch.cell)
    engine.countInline()
  }

  /** Called by the read that is under way. */
  arrived(): void {
    const { onArrival } = this
    this.onArrival = undefined
    onArrival?.()
  }

  private get subject(): Subject {
    return { method: "readAlloc", of: this.fd }
  }

  private operation(slab: Uint8Array): Operation<number> {
    return { entry: read.entry, input: { fd: this.fd, buffer: slab, offset: this.position, file: this.file } }
  }

  private newSlab(): Uint8Array {
    const { size } = this
    // Small files get small slabs. Behind the end, as it was, there may be more by now, but hardly much.
    const expected = size <= this.position ? this.chunkSize : size - this.position
    // Not zeroed: what a read does not fill is cut off.
    return new Uint8Array(Buffer.allocUnsafeSlow(Math.min(this.slabSize, this.left, expected)).buffer)
  }

  readonly pull: Pull = Effect.withFiberRuntime((fiber): Pull => {
    if (this.ahead !== undefined) return this.whenArrived
    if (this.atEnd || this.left <= 0) return ended
    const engine = living(this.own)
    const slab = this.newSlab()
    const operation = this.operation(slab)
    // Of the fiber that pulls: it may have another priority each time.
    const origin = originOf(engine, fiber)
    const tried = engine.mayInline && origin.startSpan === undefined
    if (tried) {
      try {
        const count = engine.tryInline(operation.entry, operation.input)
        if (count !== PENDING) {
          engine.countInline()
          return this.deliver(slab, count)
        }
      } catch (problem) {
        return this.refuse(problem)
      }
    }
    this.read(operation, slab, tried, origin)
    return this.whenArrived
  })

  private read(operation: Operation<number>, slab: Uint8Array, triedInline: boolean, origin: Origin): void {
    const request = new Ahead(this, operation, slab, origin)
    request.triedInline = triedInline
    this.ahead = request
    this.reading = living(this.own)
    this.reading.submit(request)
  }

  private get hasArrived(): boolean {
    return this.ahead === undefined || this.ahead.state === DONE
  }

  private readonly whenArrived: Pull = Effect.suspend(() =>
    this.hasArrived
      ? this.take
      : Effect.zipRight(
          Effect.async<void>((resume) => {
            this.onArrival = () => resume(Effect.void)
          }),
          this.take
        )
  )

  private readonly take: Pull = Effect.withFiberRuntime((fiber): Pull => {
    const { problem, result, slab } = this.ahead!
    this.ahead = undefined
    if (problem !== undefined) return this.refuse(problem)
    // Nobody but the Layer's end cancels what is read ahead: it is read again.
    if (result === -errno.ECANCELED && this.reading.closed) return this.pull
    if (result < 0) return Effect.fail(Option.some(systemError(-result, "read", this.subject)))
    const delivery = this.deliver(slab, result)
    // It was worth waiting for: the next one is read while the consumer works on this one.
    if (!this.atEnd && this.left > 0) {
      const next = this.newSlab()
      this.read(this.operation(next), next, true, originOf(living(this.own), fiber))
    }
    return delivery
  })

  private refuse(problem: unknown): Pull {
    return problem instanceof BadArgument
      ? Effect.fail(Option.some(fromWrongArgument("stream", problem)))
      : Effect.die(problem)
  }

  private deliver(slab: Uint8Array, count: number): Pull {
    if (count === 0) {
      this.atEnd = true
      return ended
    }
    this.position += count
    this.left -= count
    const { chunkSize } = this
    const chunks: Array<Uint8Array> = []
    for (let at = 0; at < count; at += chunkSize) chunks.push(slab.subarray(at, Math.min(at + chunkSize, count)))
    return Effect.succeed(Chunk.unsafeFromArray(chunks))
  }

  readonly release: Effect.Effect<void> = Effect.suspend(() => {
    const closing = Effect.ignore(executeUninterruptibly(this.own, close(this.fd)))
    if (this.hasArrived) return closing
    const end = Effect.async<void>((resume) => {
      this.onArrival = () => resume(Effect.void)
      this.reading.cancel(this.ahead!)
    })
    return Effect.zipRight(end, closing)
  })
}

const whole = (name: string, value: number, least: number) =>
  Number.isSafeInteger(value) && value >= least
    ? undefined
    : badArgument("stream", name, `must be a whole number from ${least} on, not ${value}`)

export const stream = (
  engine: Engine,
  path: string,
  options: StreamOptions = {}
): Stream.Stream<Uint8Array, PlatformError> => {
  const chunkSize = Number(options.chunkSize ?? CHUNK_SIZE)
  const offset = Number(options.offset ?? 0)
  const left = options.bytesToRead === undefined ? Number.POSITIVE_INFINITY : Number(options.bytesToRead)
  const bufferSize = Math.max(1, Number(options.bufferSize ?? BUFFER_SIZE))
  const problem = whole("chunkSize", chunkSize, 1) ?? whole("offset", offset, 0)
  if (problem !== undefined) return Stream.fail(problem)
  const chunks = Math.max(1, Math.min(bufferSize, Math.floor(SLAB / chunkSize)))
  const acquire = Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.mapError(
        executeMasked(living(engine), open(path), restore),
        translate({ method: "open", of: path, path })
      ),
      (fd) => {
        const reader = new Reader(engine, fd, offset, left, chunkSize, chunks * chunkSize)
        return Effect.flatMap(Effect.scope, (scope) =>
          Effect.as(Scope.addFinalizer(scope, reader.release), Stream.repeatEffectChunkOption(reader.pull))
        )
      }
    )
  )
  return Stream.unwrapScoped(acquire)
}
