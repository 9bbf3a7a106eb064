/** Writing out parts of files, and whole file systems. `fsync` and `fdatasync` stand in descriptors.ts. */
import { BadArgument, checkFd, checkOffset, type Offset, show } from "../engine/arguments.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { NR } from "../native/syscalls.ts"
import { IORING_OP } from "../native/uring.ts"

/**
 * A range of a file, and what is done about its dirty pages, in this order.
 *
 * @since 0.1.0
 * @category models
 */
export interface SyncFileRangeOptions {
  /** Bytes from the start of the file. Default 0. */
  readonly offset?: Offset | undefined
  /** Bytes; 0, the default, means to the end of the file. */
  readonly length?: Offset | undefined
  /** Waits for pages that are being written out already. Default `false`. */
  readonly waitBefore?: boolean | undefined
  /** Starts to write out the dirty ones. Default `true`. */
  readonly write?: boolean | undefined
  /** Waits until they are written. Default `false`. */
  readonly waitAfter?: boolean | undefined
}

/** `SYNC_FILE_RANGE_*`. */
const WAIT_BEFORE = 1
const WRITE = 2
const WAIT_AFTER = 4

const syncFileRangeOptions = optionsReader<SyncFileRangeOptions>({
  offset: true,
  length: true,
  waitBefore: true,
  write: true,
  waitAfter: true
})

const bit = (name: string, value: boolean, flag: number): number => {
  if (typeof value !== "boolean") throw new BadArgument(name, `must be true or false, not ${show(value)}`)
  return value ? flag : 0
}

/** The length of io_uring's form has 32 bits. The input may be wrong in any way. */
const suitsRing = ({ length = 0 }: SyncFileRangeOptions): boolean => typeof length === "number" && length <= 0xffffffff

export const syncFileRange = define(
  (file: Target, options?: SyncFileRangeOptions) => ({ ...targetOf(file), ...syncFileRangeOptions(options) }),
  {
    name: "syncFileRange",
    man: "sync_file_range(2)",
    encode: (submission, { fd, length = 0, offset = 0, waitAfter = false, waitBefore = false, write = true }) => {
      submission.nr = NR.sync_file_range
      submission.a0 = checkFd(fd)
      submission.a1 = checkOffset(offset)
      submission.a2 = checkOffset(length, "length")
      submission.a3 =
        bit("waitBefore", waitBefore, WAIT_BEFORE) |
        bit("write", write, WRITE) |
        bit("waitAfter", waitAfter, WAIT_AFTER)
    },
    uring: {
      opcode: IORING_OP.SYNC_FILE_RANGE,
      punted: true,
      suits: suitsRing,
      prepare: (entry, r) =>
        entry.prepare(IORING_OP.SYNC_FILE_RANGE, r.a0 as number, 0, r.a2 as number, r.a1, r.a3 as number)
    },
    decode: asVoid
  }
)

export const syncfs = define(targetOf, {
  name: "syncfs",
  man: "syncfs(2)",
  encode: (submission, { fd }) => {
    submission.nr = NR.syncfs
    submission.a0 = checkFd(fd)
  },
  decode: asVoid
})

export const sync = define(() => ({}), {
  name: "sync",
  man: "sync(2)",
  encode: (submission) => {
    submission.nr = NR.sync
  },
  decode: asVoid
})
