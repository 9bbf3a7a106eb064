/**
 * Many ranges of one file at once. Ranges that lie close to each other share a read: for a disk and for a system call the bytes between them
 * cost less than another request.
 *
 * Each read goes into an array of its own, and what the caller gets are parts of these. A batch makes the reads, so that its promise about
 * interruption holds: when the fiber has ended, no request writes into the arrays.
 */
import * as Effect from "effect/Effect"
import type { AioFailure } from "../../AioError.ts"
import { withArguments } from "../effect/arguments.ts"
import { submitAll } from "../effect/batch.ts"
import { advance, BadArgument, bad, checkOffset, type Offset, show } from "../engine/arguments.ts"
import { newBuffer } from "../engine/buffers.ts"
import type { Engine } from "../engine/engine.ts"
import type { OpenDescriptor } from "../engine/openDescriptor.ts"
import { elementsOf, optionsReader } from "../engine/options.ts"
import * as catalogue from "../operation/catalogue.ts"

/**
 * A range of a file, for `readMany`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadRange {
  /** Bytes from the start of the file. */
  readonly offset: Offset
  /** Bytes. */
  readonly length: number
}

/**
 * Which ranges of `readMany` share a read.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadManyOptions {
  /** Bytes between two ranges that share a read, at most: they are read, and belong to no range. Default 4096. */
  readonly maxGap?: number | undefined
  /** Bytes of a read for several ranges, at most. A range that is longer has a read of its own. Default 1048576. */
  readonly maxLength?: number | undefined
}

/** A page: the kernel reads whole pages, so that a gap of less costs the disk nothing. */
const MAX_GAP = 4096
/** Larger reads are no faster, see task/fileReader.ts. */
const MAX_LENGTH = 1 << 20

/** A range, and where it stands in the caller's list. */
interface Wanted {
  readonly index: number
  readonly offset: Offset
  readonly length: number
}

/** A read, and the ranges that it is for. */
interface Merged {
  readonly offset: Offset
  readonly ranges: Array<Wanted>
  length: number
}

/** A read that has its memory. */
interface Filling extends Merged {
  readonly buffer: Uint8Array
  /** Bytes that have been read. */
  count: number
}

const rangeOptions = optionsReader<ReadRange>({ offset: true, length: true })

const readManyOptions = optionsReader<ReadManyOptions>({ maxGap: true, maxLength: true })

/** Throws `BadArgument`. */
const checkBytes = (value: number | undefined, argument: string, least: number): number | undefined => {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return value
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new BadArgument(argument, `must be a whole number of bytes from ${least}, not ${show(value)}`)
}

/** Each range read once. Throws `BadArgument`. */
const wantedOf = (ranges: ReadonlyArray<ReadRange>): Array<Wanted> => {
  const list = elementsOf(ranges, "ranges") ?? bad("ranges", `must be an array of ranges, not ${show(ranges)}`)
  return list.map((range, index) => {
    const argument = `ranges[${index}]`
    if (range === undefined) bad(argument, "must be an object, not undefined")
    const { length, offset } = rangeOptions(range as ReadRange, argument)
    if (!Number.isSafeInteger(length) || length < 0) {
      bad(`${argument}.length`, `must be a whole number of bytes from 0, not ${show(length)}`)
    }
    const start = checkOffset(offset, `${argument}.offset`)
    // The end of the range has to be an offset, too.
    checkOffset(BigInt(start) + BigInt(length), `${argument}.length`)
    return { index, offset: start, length }
  })
}

/** Bytes from one offset to another, which is no smaller. Exact where they are few. */
const distance = (from: Offset, to: Offset): number =>
  typeof from === "number" && typeof to === "number" ? to - from : Number(BigInt(to) - BigInt(from))

const byOffset = (a: Wanted, b: Wanted): number => (a.offset < b.offset ? -1 : a.offset > b.offset ? 1 : 0)

/** The reads that give all ranges, in the order of their offsets. Empty ranges need none. */
const mergedOf = (wanted: ReadonlyArray<Wanted>, maxGap: number, maxLength: number): Array<Merged> => {
  const reads: Array<Merged> = []
  let last: Merged | undefined
  for (const range of wanted.filter(({ length }) => length > 0).sort(byOffset)) {
    const { length, offset } = range
    const start = last === undefined ? 0 : distance(last.offset, offset)
    // Within the read that there is already, or near enough behind it.
    const end = Math.max(last?.length ?? 0, start + length)
    if (last !== undefined && start - last.length <= maxGap && (end === last.length || end <= maxLength)) {
      last.ranges.push(range)
      last.length = end
    } else {
      last = { offset, ranges: [range], length }
      reads.push(last)
    }
  }
  return reads
}

/** Of a file that is open for direct I/O: whole sectors, from the start of one. */
const inSectors = (file: OpenDescriptor, { length, offset, ranges }: Merged): Merged => {
  const unit = file.alignment?.offset
  if (unit === undefined) return { length, offset, ranges }
  const before = Number(BigInt(offset) % BigInt(unit))
  return { offset: advance(offset, -before)!, ranges, length: file.wholeSectors(before + length) }
}

/** Gives each read its memory. Throws `BadArgument`. */
const withMemory = (file: OpenDescriptor, merged: Merged): Filling => {
  const read = inSectors(file, merged)
  const buffer = newBuffer(read.length, file.alignment)
  if (buffer !== undefined) return { ...read, buffer, count: 0 }
  return bad(`ranges[${read.ranges[0].index}].length`, `no array can have ${read.length} bytes here`)
}

/** Reads until each read is full, or its file has ended. What a read gave says where it goes on. */
const fill = (engine: Engine, file: OpenDescriptor, reads: ReadonlyArray<Filling>): Effect.Effect<void, AioFailure> => {
  if (reads.length === 0) return Effect.void
  const operations = reads.map(({ buffer, count, offset }) =>
    catalogue.read(file, count === 0 ? buffer : buffer.subarray(count), { offset: advance(offset, count) })
  )
  return Effect.flatMap(submitAll(engine, operations, "values"), (counts) => {
    const short = reads.filter((read, i) => {
      const count = counts[i] as number
      read.count += count
      return count > 0 && read.count < read.length && !file.endsWithin(count)
    })
    return fill(engine, file, short)
  })
}

const NONE = new Uint8Array(0)

/** The part of a read that is a range: shorter where the file has ended. */
const partOf = ({ buffer, count, offset }: Filling, range: Wanted): Uint8Array => {
  const start = distance(offset, range.offset)
  return buffer.subarray(Math.min(start, count), Math.min(start + range.length, count))
}

export const readMany = (
  engine: Engine,
  file: OpenDescriptor,
  ranges: ReadonlyArray<ReadRange>,
  options: ReadManyOptions | undefined
): Effect.Effect<ReadonlyArray<Uint8Array>, AioFailure> =>
  withArguments(
    "readMany",
    () => {
      const given = readManyOptions(options)
      const maxGap = checkBytes(given.maxGap, "maxGap", 0) ?? MAX_GAP
      const maxLength = checkBytes(given.maxLength, "maxLength", 1) ?? MAX_LENGTH
      const wanted = wantedOf(ranges)
      return { wanted, reads: mergedOf(wanted, maxGap, maxLength).map((read) => withMemory(file, read)) }
    },
    ({ reads, wanted }) =>
      Effect.map(fill(engine, file, reads), () => {
        const results = new Array<Uint8Array>(wanted.length).fill(NONE)
        for (const read of reads) for (const range of read.ranges) results[range.index] = partOf(read, range)
        return results
      })
  )
