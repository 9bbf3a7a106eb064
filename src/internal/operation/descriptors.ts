/** Operations on open descriptors. */
import { constants } from "node:fs"
import type { Offset } from "../engine/arguments.ts"
import { BadArgument, checkFd, checkName, checkOffset, checkUint32 } from "../engine/arguments.ts"
import { bytesIn, bytesInAll, encodeBuffer, encodeBuffers, listOf, type Use } from "../engine/buffers.ts"
import { fdOf, fileOf, type Target, targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define, type KernelAioForm, type UringForm } from "../engine/operation.ts"
import { offsetOf, optionsReader } from "../engine/options.ts"
import type { Submission } from "../engine/submission.ts"
import type { Alignment } from "../native/direct.ts"
import { F_GETFL, S_IFREG } from "../native/layout.ts"
import { syscall, type Word } from "../native/libc.ts"
import { DISK, STREAM, type TransferKind, transferKindOf } from "../native/positions.ts"
import { descriptorType, mayHavePeer, POLLIN, POLLOUT, pollEvents } from "../native/readiness.ts"
import { NR, type SyscallName } from "../native/syscalls.ts"
import { ALWAYS, forgetTrust, hasMoved, trustOf, trustOfAnswer } from "../native/trust.ts"
import { IORING_OP } from "../native/uring.ts"
import { HEAVY, lastInline, readInline, type TransferInput, type VectorInput } from "./cachedReads.ts"
import { decodeFileSize } from "./metadata.ts"
import { fstat } from "./paths.ts"

/** Offset of the system calls that means "at the file's own position". */
const CURRENT = -1

/**
 * Where a transfer starts. Left out: at the descriptor's own position, which moves; the only choice for pipes, sockets, and files of
 * /proc that are written to. Several at the position at once keep their bytes together, as in read(2) and write(2); which of them comes
 * first is not said.
 *
 * @since 0.1.0
 * @category models
 */
export interface TransferOptions {
  /** Bytes from the start of the file. */
  readonly offset?: Offset | undefined
}

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

/** The descriptor and the position, into the first and the fourth word. */
const encodePosition = (
  submission: Submission,
  { fd, offset }: TransferInput | VectorInput,
  plain: SyscallName,
  positional: SyscallName
): void => {
  submission.a0 = checkFd(fd)
  if (offset === undefined) {
    submission.nr = NR[plain]
    submission.a3 = CURRENT
  } else {
    submission.nr = NR[positional]
    submission.a3 = checkOffset(offset)
  }
}

const filling: Use = { fills: true, alignment: undefined }
const taking: Use = { fills: false, alignment: undefined }

/** What buffers are used for. On a direct file they have to be aligned. */
const useOf = (plain: SyscallName, alignment: Alignment | undefined): Use => {
  const use = plain === "read" || plain === "readv" ? filling : taking
  return alignment === undefined ? use : { ...use, alignment: alignment.memory }
}

const encodeTransfer = (plain: SyscallName, positional: SyscallName) => {
  const use = useOf(plain, undefined)
  return (submission: Submission, input: TransferInput): void => {
    const alignment = input.file?.alignment
    encodePosition(submission, input, plain, positional)
    encodeBuffer(submission, input.buffer, alignment === undefined ? use : useOf(plain, alignment))
    if (alignment !== undefined) {
      checkAligned(alignment, submission.a1 as number, submission.a2 as number, submission.a3)
    }
  }
}

