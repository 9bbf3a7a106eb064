/**
 * Requests that wait for a peer: reads of empty pipes, writes to full ones. They wait in an epoll(7) set, and get a thread when they can go
 * ahead. Otherwise a handful of them would keep all threads, and everything else would wait, closes included.
 *
 * Each request watches a duplicate of its descriptor. The set knows open files, not numbers. A number that was closed while a copy of it
 * lives (in a child process, say) would be reported without end, and could not be taken out any more.
 *
 * Where there are few descriptors left, they are left to other uses: an open, say. Requests then wait on their own numbers, which are
 * looked at all together now and then. That is slower and costs no descriptor; a thread for each request would stop everything.
 */
import type { Awaited } from "../../engine/operation.ts"
import type { Request } from "../../engine/request.ts"
import type { EpollSet } from "../../native/epollSet.ts"
import { errno } from "../../native/errno.ts"
import { F_DUPFD_CLOEXEC } from "../../native/layout.ts"
import { syscall } from "../../native/libc.ts"
import { descriptorLimit } from "../../native/limits.ts"
import { areReady } from "../../native/readiness.ts"
import { NR } from "../../native/syscalls.ts"
import { closeDescriptor, ownDescriptor } from "../../native/threadCleanup.ts"

/** Descriptors that are left to other uses. */
const LEFT_TO_OTHERS = 48

export class ReadinessQueue {
  private readonly byDuplicate = new Map<number, Request>()
  private readonly duplicates = new Map<Request, number>()
  /** Requests without a duplicate, with what they wait for. */
  private readonly unwatched = new Map<Request, Awaited>()

  /** The set cannot be used any more. */
  private isRefused = false

  constructor(private readonly epoll: EpollSet) {}

  get size(): number {
    return this.duplicates.size + this.unwatched.size
  }

  /** Whether there are requests that have to be looked at, since no descriptor tells of them. */
  get isUnwatched(): boolean {
    return this.unwatched.size > 0
  }

  /** Parks a request that has to wait; false if it can go ahead, or if there is no way to watch it. */
  park(request: Request, awaited = request.entry.awaits?.(request.input)): boolean {
    if (awaited === undefined) return false
    if (this.isRefused) {
      this.unwatched.set(request, awaited)
      return true
    }
    const duplicate = ownDescriptor(syscall(NR.fcntl, awaited.fd, F_DUPFD_CLOEXEC, 0))
    // The lowest free number. The numbers below it are taken.
    if (duplicate === -errno.EMFILE || duplicate >= descriptorLimit() - LEFT_TO_OTHERS) {
      if (duplicate >= 0) closeDescriptor(duplicate)
      this.unwatched.set(request, awaited)
      return true
    }
    if (duplicate < 0) return false
    const failure = this.epoll.tryWatch(duplicate, awaited.events)
    if (failure < 0) {
      closeDescriptor(duplicate)
      // A limit of the system (fs.epoll.max_user_watches), no memory, or a call that is refused. Files that never wait do not come here.
      this.unwatched.set(request, awaited)
      return true
    }
    this.byDuplicate.set(duplicate, request)
    this.duplicates.set(request, duplicate)
    return true
  }

  /** Takes a request out; false if it is not here. */
  leave(request: Request): boolean {
    if (this.unwatched.delete(request)) return true
    const duplicate = this.duplicates.get(request)
    if (duplicate === undefined) return false
    this.duplicates.delete(request)
    this.byDuplicate.delete(duplicate)
    this.epoll.unwatch(duplicate)
    closeDescriptor(duplicate)
    return true
  }

  /** Takes out all requests whose descriptors are ready, for `visit`. A request whose bytes another reader has taken is parked again. */
  forEachReady(visit: (request: Request) => void): void {
    if (this.size === 0) return
    const requeue = (request: Request): void => {
      this.leave(request)
      visit(request)
    }
    const isTold = this.epoll.forEachReady((duplicate) => {
      const request = this.byDuplicate.get(duplicate)
      if (request !== undefined) requeue(request)
    })
    if (!isTold) {
      this.isRefused = true
      for (const request of this.byDuplicate.values()) requeue(request)
    }
    if (this.unwatched.size > 0) this.forEachReadyUnwatched(visit)
  }

  private forEachReadyUnwatched(visit: (request: Request) => void): void {
    const waits = [...this.unwatched]
    const ready = areReady(waits.map(([, { events, fd }]) => [fd, events]))
    waits.forEach(([request], index) => {
      if (!ready[index]) return
      this.unwatched.delete(request)
      visit(request)
    })
  }

  forEach(visit: (request: Request) => void): void {
    for (const request of [...this.duplicates.keys(), ...this.unwatched.keys()]) visit(request)
  }
}
