/** Operations on open descriptors. */
import { constants } from "node:fs"
import type { Offset } from "../engine/arguments.ts"
import { checkFd, checkName, checkOffset, checkUint32 } from "../engine/arguments.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define, type KernelAioForm } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { IOCB_CMD } from "../native/kernelAio.ts"
import { F_GETFL, S_IFREG } from "../native/layout.ts"
import { syscall } from "../native/libc.ts"
import { descriptorType } from "../native/readiness.ts"
import { NR } from "../native/syscalls.ts"
import { forgetTrust, trustOfAnswer } from "../native/trust.ts"
import { IORING_OP } from "../native/uring.ts"
import { decodeFileSize } from "./metadata.ts"
import { fstat } from "./paths.ts"

const isOpenForWriting = (fd: number): boolean => {
  const flags = syscall(NR.fcntl, fd, F_GETFL)
  return flags >= 0 && (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0 && descriptorType(fd) === S_IFREG
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

const kernelSync = (opcode: number): KernelAioForm => ({
  opcode,
  prepare: (block, r) => block.prepare(opcode, r.a0 as number, 0, 0, 0, 0)
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
  zeroRangeKeepSize: 17,
  insertRange: 32,
  unshareRange: 64
} as const

/**
 * What fallocate(2) does with the range: gives it space (and `keepSize`: not the file its bytes beyond its end), makes a hole of it (`punchHole`, which
 * keeps the size), makes zeros of it, takes it out or puts zeros in between what was there (in whole blocks), or gives it blocks of its own that it
 * shares with other files until now (`unshareRange`, before writes that must not fail for lack of space). EOPNOTSUPP where the file system cannot.
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

export const rangeOptions = optionsReader<RangeOptions>({ offset: true, length: true })

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
