/** Locks of byte ranges, held by open file descriptions: fcntl(2). */
import { BadArgument, checkFd, checkName, checkOffset, type Offset } from "../engine/arguments.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define, type Entry, type Operation, PENDING } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import type { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import { syscall } from "../native/libc.ts"
import { pollsWithoutAsking } from "../native/nonblocking.ts"
import { NR } from "../native/syscalls.ts"
import type { Lock } from "./waiting.ts"

const F_OFD_GETLK = 36
const F_OFD_SETLK = 37
const F_OFD_SETLKW = 38

/** `l_type` of `struct flock`, the same on x64 and arm64. */
const types = { shared: 0, exclusive: 1, unlock: 2 } as const

const MAX_OFFSET = 0x7fffffffffffffffn

/**
 * Bytes of a file. They need not be there: a lock is on numbers.
 *
 * @since 0.1.0
 * @category models
 */
export interface LockRange {
  /** The first byte. Default 0. */
  readonly offset?: Offset | undefined
  /** Bytes, at least 1. Left out: all from `offset` on, however long the file becomes. */
  readonly length?: Offset | undefined
}

/**
 * The range of a lock, and whether the lock is waited for.
 *
 * @since 0.1.0
 * @category models
 */
export interface LockRangeOptions extends LockRange {
  /** Default `true`. With `false`, EAGAIN tells that another open description has a lock that excludes this one. */
  readonly wait?: boolean | undefined
}

/**
 * A lock that somebody has.
 *
 * @since 0.1.0
 * @category models
 */
export interface LockHolder {
  readonly lock: "shared" | "exclusive"
  /** The first byte. */
  readonly offset: bigint
  /** Bytes. `undefined`: all from `offset` on. */
  readonly length: bigint | undefined
  /** The process, where the lock belongs to one: the locks of lockf(3). `undefined`: it belongs to an open description, as those of this library. */
  readonly pid: number | undefined
}

const lockRangeOptions = optionsReader<LockRangeOptions>({ offset: true, length: true, wait: true })
const lockRangeReader = optionsReader<LockRange>({ offset: true, length: true })

export interface RangeInput extends LockRange {
  readonly fd: number
}

/** The first byte and the number of bytes; 0: all that follow. Throws `BadArgument`. */
export const checkRange = ({ length, offset = 0 }: LockRange): readonly [start: Offset, length: Offset] => {
  const start = checkOffset(offset)
  if (length === undefined) return [start, 0]
  const bytes = checkOffset(length, "length")
  if (bytes === 0) throw new BadArgument("length", "at least 1; left out, it is all bytes from the offset on")
  if (BigInt(start) + BigInt(bytes) - 1n > MAX_OFFSET)
    throw new BadArgument("length", "the last byte must not be beyond 2^63 - 1")
  return [start, bytes]
}

/** The range that is locked: of `bigint`s, with the byte behind the last one. */
export const boundsOf = (range: LockRange): readonly [start: bigint, end: bigint] => {
  const [start, length] = checkRange(range).map(BigInt)
  return [start, length === 0n ? MAX_OFFSET + 1n : start + length]
}

/** `struct flock` in the cell: a type, what the offset counts from (the start), the offset, the length, a process. The kernel wants 0 for it. */
const encodeLock = (submission: Submission, { fd, ...range }: RangeInput, type: number): void => {
  const [start, length] = checkRange(range)
  const { cell } = submission
  submission.nr = NR.fcntl
  submission.a0 = checkFd(fd)
  submission.a2 = cell.address
  cell.u32[0] = type
  cell.u32[1] = 0
  cell.u64[1] = BigInt(start)
  cell.u64[2] = BigInt(length)
  cell.u64[3] = 0n
}

/** Local file systems and those of the kernel answer from memory. Others may ask a server. */
const answersFromMemory = ({ fd }: RangeInput): boolean => pollsWithoutAsking(fd)

export const lockRange = define(
  (file: Target, lock: Lock, options?: LockRangeOptions) => ({ ...targetOf(file), lock, ...lockRangeOptions(options) }),
  {
    name: "lockRange",
    man: "fcntl(2)",
    encode: (submission, input) => {
      encodeLock(submission, input, checkName(types, input.lock, "lock"))
      submission.a1 = (input.wait ?? true) && input.lock !== "unlock" ? F_OFD_SETLKW : F_OFD_SETLK
    },
    inline: ({ a0, a1, a2 }, input) => {
      if (!answersFromMemory(input)) return PENDING
      const result = syscall(NR.fcntl, a0, F_OFD_SETLK, a2)
      return result === -errno.EAGAIN && a1 === F_OFD_SETLKW ? PENDING : result
    },
    mayWaitForEver: true,
    lock: {
      waits: ({ a1 }) => a1 === F_OFD_SETLKW,
      askOnce: (submission) => {
        submission.a1 = F_OFD_SETLK
      }
    },
    undo: ({ fd, length, lock, offset }): Operation<void> | undefined =>
      lock === "unlock" ? undefined : lockRange(fd, "unlock", { offset, length }),
    decode: asVoid
  }
)

/** Without `undo`, for callers whose description is their own: they close it, or keep what they have got. */
export const lockOwnRange = (file: Target, lock: Lock, options?: LockRangeOptions): Operation<void> => {
  const { input } = lockRange(file, lock, options)
  return { entry: ownEntry, input }
}
const { undo: _, ...withoutUndo } = lockRange.entry
const ownEntry: Entry<any, void> = withoutUndo

const F_UNLCK = types.unlock

export const lockHolder = define(
  (file: Target, lock: "shared" | "exclusive", range?: LockRange) => ({
    ...targetOf(file),
    lock,
    ...lockRangeReader(range, "range")
  }),
  {
    name: "lockHolder",
    man: "fcntl(2)",
    encode: (submission, input) => {
      const { lock } = input
      encodeLock(submission, input, checkName({ shared: types.shared, exclusive: types.exclusive }, lock, "lock"))
      submission.a1 = F_OFD_GETLK
    },
    inline: ({ a0, a1, a2 }, input) => (answersFromMemory(input) ? syscall(NR.fcntl, a0, a1, a2) : PENDING),
    decode: ({ cell }): LockHolder | undefined => {
      const type = cell.u32[0] & 0xffff
      if (type === F_UNLCK) return undefined
      const pid = cell.u32[6] | 0
      return {
        lock: type === types.shared ? "shared" : "exclusive",
        offset: cell.u64[1],
        length: cell.u64[2] === 0n ? undefined : cell.u64[2],
        pid: pid > 0 ? pid : undefined
      }
    }
  }
)
