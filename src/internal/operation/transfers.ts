/** Transfers between an open file and the program's memory. */
import { BadArgument, checkFd, checkOffset } from "../engine/arguments.ts"
import { bytesIn, bytesInAll, encodeBuffer, encodeBuffers, listOf, type Use } from "../engine/buffers.ts"
import { fdOf, fileOf, type Target } from "../engine/openDescriptor.ts"
import { type Awaited, define, type KernelAioForm, type UringForm } from "../engine/operation.ts"
import { offsetOf } from "../engine/options.ts"
import type { Submission } from "../engine/submission.ts"
import type { Alignment } from "../native/direct.ts"
import { IOCB_CMD } from "../native/kernelAio.ts"
import { RWF } from "../native/layout.ts"
import type { Word } from "../native/libc.ts"
import { DISK, STREAM, type TransferKind, transferKindOf } from "../native/positions.ts"
import { isNonBlocking, mayHavePeer, POLLIN, POLLOUT, pollEvents } from "../native/readiness.ts"
import { NR, type SyscallName } from "../native/syscalls.ts"
import { ALWAYS, hasMoved, trustOf } from "../native/trust.ts"
import { IORING_OP } from "../native/uring.ts"
import { HEAVY, lastInline, readInline, type TransferInput, type VectorInput } from "./cachedReads.ts"
import {
  type FlagsOf,
  type ReadOptions,
  readFlags,
  type TransferOptions,
  type WriteOptions,
  writeFlags
} from "./transferOptions.ts"

/** Offset of the system calls that means "at the file's own position". */
const CURRENT = -1

/** The rules of O_DIRECT, checked here because the kernel answers them with a bare EINVAL. */
const checkAligned = ({ memory, offset: unit }: Alignment, address: number, length: number, offset: Word): void => {
  const wrong = (argument: string, description: string): never => {
    throw new BadArgument(argument, `${description} (the file was opened for direct I/O)`)
  }
  if (address % memory !== 0) wrong("buffer", `its address must be a multiple of ${memory}: use AioBuffer.aligned`)
  if (length % unit !== 0) wrong("buffer", `its length must be a multiple of ${unit}, not ${length}`)
  if (offset !== CURRENT && (typeof offset === "number" ? offset % unit !== 0 : offset % BigInt(unit) !== 0n)) {
    wrong("offset", `must be a multiple of ${unit}, not ${offset}`)
  }
}

/** The system calls of a direction: at the position, at an offset, and with flags at either. */
interface Calls {
  readonly plain: SyscallName
  readonly positional: SyscallName
  readonly flagged: SyscallName
}

/** The descriptor, the position and the flags, into the first, the fourth and the sixth word. */
const encodePosition = (
  submission: Submission,
  { fd, flags, offset }: TransferInput | VectorInput,
  { flagged, plain, positional }: Calls
): void => {
  submission.a0 = checkFd(fd)
  submission.nr = NR[offset === undefined ? plain : positional]
  submission.a3 = offset === undefined ? CURRENT : checkOffset(offset)
  if (flags === undefined) return
  submission.nr = NR[flagged]
  submission.a5 = flags
}

const filling: Use = { fills: true, alignment: undefined }
const taking: Use = { fills: false, alignment: undefined }

/** What buffers are used for. On a direct file they have to be aligned. */
const useOf = ({ flagged }: Calls, alignment: Alignment | undefined): Use => {
  const use = flagged === "preadv2" ? filling : taking
  return alignment === undefined ? use : { ...use, alignment: alignment.memory }
}

/** With flags it is a transfer of a list of one buffer: only these calls take any. */
const encodeTransfer = (calls: Calls) => {
  const use = useOf(calls, undefined)
  return (submission: Submission, input: TransferInput): void => {
    const alignment = input.file?.alignment
    encodePosition(submission, input, calls)
    if (input.flags !== undefined) return encodeList(submission, input, [input.buffer], calls, "buffer")
    encodeBuffer(submission, input.buffer, alignment === undefined ? use : useOf(calls, alignment))
    if (alignment !== undefined) {
      checkAligned(alignment, submission.a1 as number, submission.a2 as number, submission.a3)
    }
  }
}

const encodeList = (
  submission: Submission,
  { file }: TransferInput | VectorInput,
  buffers: ReadonlyArray<Uint8Array>,
  calls: Calls,
  argument: "buffer" | "buffers"
): void => {
  const alignment = file?.alignment
  const check = (address: number, length: number) => checkAligned(alignment!, address, length, submission.a3)
  encodeBuffers(submission, buffers, useOf(calls, alignment), alignment === undefined ? undefined : check, argument)
}

