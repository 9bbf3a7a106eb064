/** Moving bytes from one descriptor to another within the kernel, where one of them is a pipe or a socket. */
import { constants } from "node:fs"
import { checkFd, type Offset } from "../engine/arguments.ts"
import type { OpenFiles } from "../engine/openDescriptor.ts"
import { type Awaited, asNumber, define } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import type { Submission } from "../engine/submission.ts"
import { F_GETFL, O_ACCMODE, S_IFIFO, S_IFREG } from "../native/layout.ts"
import { syscall } from "../native/libc.ts"
import { descriptorType, mayHavePeer, POLLIN, POLLOUT, pollEvents } from "../native/readiness.ts"
import { NR } from "../native/syscalls.ts"
import { IORING_OP } from "../native/uring.ts"
import { encodeLength, encodePosition, pairOf, readCopyOptions } from "./copies.ts"

/**
 * The bytes to send.
 *
 * @since 0.1.0
 * @category models
 */
export interface SendfileOptions {
  /** Bytes from the start of the source. Left out: at its own position, which moves. */
  readonly offset?: Offset | undefined
  /** Bytes, at most. */
  readonly length: Offset
}

/**
 * How much of a pipe is duplicated.
 *
 * @since 0.1.0
 * @category models
 */
export interface TeeOptions {
  /** Bytes, at most. */
  readonly length: Offset
}

interface Pair {
  readonly fd: number
  readonly to: number
  readonly file?: OpenFiles | undefined
}

const isUnready = (fd: number, events: number): boolean => mayHavePeer(fd) && pollEvents(fd, events, 0) === 0

/**
 * What a call would wait for at this end. An end that is non-blocking is asked by the call itself: of a FIFO that nobody has opened for writing it
 * tells the end, and poll(2) does not. One that is open for the other direction never becomes ready: it is EBADF.
 */
const awaited = (fd: number, events: number): Awaited | undefined => {
  if (!isUnready(fd, events)) return undefined
  const flags = syscall(NR.fcntl, fd, F_GETFL)
  const wrong = events === POLLIN ? constants.O_WRONLY : constants.O_RDONLY
  return (flags & constants.O_NONBLOCK) !== 0 || (flags & O_ACCMODE) === wrong ? undefined : { fd, events }
}

/** The source first. */
const awaits = ({ fd, file, to }: Pair): Awaited | undefined =>
  file?.closed === true ? undefined : (awaited(fd, POLLIN) ?? awaited(to, POLLOUT))

/** After EAGAIN. With both ends ready by now it is tried again. */
const awaitsAfterRefusal = ({ fd, file, to }: Pair): Awaited | undefined => {
  if (file?.closed === true) return undefined
  const source = { fd, events: POLLIN }
  if (isUnready(fd, POLLIN)) return source
  return mayHavePeer(to) ? { fd: to, events: POLLOUT } : mayHavePeer(fd) ? source : undefined
}

const sendfileOptions = optionsReader<SendfileOptions>({ offset: true, length: true })

export const sendfile = define(pairOf(sendfileOptions), {
  name: "sendfile",
  man: "sendfile(2)",
  moves: ({ length }) => Number(length),
  encode: (submission, { fd, length, offset, to }) => {
    submission.nr = NR.sendfile
    submission.a1 = checkFd(fd)
    submission.a0 = checkFd(to, "to")
    submission.a2 = encodePosition(submission, 0, offset, "offset")
    submission.a3 = encodeLength(length)
  },
  // What the source has is in a file: only the destination has a peer.
  awaits: ({ file, to }) => (file?.closed === true ? undefined : awaited(to, POLLOUT)),
  awaitsAfterRefusal: ({ file, to }) =>
    file?.closed !== true && mayHavePeer(to) ? { fd: to, events: POLLOUT } : undefined,
  decode: asNumber
})

/** The pipes do not wait: the request does, without a thread. */
const SPLICE_F_NONBLOCK = 2

/**
 * What the ring's workers may do: they do not wait for pipes. For a socket they would. (io_uring does not look at descriptors of which it is to move
 * nothing.) The input may hold any value for a descriptor.
 */
const suitsRing = ({ fd, length, to }: Pair & { readonly length: Offset }): boolean =>
  length !== 0 && length !== 0n && [fd, to].every(isPipeOrFile)

const isPipeOrFile = (fd: number): boolean => {
  const type = Number.isInteger(fd) && fd >= 0 && fd <= 0x7fffffff ? descriptorType(fd) : -1
  return type === S_IFIFO || type === S_IFREG || type === -1
}

/** A position that `encodePosition` has written, by value. */
const positionAt = ({ cell }: Submission, at: number, address: unknown): bigint => (address === 0 ? -1n : cell.i64[at])

export const splice = define(pairOf(readCopyOptions), {
  name: "splice",
  man: "splice(2)",
  moves: ({ length }) => Number(length),
  encode: (submission, { fd, length, offset, to, toOffset }) => {
    submission.nr = NR.splice
    submission.a0 = checkFd(fd)
    submission.a1 = encodePosition(submission, 0, offset, "offset")
    submission.a2 = checkFd(to, "to")
    submission.a3 = encodePosition(submission, 1, toOffset, "toOffset")
    submission.a4 = encodeLength(length)
    submission.a5 = SPLICE_F_NONBLOCK
  },
  uring: {
    opcode: IORING_OP.SPLICE,
    punted: true,
    suits: suitsRing,
    prepare: (entry, r) => {
      const [from, to] = [positionAt(r, 0, r.a1), positionAt(r, 1, r.a3)]
      // The source's position stands in the address field.
      entry.prepare(IORING_OP.SPLICE, r.a2 as number, from, r.a4 as number, to, r.a5 as number)
      entry.source(r.a0 as number)
    }
  },
  awaits,
  awaitsAfterRefusal,
  decode: asNumber
})

const teeOptions = optionsReader<TeeOptions>({ length: true })

export const tee = define(pairOf(teeOptions), {
  name: "tee",
  man: "tee(2)",
  moves: ({ length }) => Number(length),
  encode: (submission, { fd, length, to }) => {
    submission.nr = NR.tee
    submission.a0 = checkFd(fd)
    submission.a1 = checkFd(to, "to")
    submission.a2 = encodeLength(length)
    submission.a3 = SPLICE_F_NONBLOCK
  },
  uring: {
    opcode: IORING_OP.TEE,
    punted: true,
    suits: suitsRing,
    prepare: (entry, r) => {
      entry.prepare(IORING_OP.TEE, r.a1 as number, 0, r.a2 as number, 0, r.a3 as number)
      entry.source(r.a0 as number)
    }
  },
  awaits,
  awaitsAfterRefusal,
  decode: asNumber
})
