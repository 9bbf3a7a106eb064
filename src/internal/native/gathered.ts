/** Several descriptors as one that is readable when any of them is: epoll(7). */
import { syscall } from "./libc.ts"
import { permanent } from "./memory.ts"
import { NR } from "./syscalls.ts"

const EPOLL_CLOEXEC = 0o2000000
const EPOLL_CTL_ADD = 1
const EPOLLIN = 1
const POLLIN = 1
const NANOSECONDS = 1_000_000_000

// struct epoll_event is packed on x64: 32 bits of events, then 64 of data; padded elsewhere. The data is not used.
const event = new Uint32Array([EPOLLIN, 0, 0, 0])
const eventAddress = permanent(event)
const poll = new Int32Array(2)
const pollAddress = permanent(poll)
const time = new BigInt64Array(2)
const timeAddress = permanent(time)

/** A descriptor that is readable when any of `descriptors` is. The caller closes it. `-errno` where none can be had. */
export const gather = (descriptors: ReadonlyArray<number>): number => {
  const fd = syscall(NR.epoll_create1, EPOLL_CLOEXEC)
  if (fd < 0) return fd
  for (const descriptor of descriptors) syscall(NR.epoll_ctl, fd, EPOLL_CTL_ADD, descriptor, eventAddress)
  return fd
}

/** Blocks this thread until the descriptor is readable, at most for so many milliseconds: poll(2). */
export const blockUntilReadable = (fd: number, milliseconds: number): void => {
  poll[0] = fd
  poll[1] = POLLIN
  const nanoseconds = Math.round(milliseconds * 1e6)
  time[0] = BigInt(Math.floor(nanoseconds / NANOSECONDS))
  time[1] = BigInt(nanoseconds % NANOSECONDS)
  syscall(NR.ppoll, pollAddress, 1, timeAddress, 0)
}

export const closeDescriptor = (fd: number): void => {
  syscall(NR.close, fd)
}