const encodeVector = (calls: Calls) => (submission: Submission, input: VectorInput) => {
  encodePosition(submission, input, calls)
  encodeList(submission, input, input.buffers, calls, "buffers")
}

/** What may run a transfer. Asked once for an open file. The input may hold any value for a descriptor. */
export const transferKind = ({ fd, file }: TransferInput | VectorInput): TransferKind => {
  if (file !== undefined) {
    file.transferKind ??= transferKindOf(fd)
    return file.transferKind
  }
  // A value that is not a descriptor is refused where it is encoded.
  return Number.isInteger(fd) && fd >= 0 && fd <= 0x7fffffff ? transferKindOf(fd) : STREAM
}

/**
 * The kernel does not move a descriptor's position when a transfer of the ring ends short, and two such transfers at once may start at the
 * same place. So only read(2) and write(2) are correct at the position of a file that has one. The kernel also ignores an offset where the
 * file takes none, which pread(2) refuses.
 *
 * Two flags are for the pool. A ring that is not made for it refuses to ask a device again and again (RWF_HIPRI); and its worker waits, whatever
 * RWF_NOWAIT says.
 */
const suitsRing = (input: TransferInput | VectorInput): boolean =>
  transferKind(input) === (input.offset === undefined ? STREAM : DISK) && !has(input, RWF.HIPRI | RWF.NOWAIT)

const has = ({ flags = 0 }: TransferInput | VectorInput, some: number): boolean => (flags & some) !== 0

/** Some file systems wait for the device within the submitting call when a write is to be on it. */
const waitsForDevice = (flags: Word): boolean => ((flags as number) & (RWF.DSYNC | RWF.SYNC)) !== 0

const heavyForm = (bytes: number, { a0, a5 }: Submission, { file }: TransferInput | VectorInput): boolean =>
  bytes > HEAVY || trustOf(a0 as number, file) !== ALWAYS || waitsForDevice(a5)

/** `vector`: the opcode for a list of buffers, which is what a transfer with flags has. */
const transferForm = (opcode: number, vector: number): UringForm => ({
  opcode,
  breaksChain: true,
  takesPriority: true,
  suits: suitsRing,
  heavy: (submission, input) =>
    heavyForm(input.file?.alignment === undefined ? submission.bytes : 0, submission, input),
  prepare: (entry, { a0, a1, a2, a3, a5 }) =>
    entry.prepare(a5 === 0 ? opcode : vector, a0 as number, a1 as number, a2 as number, a3, a5 as number)
})

/** For transfers: address and length, or vector and its length, stand where the system call has them. */
const kernelTransfer = (opcode: number, vector: number): KernelAioForm => ({
  opcode,
  transfers: true,
  writes: opcode === IOCB_CMD.PWRITE || opcode === IOCB_CMD.PWRITEV,
  // A write that makes the file longer waits within io_submit(2).
  suits: (input) => !has(input, RWF.APPEND),
  prepare: (block, { a0, a1, a2, a3, a5 }) =>
    block.prepare(a5 === 0 ? opcode : vector, a0 as number, a1 as number, a2 as number, a3, a5 as number)
})

/** glibc's requests have no flags. */
const suitsPosix = (input: TransferInput): boolean => input.flags === undefined

/** `a2` counts buffers, not bytes. */
const vectorForm = (opcode: number): UringForm => ({
  ...transferForm(opcode, opcode),
  heavy: (submission, input) => heavyForm(submission.bytes, submission, input)
})

/** A transfer at the position of a file that has none may wait. */
const awaits =
  (events: number) =>
  (input: TransferInput | VectorInput): Awaited | undefined =>
    input.offset === undefined &&
    input.file?.closed !== true &&
    !has(input, RWF.NOWAIT) &&
    mayHavePeer(input.fd) &&
    pollEvents(input.fd, events, 0) === 0 &&
    // With O_NONBLOCK the descriptor is asked first: read(2) tells the end for a FIFO that no process has opened for writing yet.
    !isNonBlocking(input.fd)
      ? { fd: input.fd, events }
      : undefined

/** O_NONBLOCK is for programs that must not wait. Here no thread of the program waits, so a transfer waits for its peer all the same. */
const awaitsAfterRefusal =
  (events: number) =>
  (input: TransferInput | VectorInput): Awaited | undefined =>
    input.offset === undefined &&
    input.file?.closed !== true &&
    !has(input, RWF.NOWAIT) &&
    mayHavePeer(input.fd) &&
    isNonBlocking(input.fd)
      ? { fd: input.fd, events }
      : undefined

/** After a transfer that was a request: its bytes have been found by now. */
const moved = ({ outlivesCall }: Submission, result: number, { fd, file }: TransferInput | VectorInput): number => {
  if (outlivesCall && result > 0) hasMoved(fd, file)
  return result
}

