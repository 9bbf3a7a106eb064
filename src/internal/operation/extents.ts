/** Where on the disk the bytes of a file are, and files that share them. */
import { bad, checkFd, checkOffset, type Offset, show } from "../engine/arguments.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { FICLONERANGE, FIEMAP, FIEMAP_EXTENT, FIEMAP_FLAG_SYNC, FS_IOC_FIEMAP } from "../native/layout.ts"
import { addressOf } from "../native/libc.ts"
import { NR } from "../native/syscalls.ts"
import { bothTargets } from "./copies.ts"

/**
 * The bytes that are shared, and where they appear.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReflinkOptions {
  /** Bytes from the start of the source. Default 0. Whole blocks of the file system, as the others. */
  readonly offset?: Offset | undefined
  /** The same of the destination. Default 0. */
  readonly toOffset?: Offset | undefined
  /** Bytes; 0, the default, means to the end of the source. */
  readonly length?: Offset | undefined
}

const reflinkOptions = optionsReader<ReflinkOptions>({ offset: true, toOffset: true, length: true })

export const reflink = define(
  (from: Target, to: Target, options?: ReflinkOptions) => ({ ...bothTargets(from, to), ...reflinkOptions(options) }),
  {
    name: "reflink",
    man: "ioctl_ficlonerange(2)",
    encode: (submission, { fd, length = 0, offset = 0, to, toOffset = 0 }) => {
      const { cell } = submission
      submission.nr = NR.ioctl
      submission.a0 = checkFd(to, "to")
      submission.a1 = FICLONERANGE
      // struct file_clone_range, in the submission's cell.
      cell.i64[0] = BigInt(checkFd(fd))
      cell.u64[1] = BigInt(checkOffset(offset))
      cell.u64[2] = BigInt(checkOffset(length, "length"))
      cell.u64[3] = BigInt(checkOffset(toOffset, "toOffset"))
      submission.a2 = cell.address
    },
    decode: asVoid
  }
)

/** `FIEMAP_EXTENT_*`. */
const extentFlags = {
  last: 0x1,
  unknown: 0x2,
  delayedAllocation: 0x4,
  encoded: 0x8,
  encrypted: 0x80,
  notAligned: 0x100,
  inline: 0x200,
  tail: 0x400,
  unwritten: 0x800,
  merged: 0x1000,
  shared: 0x2000
} as const

/**
 * What is particular about an extent: `"last"` of the file, at an `"unknown"` place, not yet given one (`"delayedAllocation"`), compressed or the like
 * (`"encoded"`), `"encrypted"`, not on block boundaries (`"notAligned"`, and so `"inline"` and `"tail"`), allocated and never written to (`"unwritten"`),
 * put together from blocks (`"merged"`), `"shared"` with another file.
 *
 * @since 0.1.0
 * @category models
 */
export type ExtentFlag = keyof typeof extentFlags

/**
 * A piece of a file that lies in one place. What is in no extent is a hole.
 *
 * @since 0.1.0
 * @category models
 */
export interface Extent {
  /** Bytes from the start of the file. */
  readonly offset: bigint
  /** Bytes from the start of the device. */
  readonly physical: bigint
  /** Bytes. */
  readonly length: bigint
  readonly flags: ReadonlyArray<ExtentFlag>
}

/**
 * Some of the extents of a file, in order. Where it is not `done`, go on at the end of the last one.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExtentChunk {
  readonly extents: ReadonlyArray<Extent>
  readonly done: boolean
}

/**
 * Of which part of a file extents are told, and how many.
 *
 * @since 0.1.0
 * @category models
 */
export interface FiemapOptions {
  /** Bytes from the start of the file. Default 0. */
  readonly offset?: Offset | undefined
  /** Bytes, at least 1. Default: to the end. */
  readonly length?: Offset | undefined
  /** Whether the file is written to the disk first, so that all its bytes have a place. Default `false`. */
  readonly sync?: boolean | undefined
  /** 1 to 65536. Default 512. */
  readonly maxExtents?: number | undefined
}

const fiemapOptions = optionsReader<FiemapOptions>({ offset: true, length: true, sync: true, maxExtents: true })

const MOST_EXTENTS = 65536
const TO_THE_END = 2n ** 64n - 1n

const checkRoom = (count: number): number =>
  Number.isInteger(count) && count >= 1 && count <= MOST_EXTENTS
    ? count
    : bad("maxExtents", `an integer from 1 to ${MOST_EXTENTS}, not ${show(count)}`)

const lengthOf = (length: Offset | undefined): bigint => {
  if (length === undefined) return TO_THE_END
  const checked = BigInt(checkOffset(length, "length"))
  return checked === 0n ? bad("length", "at least 1 byte") : checked
}

const decodeExtent = (room: Buffer, at: number): Extent => {
  const bits = room.readUInt32LE(at + FIEMAP_EXTENT.flags)
  return {
    offset: room.readBigUInt64LE(at + FIEMAP_EXTENT.logical),
    physical: room.readBigUInt64LE(at + FIEMAP_EXTENT.physical),
    length: room.readBigUInt64LE(at + FIEMAP_EXTENT.length),
    flags: Object.entries(extentFlags).flatMap(([name, bit]) => ((bits & bit) === 0 ? [] : [name as ExtentFlag]))
  }
}

export const fiemap = define(
  (file: Target, options?: FiemapOptions) => ({ ...targetOf(file), ...fiemapOptions(options) }),
  {
    name: "fiemap",
    man: "FS_IOC_FIEMAP(2const)",
    encode: (submission, { fd, length, maxExtents = 512, offset = 0, sync }) => {
      submission.nr = NR.ioctl
      submission.a0 = checkFd(fd)
      submission.a1 = FS_IOC_FIEMAP
      const count = checkRoom(maxExtents)
      // The submission keeps it: the kernel writes the extents behind the question.
      const room = Buffer.alloc(FIEMAP.size + count * FIEMAP_EXTENT.size)
      room.writeBigUInt64LE(BigInt(checkOffset(offset)), FIEMAP.start)
      room.writeBigUInt64LE(lengthOf(length), FIEMAP.length)
      room.writeUInt32LE(sync === true ? FIEMAP_FLAG_SYNC : 0, FIEMAP.flags)
      room.writeUInt32LE(count, FIEMAP.count)
      submission.output = room
      submission.a2 = addressOf(room)
    },
    decode: ({ output }): ExtentChunk => {
      const room = output!
      const mapped = room.readUInt32LE(FIEMAP.mapped)
      const extents = Array.from({ length: mapped }, (_, index) =>
        decodeExtent(room, FIEMAP.size + index * FIEMAP_EXTENT.size)
      )
      return { extents, done: mapped < room.readUInt32LE(FIEMAP.count) || extents.at(-1)!.flags.includes("last") }
    }
  }
)
