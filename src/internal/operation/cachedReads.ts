/** Reads that are answered from the page cache, without waiting. */
import { constants } from "node:fs"
import type { Offset } from "../engine/arguments.ts"
import type { OnFile, OpenDescriptor } from "../engine/openDescriptor.ts"
import { PENDING, UNFIT } from "../engine/operation.ts"
import type { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import { F_GETFL, RWF } from "../native/layout.ts"
import { syscall } from "../native/libc.ts"
import { readNoWait, readNoWaitAndOne, zeroIsEnd } from "../native/nonblocking.ts"
import { NR } from "../native/syscalls.ts"
import { ALWAYS, hasMoved, isCached, trustOf } from "../native/trust.ts"

export interface TransferInput extends OnFile {
  readonly fd: number
  readonly file?: OpenDescriptor | undefined
  readonly buffer: Uint8Array
  readonly offset: Offset | undefined
  /** `RWF_*`, at least one of them. */
  readonly flags?: number | undefined
}

export interface VectorInput extends OnFile {
  readonly fd: number
  readonly file?: OpenDescriptor | undefined
  readonly buffers: ReadonlyArray<Uint8Array>
  readonly offset: Offset | undefined
  /** `RWF_*`, at least one of them. */
  readonly flags?: number | undefined
}

/**
 * Bytes from which a copy is not made on the event loop's thread: a tenth of a millisecond. Measured in bench/engine.ts.
 */
export const HEAVY = 1 << 20

const mayReadWithoutWaiting = (fd: number, file: OpenDescriptor | undefined): boolean => {
  if (file !== undefined) return file.noWait
  const flags = syscall(NR.fcntl, fd, F_GETFL)
  return flags >= 0 && (flags & constants.O_DIRECT) === 0
}

/** Finding the bytes may wait although reading them does not, see native/trust.ts. */
const findsWithoutWaiting = ({ a3 }: Submission, { fd, file }: TransferInput, length: number): boolean => {
  const trust = trustOf(fd, file)
  if (trust === ALWAYS) return true
  if (!isCached(fd, a3, length, trust)) return false
  hasMoved(fd, file)
  return true
}

/** `more`: the bytes beyond the length that `first` asks for. */
const readWith =
  (first: typeof readNoWait, more: number) =>
  (submission: Submission, input: TransferInput): number => {
    if (submission.a5 !== 0) return readFlagged(submission, input)
    const length = submission.a2 as number
    // Without an offset the descriptor may be of a pipe or a terminal: there a part of an answer is the answer, and cannot be asked for
    // twice.
    if (input.offset === undefined || length === 0 || length > HEAVY) return UNFIT
    if (!mayReadWithoutWaiting(input.fd, input.file)) return UNFIT
    if (!findsWithoutWaiting(submission, input, length + more)) return PENDING
    const count = first(input.fd, submission.a1 as number, length, submission.a3)
    return count >= length ? count : readRest(submission, input, count)
  }

/**
 * A read that is not to wait is this call, whatever it answers. With other flags it says what becomes of the pages or what is asked of the device,
 * which is not for the event loop's thread.
 */
const readFlagged = (submission: Submission, input: TransferInput): number => {
  const { a0, a1, a2, a3, a4, a5, bytes, nr } = submission
  if (a5 !== RWF.NOWAIT || input.offset === undefined || bytes === 0 || bytes > HEAVY) return UNFIT
  if (!mayReadWithoutWaiting(input.fd, input.file)) return UNFIT
  return findsWithoutWaiting(submission, input, bytes) ? syscall(nr, a0, a1, a2, a3, a4, a5) : PENDING
}

/** Called after a try that gave `first`: fewer bytes than were asked for, or an error. */
const readRest = (submission: Submission, { fd, file }: TransferInput, first: number): number => {
  if (first === 0) return zeroIsEnd ? 0 : PENDING
  if (first > 0) {
    // Short: the end of the file, or the end of the cached bytes. Only another call tells which.
    const { a3: offset } = submission
    const left = (submission.a2 as number) - first
    const from = typeof offset === "number" ? offset + first : offset + BigInt(first)
    const rest = readNoWait(fd, (submission.a1 as number) + first, left, from)
    return rest === 0 && zeroIsEnd ? first : rest === left ? first + left : PENDING
  }
  if (first === -errno.EOPNOTSUPP && file !== undefined) file.noWait = false
  return PENDING
}

/** `inline` of a read. */
export const readInline = readWith(readNoWait, 0)

/** The same with one byte more: a result above the length tells that there are more. */
export const lastInline = readWith(readNoWaitAndOne, 1)