/** Without flags an input does not have them at all: every input costs memory. */
const flagged = <I extends TransferInput | VectorInput>(input: I, options: object | undefined, flagsOf: FlagsOf): I => {
  const flags = options === undefined ? 0 : flagsOf(options)
  return flags === 0 ? input : { ...input, flags }
}

/** Property by property, as in every input of a transfer: to spread another object would cost as much as the system call. */
const transfer =
  <Options extends TransferOptions>(flagsOf: FlagsOf) =>
  (target: Target, buffer: Uint8Array, options?: Options): TransferInput => {
    const file = fileOf(target)
    return flagged({ fd: fdOf(target, file), file, buffer, offset: offsetOf(options) }, options, flagsOf)
  }

const vector =
  <Options extends TransferOptions>(flagsOf: FlagsOf) =>
  (target: Target, buffers: ReadonlyArray<Uint8Array>, options?: Options): VectorInput => {
    const file = fileOf(target)
    // A copy of the list: it is encoded when a backend takes the request, and the caller may have changed it by then.
    return flagged(
      { fd: fdOf(target, file), file, buffers: listOf(buffers), offset: offsetOf(options) },
      options,
      flagsOf
    )
  }

const readCalls: Calls = { plain: "read", positional: "pread64", flagged: "preadv2" }
const readvCalls: Calls = { plain: "readv", positional: "preadv", flagged: "preadv2" }
const writeCalls: Calls = { plain: "write", positional: "pwrite64", flagged: "pwritev2" }
const writevCalls: Calls = { plain: "writev", positional: "pwritev", flagged: "pwritev2" }

export const read = define(transfer<ReadOptions>(readFlags), {
  name: "read",
  man: "pread(2)",
  encode: encodeTransfer(readCalls),
  bytes: bytesIn,
  moves: bytesIn,
  uring: transferForm(IORING_OP.READ, IORING_OP.READV),
  kernelAio: kernelTransfer(IOCB_CMD.PREAD, IOCB_CMD.PREADV),
  posixAio: { call: "aio_read", suits: suitsPosix },
  awaits: awaits(POLLIN),
  awaitsAfterRefusal: awaitsAfterRefusal(POLLIN),
  inline: readInline,
  decode: moved
})

export const write = define(transfer<WriteOptions>(writeFlags), {
  name: "write",
  man: "pwrite(2)",
  encode: encodeTransfer(writeCalls),
  bytes: bytesIn,
  moves: bytesIn,
  uring: transferForm(IORING_OP.WRITE, IORING_OP.WRITEV),
  kernelAio: kernelTransfer(IOCB_CMD.PWRITE, IOCB_CMD.PWRITEV),
  posixAio: { call: "aio_write", suits: suitsPosix },
  awaits: awaits(POLLOUT),
  awaitsAfterRefusal: awaitsAfterRefusal(POLLOUT),
  decode: moved
})

export const readv = define(vector<ReadOptions>(readFlags), {
  name: "readv",
  man: "preadv(2)",
  encode: encodeVector(readvCalls),
  bytes: bytesInAll,
  moves: bytesInAll,
  uring: vectorForm(IORING_OP.READV),
  kernelAio: kernelTransfer(IOCB_CMD.PREADV, IOCB_CMD.PREADV),
  awaits: awaits(POLLIN),
  awaitsAfterRefusal: awaitsAfterRefusal(POLLIN),
  decode: moved
})

export const writev = define(vector<WriteOptions>(writeFlags), {
  name: "writev",
  man: "pwritev(2)",
  encode: encodeVector(writevCalls),
  bytes: bytesInAll,
  moves: bytesInAll,
  uring: vectorForm(IORING_OP.WRITEV),
  kernelAio: kernelTransfer(IOCB_CMD.PWRITEV, IOCB_CMD.PWRITEV),
  awaits: awaits(POLLOUT),
  awaitsAfterRefusal: awaitsAfterRefusal(POLLOUT),
  decode: moved
})

/** The bytes that have been read, and whether they were the last of the file. */
export interface Part {
  readonly count: number
  /** False: there may be more. */
  readonly atEnd: boolean
}

/**
 * `read` of the rest of a file of known size. Also tells the end, if the same call can. Only on local file systems: on others the size says
 * little.
 */
export const readLast = define(
  transfer<TransferOptions>(() => 0),
  {
    ...read.entry,
    inline: (submission, input) => {
      const count = lastInline(submission, input)
      const length = submission.a2 as number
      // There was no byte behind the size that the file had when it was asked for.
      submission.atEnd = count === length
      return Math.min(count, length)
    },
    decode: ({ atEnd }, count): Part => ({ count, atEnd: atEnd || count === 0 })
  }
)
