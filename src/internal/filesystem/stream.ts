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
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { executeMasked, executeUninterruptibly } from "../effect/execute.ts"
import { submitContextOf } from "../effect/submitContext.ts"
import { living } from "../effect/successor.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed, LATER } from "../engine/failed.ts"
import { OpenDescriptor, regularFile } from "../engine/openDescriptor.ts"
import type { Operation } from "../engine/operation.ts"
import { errno } from "../native/errno.ts"
import { close, open, read } from "../operation/catalogue.ts"
import { measure } from "../operation/descriptors.ts"
import { Member, type Owner } from "../task/member.ts"
import type { SubmitContext } from "../task/submitContext.ts"
import { badArgument, type Subject, translate } from "./errors.ts"
import { toPlatformExit } from "./sequence.ts"

/** As NodeFileSystem's. */
const CHUNK_SIZE = 65536
const BUFFER_SIZE = 16

/** Bytes of a slab at most, unless one chunk is larger. Larger ones are read no faster. Measured in bench/scenarios/filesystem.ts. */
const SLAB = 1 << 20

/** The read that is under way, or has arrived. */
class Ahead extends Member {
  end: number | Failed | typeof LATER = LATER

  constructor(
    owner: Owner<Ahead>,
    operation: Operation<number>,
    readonly slab: Uint8Array,
    context: SubmitContext
  ) {
    super(owner, operation, 0, context)
  }
}

type Pull = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<PlatformError>>

const ended: Pull = Effect.fail(Option.none())

class Reader implements Owner<Ahead> {
  readonly isPatient = false
  private readonly file: OpenDescriptor
  /** The read that is under way, or has arrived and not been taken. */
  private ahead: Ahead | undefined = undefined
  private onArrival: (() => void) | undefined = undefined
  private atEnd = false
  /** Bytes of the file when it was opened, if that was known without waiting. */
  private readonly size: number = Number.POSITIVE_INFINITY

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
    this.file = new OpenDescriptor(fd, regularFile)
    const size = living(own).attempt(measure(this.file))
    if (size !== LATER && !(size instanceof Failed)) this.size = size
  }

  get engine(): Engine {
    return this.reading
  }

  /** The read that is under way has. */
  ended(ahead: Ahead, end: unknown | Failed): void {
    ahead.end = end as number | Failed
    const { onArrival } = this
    this.onArrival = undefined
    onArrival?.()
  }

  overdue(): void {}

  private get subject(): Subject {
    return { method: "readAlloc", of: this.fd }
  }

  private operation(slab: Uint8Array): Operation<number> {
    return { entry: read.entry, input: { fd: this.fd, file: this.file, buffer: slab, offset: this.position } }
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
    const context = submitContextOf(engine, fiber)
    const tried = engine.mayInline && context.startSpan === undefined
    const end = tried ? engine.attempt(operation) : LATER
    if (end === LATER) {
      this.read(operation, slab, tried, context)
      return this.whenArrived
    }
    return end instanceof Failed ? this.fail(end) : this.deliver(slab, end)
  })

  private read(operation: Operation<number>, slab: Uint8Array, triedInline: boolean, context: SubmitContext): void {
    this.reading = living(this.own)
    const request = new Ahead(this, operation, slab, context)
    request.triedInline = triedInline
    this.ahead = request
    request.start()
  }

  private get hasArrived(): boolean {
    return this.ahead === undefined || this.ahead.end !== LATER
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
    const { end, slab } = this.ahead!
    this.ahead = undefined
    // Nobody but the Layer's end cancels what is read ahead: it is read again.
    if (end instanceof Failed) return end.errno === errno.ECANCELED && this.reading.closed ? this.pull : this.fail(end)
    const delivery = this.deliver(slab, end as number)
    // It was worth waiting for: the next one is read while the consumer works on this one.
    if (!this.atEnd && this.left > 0) {
      const next = this.newSlab()
      this.read(this.operation(next), next, true, submitContextOf(living(this.own), fiber))
    }
    return delivery
  })

  private fail({ errno, operation, problem }: Failed): Pull {
    const { method, ...of } = this.subject
    const failed = new Failed(operation, { method: errno === 0 ? "stream" : method, ...of }, errno, problem)
    return Effect.mapError(toPlatformExit<never>(failed), Option.some)
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
