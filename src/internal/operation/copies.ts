/** Copying from one file to another within the kernel. */

import { checkFd, checkOffset, type Offset } from "../engine/arguments.ts"
import { bothOf, fdOf, fileOf, type Target } from "../engine/openDescriptor.ts"
import { asNumber, define } from "../engine/operation.ts"
import { type OptionsReader, optionsReader } from "../engine/options.ts"
import type { Submission } from "../engine/submission.ts"
import { MAX_RW_COUNT } from "../native/layout.ts"
import { NR } from "../native/syscalls.ts"

/**
 * The bytes to copy, and their destination.
 *
 * @since 0.1.0
 * @category models
 */
export interface CopyOptions {
  /** Bytes from the start of the source. Left out: at its own position, which moves. */
  readonly offset?: Offset | undefined
  /** The same for the destination. */
  readonly toOffset?: Offset | undefined
  /** Bytes, at most. */
  readonly length: Offset
}

/** Writes a `loff_t` that the kernel reads and moves. Returns its address. */
export const encodePosition = (
  { cell }: Submission,
  at: number,
  offset: Offset | undefined,
  argument: string
): number => {
  if (offset === undefined) return 0
  cell.i64[at] = BigInt(checkOffset(offset, argument))
  return cell.address + at * 8
}

/** Bytes at most, as one call takes them. */
export const encodeLength = (length: Offset): number => Math.min(Number(checkOffset(length, "length")), MAX_RW_COUNT)

/** Two files, which stay open meanwhile. */
export const bothTargets = (from: Target, to: Target) => {
  const [source, destination] = [fileOf(from), fileOf(to)]
  return { fd: fdOf(from, source), to: fdOf(to, destination), file: bothOf(source, destination) }
}

/** The same with options. */
export const pairOf =
  <O extends object>(read: OptionsReader<O>) =>
  (from: Target, to: Target, options: O) => ({ ...bothTargets(from, to), ...read(options) })

export const readCopyOptions = optionsReader<CopyOptions>({ offset: true, toOffset: true, length: true })

export const copyFileRange = define(pairOf(readCopyOptions), {
  name: "copyFileRange",
  moves: ({ length }) => Number(length),
  man: "copy_file_range(2)",
  encode: (submission, { fd, length, offset, to, toOffset }) => {
    submission.nr = NR.copy_file_range
    submission.a0 = checkFd(fd)
    submission.a1 = encodePosition(submission, 0, offset, "offset")
    submission.a2 = checkFd(to, "to")
    submission.a3 = encodePosition(submission, 1, toOffset, "toOffset")
    submission.a4 = encodeLength(length)
  },
  decode: asNumber
})
