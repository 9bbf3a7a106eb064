/** Whether a transfer on a descriptor would have to wait for a peer, as far as that can be told without waiting. */
import { errno } from "./errno.ts"
import { syscall } from "./libc.ts"
import { permanent } from "./memory.ts"
import { NR } from "./syscalls.ts"

export const POLLIN = 1
export const POLLOUT = 4
export const POLLHUP = 16

const SEEK_CUR = 1

// struct pollfd: the descriptor, then 16 bits asked for, 16 bits answered.
const poll = new Int32Array(2)
const pollAddress = permanent(poll)
const time = new BigInt64Array(2)
const timeAddress = permanent(time)

/** Whether the descriptor has positions: not so pipes, sockets, terminals. */
export const isSeekable = (fd: number): boolean => syscall(NR.lseek, fd, 0, SEEK_CUR) !== -errno.ESPIPE

/** The events of poll(2) that have happened, of those asked for and of the ones that are always told. 0 after the time is over. */
export const pollEvents = (fd: number, events: number, milliseconds: number): number => {
  poll[0] = fd
  poll[1] = events
  const nanoseconds = Math.round(milliseconds * 1e6)
  time[0] = BigInt(Math.floor(nanoseconds / 1e9))
  time[1] = BigInt(nanoseconds % 1e9)
  return syscall(NR.ppoll, pollAddress, 1, timeAddress, 0) === 1 ? (poll[1] >> 16) & 0xffff : 0
}
