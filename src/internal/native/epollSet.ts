/** Several descriptors as one that is readable when any of them is ready: epoll(7). */
import { errno } from "./errno.ts"
import { syscall } from "./libc.ts"
import { permanent } from "./memory.ts"
import { NR } from "./syscalls.ts"
import { closeDescriptor, ownDescriptor } from "./threadCleanup.ts"

const EPOLL_CLOEXEC = 0o2000000
const EPOLL_CTL_ADD = 1
const EPOLL_CTL_DEL = 2
const EPOLL_CTL_MOD = 3
const EPOLLIN = 1

// struct epoll_event is packed on x64 (32 bits of events, then 64 of data), and padded elsewhere.
const EVENT_WORDS = process.arch === "x64" ? 3 : 4
const DATA = process.arch === "x64" ? 1 : 2
const MOST_EVENTS = 64
const events = new Uint32Array(EVENT_WORDS * MOST_EVENTS)
const eventsAddress = permanent(events)

export class EpollSet {
  /** Readable while any of the descriptors is ready. */
  readonly fd = ownDescriptor(syscall(NR.epoll_create1, EPOLL_CLOEXEC))

  private control(operation: number, fd: number, wanted: number): number {
    events[0] = wanted
    events[DATA] = fd
    events[DATA + 1] = 0
    return syscall(NR.epoll_ctl, this.fd, operation, fd, eventsAddress)
  }

  /** Watches a descriptor for these events (poll(2)'s). False where epoll cannot: the file is always ready, or closed. */
  watch(fd: number, wanted = EPOLLIN): boolean {
    return this.tryWatch(fd, wanted) === 0
  }

  /** The same. Returns 0, or `-errno`. */
  tryWatch(fd: number, wanted: number): number {
    if (this.control(EPOLL_CTL_MOD, fd, wanted) === 0) return 0
    return this.control(EPOLL_CTL_ADD, fd, wanted)
  }

  unwatch(fd: number): void {
    this.control(EPOLL_CTL_DEL, fd, 0)
  }

  /**
   * Calls `visit` with descriptors that are ready now. False where the set cannot be asked: other code closed or replaced its descriptor.
   */
  forEachReady(visit: (fd: number) => void): boolean {
    const count = syscall(NR.epoll_pwait, this.fd, eventsAddress, MOST_EVENTS, 0, 0, 0)
    // Copied out first: `visit` may watch and unwatch, and that uses the same memory.
    const ready: Array<number> = []
    for (let i = 0; i < count; i++) ready.push(events[i * EVENT_WORDS + DATA])
    for (const fd of ready) visit(fd)
    return count >= 0 || count === -errno.EINTR
  }

  close(): void {
    if (this.fd >= 0) closeDescriptor(this.fd)
  }
}
