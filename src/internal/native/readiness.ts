/** Whether a transfer on a descriptor would have to wait for a peer, as far as this can be found out without waiting. */
import { constants } from "node:fs"
import { errno } from "./errno.ts"
import { AT_EMPTY_PATH, AT_STATX_DONT_SYNC, F_GETFL, S_IFBLK, S_IFDIR, S_IFMT, S_IFREG, STATX } from "./layout.ts"
import { syscall } from "./libc.ts"
import { permanent } from "./memory.ts"
import { NR } from "./syscalls.ts"

export const POLLIN = 1
export const POLLPRI = 2
export const POLLOUT = 4
export const POLLERR = 8
export const POLLHUP = 16
export const POLLNVAL = 32

const SEEK_CUR = 1
const STATX_TYPE = 1

// Permanent; only used during each call.
const status = new Uint32Array(STATX.size / 4)
const statusAddress = permanent(status)
const emptyPathAddress = permanent(new Uint8Array(8))

/**
 * The type in the upper four bits of the mode (`S_IFMT`), from the inode in memory; 0 for an eventfd and the like, -1 where the type is not
 * known.
 */
export const descriptorType = (fd: number): number =>
  syscall(NR.statx, fd, emptyPathAddress, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, statusAddress) === 0
    ? status[STATX.mode / 4] & S_IFMT
    : -1

/** Whether a transfer may wait for a peer: not on regular files, directories, disks. */
export const mayHavePeer = (fd: number): boolean => {
  const type = descriptorType(fd)
  return type !== -1 && type !== S_IFREG && type !== S_IFDIR && type !== S_IFBLK
}

export const isNonBlocking = (fd: number): boolean => (syscall(NR.fcntl, fd, F_GETFL) & constants.O_NONBLOCK) !== 0

// struct pollfd: the descriptor, then 16 bits asked for, 16 bits answered.
const poll = new Int32Array(2)
const pollAddress = permanent(poll)
const time = new BigInt64Array(2)
const timeAddress = permanent(time)

/** Whether the descriptor has positions: pipes, sockets and terminals have none. */
export const isSeekable = (fd: number): boolean => syscall(NR.lseek, fd, 0, SEEK_CUR) !== -errno.ESPIPE

/**
 * The events of poll(2) that have happened, among those asked for and those that are always told. 0 when the time is over, -1 where poll(2)
 * fails.
 */
export const pollEvents = (fd: number, events: number, milliseconds: number): number => {
  poll[0] = fd
  poll[1] = events
  const nanoseconds = Math.round(milliseconds * 1e6)
  time[0] = BigInt(Math.floor(nanoseconds / 1e9))
  time[1] = BigInt(nanoseconds % 1e9)
  const found = syscall(NR.ppoll, pollAddress, 1, timeAddress, 0)
  if (found < 0 && found !== -errno.EINTR) return -1
  return found === 1 ? (poll[1] >> 16) & 0xffff : 0
}

/** Descriptors in one call: poll(2) takes no more of them than RLIMIT_NOFILE. */
const AT_ONCE = 32
const list = new Int32Array(AT_ONCE * 2)
const listAddress = permanent(list)

/**
 * For each of many descriptors, whether an event that was asked for has happened. Numbers that are not descriptors count as ready, and so
 * do descriptors that poll(2) fails for: the system call will tell the error. Nothing waits.
 */
export const areReady = (asked: ReadonlyArray<readonly [fd: number, events: number]>): ReadonlyArray<boolean> => {
  const answers: Array<boolean> = []
  time[0] = 0n
  time[1] = 0n
  for (let from = 0; from < asked.length; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, asked.length - from)
    for (let i = 0; i < count; i++) {
      list[i * 2] = asked[from + i][0]
      list[i * 2 + 1] = asked[from + i][1]
    }
    const found = syscall(NR.ppoll, listAddress, count, timeAddress, 0)
    for (let i = 0; i < count; i++) answers.push(found < 0 || (found > 0 && list[i * 2 + 1] >>> 16 !== 0))
  }
  return answers
}
