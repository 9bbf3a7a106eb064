/**
 * Reads a file from one offset to another, in slabs of which the chunks are disjoint parts, and one slab ahead of the consumer.
 *
 * A chunk of a cached file costs an array that is allocated, and one or more turns of a fiber. A slab costs both once, and its chunks go to
 * the consumer together. Whether the consumer may keep them: see slabs.ts.
 *
 * The slab that is being read belongs to the reader alone, so that a fiber that is interrupted does not have to wait for the read's end.
 * `close` waits for that end. Until then the request references the slab.
 */
import { advance, BadArgument, type Offset } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed, LATER } from "../engine/failed.ts"
import type { OpenDescriptor } from "../engine/openDescriptor.ts"
import type { Operation } from "../engine/operation.ts"
import type { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import { read } from "../operation/catalogue.ts"
import { Member, type Owner } from "./member.ts"
import type { Slabs } from "./slabs.ts"
import type { SubmitContext } from "./submitContext.ts"

/** Bytes of a slab at most, unless one chunk is larger. Larger ones are read no faster. Measured in bench/scenarios/filesystem.ts. */
const SLAB = 1 << 20

/** A slab has so many times the bytes of the previous slab, if that one was filled: small files are read in small pieces. */
const GROWTH = 4

/** Bytes of the largest slab of chunks that is allocated. */
export const largestSlab = (chunkSize: number): number => Math.max(1, Math.floor(SLAB / chunkSize)) * chunkSize

export interface FileReaderOptions {
  /** The engine that runs the next read. */
  readonly engine: () => Engine
  readonly file: OpenDescriptor
  /** Left out: at the position of the descriptor. Then nothing is read ahead: other readers go on behind what was taken. */
  readonly offset: Offset | undefined
  /** Bytes to read, or Infinity. */
  readonly length: number
  /** Bytes of the file as far as they are known, otherwise Infinity. A hint. */
  readonly size: number
  /** Bytes of a chunk at most, from 1. */
  readonly chunkSize: number
  /** Bytes of the first slab. */
  readonly first: number
  /** Bytes of a slab at most. */
  readonly most: number
  readonly slabs: Slabs
}

/** A read that is under way, or has ended. */
class SlabRead extends Member {
  end: number | Failed | typeof LATER = LATER
  /** No fiber waits for it any more, and it was asked to end. */
  isGivenUp = false
  /** It was not answered on the spot, but in a turn of the engine. */
  hasWaited = false

  constructor(
    owner: Owner<SlabRead>,
    operation: Operation<number>,
    readonly slab: Uint8Array,
    context: SubmitContext
  ) {
    super(owner, operation, 0, context)
  }

  override settled(memory: Submission | null): void {
    this.hasWaited = memory?.outlivesCall === true
    super.settled(memory)
  }
}

export class FileReader implements Owner<SlabRead> {
  readonly wantsOverdue = false
  /** The engine that runs the read under way. */
  engine: Engine
  /** The read that is under way, or has ended and not been taken. */
  private ahead: SlabRead | undefined = undefined
  private tell: (() => void) | undefined = undefined
  private offset: Offset | undefined
  /** Bytes that are still to be read. */
  private left: number
  /** Bytes of the next slab at most. */
  private next: number
  private atEnd = false

  constructor(private readonly options: FileReaderOptions) {
    this.engine = options.engine()
    this.offset = options.offset
    this.left = options.length
    this.next = options.first
  }

  /** The engine that runs the next read. */
  get server(): Engine {
    return this.options.engine()
  }

  /** Whether a read takes bytes away from other readers. */
  get consumes(): boolean {
    return this.options.offset === undefined
  }

  ended(slabRead: SlabRead, end: unknown | Failed): void {
    slabRead.end = end as number | Failed
    const { tell } = this
    this.tell = undefined
    tell?.()
  }

  overdue(): void {}

  /** Whether `take` gives something other than `LATER`. */
  get isReady(): boolean {
    return this.ahead !== undefined && this.ahead.end !== LATER
  }

  /** Calls `tell` once when `isReady` becomes true. Not to be called when it is true already. */
  whenReady(tell: () => void): void {
    this.tell = tell
  }

  /**
   * The next chunks; none at the end. `LATER`: none have come yet. `context`: of the fiber that takes them, for the reads that this starts.
   */
  take(context: SubmitContext): ReadonlyArray<Uint8Array> | Failed | typeof LATER {
    const { ahead } = this
    this.options.slabs.reclaim()
    if (ahead === undefined) return this.readNow(context)
    const { end, slab } = ahead
    if (end === LATER) return LATER
    this.ahead = undefined
    if (end instanceof Failed) return this.isToBeRepeated(ahead, end) ? this.readNow(context) : end
    const chunks = this.chunksOf(slab, end)
    // The read had to be waited for: the next slab is read while the consumer works on this one. Not behind a slab that was not filled,
    // since the file most likely ends there.
    if (ahead.hasWaited && end === slab.length && !this.consumes && !this.hasEnded) {
      const next = this.newSlab()
      // There was no memory for it: the read that the consumer asks for will say so.
      if (next !== undefined) this.start(this.operation(next), next, false, context)
    }
    return chunks
  }

  /** Cancels a read that takes bytes away from other readers, since no fiber waits for it any more. */
  giveUp(): void {
    this.tell = undefined
    const { ahead } = this
    if (ahead === undefined || ahead.end !== LATER) return
    ahead.isGivenUp = true
    this.engine.cancel(ahead)
  }

  /** Cancels the read under way. `done` is called when none is, which may be at once. */
  close(done: () => void): void {
    const { ahead } = this
    this.options.slabs.reclaim()
    if (ahead === undefined || ahead.end !== LATER) return done()
    this.tell = done
    this.engine.cancel(ahead)
  }

  /** Cancelled by a fiber that gave it up, or by the end of an engine that has a replacement. */
  private isToBeRepeated({ isGivenUp }: SlabRead, end: Failed): boolean {
    return end.errno === errno.ECANCELED && (isGivenUp || this.server !== this.engine)
  }

  private get hasEnded(): boolean {
    return this.atEnd || this.left <= 0
  }

  private readNow(context: SubmitContext): ReadonlyArray<Uint8Array> | Failed | typeof LATER {
    if (this.hasEnded) return []
    const slab = this.newSlab()
    if (slab === undefined) return this.tooLong
    const { server } = this
    const operation = this.operation(slab)
    const tried = context.startSpan === undefined && server.mayTry(operation.entry)
    const end = tried ? server.attempt(operation) : LATER
    if (end !== LATER) return end instanceof Failed ? end : this.chunksOf(slab, end)
    this.start(operation, slab, tried, context)
    // The read may have been refused.
    return this.isReady ? this.take(context) : LATER
  }

  private start(operation: Operation<number>, slab: Uint8Array, triedInline: boolean, context: SubmitContext): void {
    this.engine = this.server
    const slabRead = new SlabRead(this, operation, slab, context)
    slabRead.triedInline = triedInline
    this.ahead = slabRead
    slabRead.start()
  }

  private operation(slab: Uint8Array): Operation<number> {
    const { file } = this.options
    return { entry: read.entry, input: { fd: file.fd, file, buffer: slab, offset: this.offset } }
  }

  private get nextLength(): number {
    const { chunkSize, file, offset, size } = this.options
    const behind = offset === undefined ? size : size - Number(this.offset)
    // Behind the end that was known there may be more by now, but hardly much.
    const expected = behind > 0 ? behind : chunkSize
    return file.wholeSectors(Math.min(this.next, this.left, expected))
  }

  private newSlab(): Uint8Array | undefined {
    return this.options.slabs.take(this.nextLength, this.options.file.alignment)
  }

  private get tooLong(): Failed {
    const problem = new BadArgument("chunkSize", `no array can have ${this.nextLength} bytes here`)
    return new Failed("stream", undefined, 0, problem)
  }

  private chunksOf(slab: Uint8Array, count: number): ReadonlyArray<Uint8Array> {
    const { chunkSize, file, most, slabs } = this.options
    const wanted = Math.min(count, this.left)
    this.atEnd = count === 0 || file.endsWithin(count)
    this.offset = advance(this.offset, count)
    this.left -= count
    // A read that gave fewer bytes than it was asked for is hardly followed by more than that.
    const filled = Math.max(1, Math.floor(count / chunkSize)) * chunkSize
    this.next = count < slab.length ? filled : Math.min(most, Math.max(this.next * GROWTH, filled))
    slabs.handOut(slab)
    const chunks: Array<Uint8Array> = []
    for (let at = 0; at < wanted; at += chunkSize) chunks.push(slab.subarray(at, Math.min(at + chunkSize, wanted)))
    return chunks
  }
}
