/** Operations that wait for another process: for the peer of a descriptor, for the holder of a lock. */

import { BadArgument, checkFd, checkName } from "../engine/arguments.ts"
import { type OnFile, type Target, targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define, type Operation } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { errno } from "../native/errno.ts"
import { IOCB_CMD } from "../native/kernelAio.ts"
import { pollsWithoutAsking } from "../native/nonblocking.ts"
import { mayHavePeer, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, pollEvents } from "../native/readiness.ts"
import { NR } from "../native/syscalls.ts"
import { IORING_OP } from "../native/uring.ts"

/**
 * The events to wait for. At least one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Interest {
  /** A read would not wait: there are bytes, or the end. */
  readonly readable?: boolean | undefined
  /** A write would not wait. */
  readonly writable?: boolean | undefined
  /** Something exceptional: out-of-band data of a socket, a change of a terminal or of a file in /proc. */
  readonly priority?: boolean | undefined
}

/**
 * The events that are true. `hangUp` and `error` are told unasked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Readiness {
  readonly readable: boolean
  readonly writable: boolean
  readonly priority: boolean
  /** The peer has closed its end. There may still be bytes to read. */
  readonly hangUp: boolean
  readonly error: boolean
}

export interface PollInput extends OnFile {
  readonly fd: number
  readonly events: number
}

const interestOptions = optionsReader<Interest>({ readable: true, writable: true, priority: true })

/** Without any event: 0, which `encode` refuses. */
const eventsOf = (interest: Interest | undefined): number => {
  const { priority, readable, writable } = interestOptions(interest, "interest")
  return (readable === true ? POLLIN : 0) | (writable === true ? POLLOUT : 0) | (priority === true ? POLLPRI : 0)
}

/**
 * Whether a mechanism that asks on the event loop's thread may ask: a server may have to answer. The input may hold any value for a
 * descriptor.
 */
const asksKernel = ({ fd }: PollInput): boolean =>
  !(Number.isInteger(fd) && fd >= 0 && fd <= 0x7fffffff) || pollsWithoutAsking(fd)

export const pollFd = define(
  (file: Target, interest: Interest): PollInput => ({ ...targetOf(file), events: eventsOf(interest) }),
  {
    name: "pollFd",
    man: "poll(2)",
    encode: (submission, { events, fd }) => {
      if (events === 0) throw new BadArgument("interest", "readable, writable or priority: at least one")
      const { cell } = submission
      submission.nr = NR.ppoll
      // struct pollfd: the descriptor, 16 bits of events asked for, 16 bits of events seen. No timeout, no signal mask.
      cell.u32[0] = checkFd(fd)
      cell.u32[1] = events
      submission.a0 = cell.address
      submission.a1 = 1
    },
    syscallResult: ({ cell }, result) => {
      if (result < 0) return result
      const seen = cell.u32[1] >>> 16
      return (seen & POLLNVAL) === 0 ? seen : -errno.EBADF
    },
    uring: {
      opcode: IORING_OP.POLL_ADD,
      suits: asksKernel,
      prepare: (entry, { cell }) => entry.prepare(IORING_OP.POLL_ADD, cell.u32[0], 0, 0, 0, cell.u32[1] & 0xffff)
    },
    kernelAio: {
      opcode: IOCB_CMD.POLL,
      suits: asksKernel,
      prepare: (block, { cell }) => block.prepare(IOCB_CMD.POLL, cell.u32[0], cell.u32[1] & 0xffff, 0, 0, 0)
    },
    // For a file whose server does not answer.
    mayWaitForEver: true,
    awaits: ({ events, fd }) => (mayHavePeer(fd) && pollEvents(fd, events, 0) === 0 ? { fd, events } : undefined),
    decode: (_, seen): Readiness => ({
      readable: (seen & POLLIN) !== 0,
      writable: (seen & POLLOUT) !== 0,
      priority: (seen & POLLPRI) !== 0,
      hangUp: (seen & POLLHUP) !== 0,
      error: (seen & POLLERR) !== 0
    })
  }
)

/** `LOCK_*` of flock(2). */
const locks = { shared: 1, exclusive: 2, unlock: 8 } as const
const LOCK_NB = 4

/**
 * Any number of shared locks, or one exclusive one.
 *
 * @since 0.1.0
 * @category models
 */
export type Lock = keyof typeof locks

/**
 * Whether a lock is waited for.
 *
 * @since 0.1.0
 * @category models
 */
export interface LockOptions {
  /** Default `true`. With `false`, EAGAIN tells that another descriptor holds the lock. */
  readonly wait?: boolean | undefined
}

export interface LockInput extends LockOptions {
  readonly fd: number
  readonly lock: Lock
}

const lockOptions = optionsReader<LockOptions>({ wait: true })

const lockInput = (file: Target, lock: Lock, options?: LockOptions): LockInput => ({
  ...targetOf(file),
  lock,
  ...lockOptions(options)
})

export const flock = define(lockInput, {
  name: "flock",
  man: "flock(2)",
  encode: (submission, { fd, lock, wait = true }) => {
    submission.nr = NR.flock
    submission.a0 = checkFd(fd)
    submission.a1 = checkName(locks, lock, "lock") | (wait ? 0 : LOCK_NB)
  },
  mayWaitForEver: true,
  lock: {
    waits: ({ a1 }) => ((a1 as number) & (LOCK_NB | locks.unlock)) === 0,
    askOnce: (submission) => {
      submission.a1 = (submission.a1 as number) | LOCK_NB
    }
  },
  undo: ({ fd, lock }): Operation<void> | undefined => (lock === "unlock" ? undefined : flock(fd, "unlock")),
  decode: asVoid
})