const encodeVector = (plain: SyscallName, positional: SyscallName) => (submission: Submission, input: VectorInput) => {
  const alignment = input.file?.alignment
  encodePosition(submission, input, plain, positional)
  const check = (address: number, length: number) => checkAligned(alignment!, address, length, submission.a3)
  encodeBuffers(submission, input.buffers, useOf(plain, alignment), alignment === undefined ? undefined : check)
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
 */
const suitsRing = (input: TransferInput | VectorInput): boolean =>
  transferKind(input) === (input.offset === undefined ? STREAM : DISK)

const transferForm = (opcode: number): UringForm => ({
  opcode,
  breaksChain: true,
  takesPriority: true,
  suits: suitsRing,
  heavy: ({ a0, a2 }, { file }) =>
    ((a2 as number) > HEAVY && file?.alignment === undefined) || trustOf(a0 as number, file) !== ALWAYS,
  prepare: (entry, r) => entry.prepare(opcode, r.a0 as number, r.a1 as number, r.a2 as number, r.a3, 0)
})

/** `IOCB_CMD_*` of linux/aio_abi.h. */
const IOCB_CMD = { PREAD: 0, PWRITE: 1, FSYNC: 2, FDSYNC: 3, PREADV: 7, PWRITEV: 8 } as const

/** For transfers: address and length, or vector and its length, stand where the system call has them. */
const kernelTransfer = (opcode: number): KernelAioForm => ({
  opcode,
  transfers: true,
  writes: opcode === IOCB_CMD.PWRITE || opcode === IOCB_CMD.PWRITEV,
  prepare: (block, r) => block.prepare(opcode, r.a0 as number, r.a1 as number, r.a2 as number, r.a3)
})

const kernelSync = (opcode: number): KernelAioForm => ({
  opcode,
  prepare: (block, r) => block.prepare(opcode, r.a0 as number, 0, 0, 0)
})

/** `a2` counts buffers, not bytes. */
const vectorForm = (opcode: number): UringForm => ({
  ...transferForm(opcode),
  heavy: ({ a0, bytes }, { file }) => bytes > HEAVY || trustOf(a0 as number, file) !== ALWAYS
})

/** The events to wait for before a transfer at the position of a file that has none, or 0 if it need not wait. */
const peerEvents =
  (events: number) =>
  ({ fd, file, offset }: TransferInput | VectorInput): number =>
    offset === undefined &&
    file?.closed !== true &&
    mayHavePeer(fd) &&
    pollEvents(fd, events, 0) === 0 &&
    // With O_NONBLOCK the descriptor is asked first: read(2) tells the end for a FIFO that no process has opened for writing yet.
    !isNonBlocking(fd)
      ? events
      : 0

const isNonBlocking = (fd: number): boolean => (syscall(NR.fcntl, fd, F_GETFL) & constants.O_NONBLOCK) !== 0

/** O_NONBLOCK is for programs that must not wait. Here no thread of the program waits, so a transfer waits for its peer all the same. */
const eventsAfterRefusal =
  (events: number) =>
  ({ fd, file, offset }: TransferInput | VectorInput): number =>
    offset === undefined && file?.closed !== true && mayHavePeer(fd) && isNonBlocking(fd) ? events : 0

const isOpenForWriting = (fd: number): boolean => {
  const flags = syscall(NR.fcntl, fd, F_GETFL)
  return flags >= 0 && (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0 && descriptorType(fd) === S_IFREG
}

/** After a transfer that was a request: its bytes have been found by now. */
const moved = ({ outlivesCall }: Submission, result: number, { fd, file }: TransferInput | VectorInput): number => {
  if (outlivesCall && result > 0) hasMoved(fd, file)
  return result
}

/** Property by property, as in every input of a transfer: to spread another object would cost as much as the system call. */
const transfer = (target: Target, buffer: Uint8Array, options?: TransferOptions): TransferInput => {
  const file = fileOf(target)
  return { fd: fdOf(target, file), file, buffer, offset: offsetOf(options) }
}

const vector = (target: Target, buffers: ReadonlyArray<Uint8Array>, options?: TransferOptions): VectorInput => {
  const file = fileOf(target)
  // A copy of the list: it is encoded when a backend takes the request, and the caller may have changed it by then.
  return { fd: fdOf(target, file), file, buffers: listOf(buffers), offset: offsetOf(options) }
}

export const nop = define(() => ({}), {
  name: "nop",
  man: "io_uring_prep_nop(3)",
  // A no-op for a thread: the cheapest call there is.
  encode: (submission) => {
    submission.nr = NR.getpid
  },
  uring: { opcode: IORING_OP.NOP, breaksChain: true, prepare: (entry) => entry.prepare(IORING_OP.NOP, -1, 0, 0, 0, 0) },
  decode: asVoid
})

interface CloseInput {
  readonly fd: number
  /** Whether it may have been written to. Left out: the kernel is asked. */
  readonly isForWriting?: boolean | undefined
}

export const close = define((fd: number): CloseInput => ({ fd }), {
  name: "close",
  man: "close(2)",
  encode: (submission, { fd }) => {
    submission.nr = NR.close
    submission.a0 = checkFd(fd)
    forgetTrust(fd)
  },
  uring: {
    opcode: IORING_OP.CLOSE,
    // A close after a write may have to wait for places on the disk: ext4, xfs and btrfs write a file out on close if it was emptied.
    heavy: ({ a0 }, { isForWriting }: CloseInput) => isForWriting ?? isOpenForWriting(a0 as number),
    prepare: (entry, r) => entry.prepare(IORING_OP.CLOSE, r.a0 as number, 0, 0, 0, 0)
  },
  finalOnInterrupt: true,
  decode: asVoid
})

/** `close` of a descriptor of which it may be known whether it was opened for writing. */
export const closeOpened = define(
  (fd: number, isForWriting: boolean | undefined): CloseInput => ({ fd, isForWriting }),
  close.entry
)

export const read = define(transfer, {
  name: "read",
  man: "pread(2)",
  encode: encodeTransfer("read", "pread64"),
  bytes: bytesIn,
  moves: bytesIn,
  uring: transferForm(IORING_OP.READ),
  kernelAio: kernelTransfer(IOCB_CMD.PREAD),
  posixAio: { call: "aio_read" },
  peerEvents: peerEvents(POLLIN),
  eventsAfterRefusal: eventsAfterRefusal(POLLIN),
  inline: readInline,
  decode: moved
})

export const write = define(transfer, {
  name: "write",
  man: "pwrite(2)",
  encode: encodeTransfer("write", "pwrite64"),
  bytes: bytesIn,
  moves: bytesIn,
  uring: transferForm(IORING_OP.WRITE),
  kernelAio: kernelTransfer(IOCB_CMD.PWRITE),
  posixAio: { call: "aio_write" },
  peerEvents: peerEvents(POLLOUT),
  eventsAfterRefusal: eventsAfterRefusal(POLLOUT),
  decode: moved
})

export const readv = define(vector, {
  name: "readv",
  man: "preadv(2)",
  encode: encodeVector("readv", "preadv"),
  bytes: bytesInAll,
  moves: bytesInAll,
  uring: vectorForm(IORING_OP.READV),
  kernelAio: kernelTransfer(IOCB_CMD.PREADV),
  peerEvents: peerEvents(POLLIN),
  eventsAfterRefusal: eventsAfterRefusal(POLLIN),
  decode: moved
})

export const writev = define(vector, {
  name: "writev",
  man: "pwritev(2)",
  encode: encodeVector("writev", "pwritev"),
  bytes: bytesInAll,
  moves: bytesInAll,
  uring: vectorForm(IORING_OP.WRITEV),
  kernelAio: kernelTransfer(IOCB_CMD.PWRITEV),
  peerEvents: peerEvents(POLLOUT),
  eventsAfterRefusal: eventsAfterRefusal(POLLOUT),
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
export const readLast = define(transfer, {
  ...read.entry,
  inline: (submission, input) => {
    const count = lastInline(submission, input)
    const length = submission.a2 as number
    // There was no byte behind the size that the file had when it was asked for.
    submission.atEnd = count === length
    return Math.min(count, length)
  },
  decode: ({ atEnd }, count): Part => ({ count, atEnd: atEnd || count === 0 })
})

const IORING_FSYNC_DATASYNC = 1

export const fsync = define(targetOf, {
  name: "fsync",
  man: "fsync(2)",
  encode: (submission, { fd }) => {
    submission.nr = NR.fsync
    submission.a0 = checkFd(fd)
  },
  uring: {
    opcode: IORING_OP.FSYNC,
    prepare: (entry, r) => entry.prepare(IORING_OP.FSYNC, r.a0 as number, 0, 0, 0, 0)
  },
  kernelAio: kernelSync(IOCB_CMD.FSYNC),
  posixAio: { call: "aio_fsync", flag: constants.O_SYNC },
  decode: asVoid
})

export const fdatasync = define(targetOf, {
  name: "fdatasync",
  man: "fdatasync(2)",
  encode: (submission, { fd }) => {
    submission.nr = NR.fdatasync
    submission.a0 = checkFd(fd)
  },
  uring: {
    opcode: IORING_OP.FSYNC,
    prepare: (entry, r) => entry.prepare(IORING_OP.FSYNC, r.a0 as number, 0, 0, 0, IORING_FSYNC_DATASYNC)
  },
  kernelAio: kernelSync(IOCB_CMD.FDSYNC),
  posixAio: { call: "aio_fsync", flag: constants.O_DSYNC },
  decode: asVoid
})

export const ftruncate = define((file: Target, length: Offset = 0) => ({ ...targetOf(file), length }), {
  name: "ftruncate",
  man: "ftruncate(2)",
  encode: (submission, { fd, length }) => {
    submission.nr = NR.ftruncate
    submission.a0 = checkFd(fd)
    submission.a1 = checkOffset(length, "length")
  },
  uring: {
    opcode: IORING_OP.FTRUNCATE,
    prepare: (entry, r) => entry.prepare(IORING_OP.FTRUNCATE, r.a0 as number, 0, 0, r.a1, 0)
  },
  decode: asVoid
})

/** `FALLOC_FL_*` of fallocate(2), by what they do. */
const allocateModes = {
  allocate: 0,
  keepSize: 1,
  punchHole: 3,
  collapseRange: 8,
  zeroRange: 16,
  insertRange: 32
} as const

/**
 * What fallocate(2) does with the range. `punchHole` keeps the file's size.
 *
 * @since 0.1.0
 * @category models
 */
export type AllocateMode = keyof typeof allocateModes

/**
 * A range of a file, and what becomes of its blocks.
 *
 * @since 0.1.0
 * @category models
 */
export interface AllocateOptions {
  /** Bytes from the start of the file. Default 0. */
  readonly offset?: Offset | undefined
  /** Bytes, at least 1. */
  readonly length: Offset
  /** Default `"allocate"`: make sure the range has space, and grow the file to it. */
  readonly mode?: AllocateMode | undefined
}

const allocateOptions = optionsReader<AllocateOptions>({ offset: true, length: true, mode: true })

export const fallocate = define(
  (file: Target, options: AllocateOptions) => ({ ...targetOf(file), ...allocateOptions(options) }),
  {
    name: "fallocate",
    man: "fallocate(2)",
    encode: (submission, { fd, length, mode = "allocate", offset = 0 }) => {
      submission.nr = NR.fallocate
      submission.a0 = checkFd(fd)
      submission.a1 = checkName(allocateModes, mode, "mode")
      submission.a2 = checkOffset(offset)
      submission.a3 = checkOffset(length, "length")
    },
    uring: {
      opcode: IORING_OP.FALLOCATE,
      // The length stands in the address field.
      prepare: (entry, r) => entry.prepare(IORING_OP.FALLOCATE, r.a0 as number, r.a3, r.a1 as number, r.a2, 0)
    },
    decode: asVoid
  }
)

/** `POSIX_FADV_*`; the numbers are the same on x64 and arm64. */
const advices = { normal: 0, random: 1, sequential: 2, willNeed: 3, dontNeed: 4, noReuse: 5 } as const

/**
 * How a range of a file is going to be used, posix_fadvise(2).
 *
 * @since 0.1.0
 * @category models
 */
export type Advice = keyof typeof advices

/**
 * A range of a file.
 *
 * @since 0.1.0
 * @category models
 */
export interface RangeOptions {
  /** Bytes from the start of the file. Default 0. */
  readonly offset?: Offset | undefined
  /** Bytes; 0, the default, means to the end of the file. */
  readonly length?: Offset | undefined
}

const rangeOptions = optionsReader<RangeOptions>({ offset: true, length: true })

const adviceInput = (file: Target, advice: Advice, options?: RangeOptions) => ({
  ...targetOf(file),
  advice,
  ...rangeOptions(options)
})

export const fadvise = define(adviceInput, {
  name: "fadvise",
  man: "posix_fadvise(2)",
  encode: (submission, { advice, fd, length = 0, offset = 0 }) => {
    submission.nr = NR.fadvise64
    submission.a0 = checkFd(fd)
    submission.a1 = checkOffset(offset)
    submission.a2 = checkOffset(length, "length")
    submission.a3 = checkName(advices, advice, "advice")
  },
  // Not io_uring's FADVISE: its length was 32 bits wide until Linux 6.10, and most advice goes to a kernel worker there.
  decode: asVoid
})

export interface ReadaheadOptions {
  readonly offset?: Offset | undefined
  readonly length: number
}

const readaheadOptions = optionsReader<ReadaheadOptions>({ offset: true, length: true })

export const readahead = define(
  (file: Target, options: ReadaheadOptions) => ({ ...targetOf(file), ...readaheadOptions(options) }),
  {
    name: "readahead",
    man: "readahead(2)",
    encode: (submission, { fd, length, offset = 0 }) => {
      submission.nr = NR.readahead
      submission.a0 = checkFd(fd)
      submission.a1 = checkOffset(offset)
      submission.a2 = checkUint32(length, "length")
    },
    decode: asVoid
  }
)

/** What has to be known of a file that is about to be read. */
export interface Measured {
  readonly size: number
  /** fstat(2) was answered on the spot: the file system is local, see native/nonblocking.ts. */
  readonly isLocal: boolean
}

/** fstat(2) of a file that is about to be read. The answer about the file system is remembered. */
export const measure = define(targetOf, {
  ...fstat.entry,
  decode: (submission, _, { fd, file }): Measured => {
    const isLocal = !submission.outlivesCall
    if (isLocal && file !== undefined) file.trust = trustOfAnswer(fd, submission.cell)
    return { size: decodeFileSize(submission), isLocal }
  }
})
