/**
 * Requests that wait for a peer: reads of empty pipes, writes to full ones. They wait in an epoll(7) set, and get a thread when they can
 * go ahead. Otherwise a handful of them would keep all threads, and with them everything else, closes included.
 *
 * Each watches a duplicate of its descriptor. The set knows open files, not numbers: one whose number was closed while a copy of it
 * lives (in a child process, say) would be reported for ever, and could not be taken out any more.
 */
import type { Request } from "../../engine/request.ts"
import { closeDescriptor, ownDescriptor } from "../../native/estate.ts"
import type { Gathered } from "../../native/gathered.ts"
import { F_DUPFD_CLOEXEC } from "../../native/layout.ts"
import { syscall } from "../../native/libc.ts"
import { NR } from "../../native/syscalls.ts"

export class Parking {
  private readonly byDuplicate = new Map<number, Request>()
  private readonly duplicates = new Map<Request, number>()

  constructor(private readonly gathered: Gathered) {}

  get size(): number {
    return this.duplicates.size
  }

  /** Parks a request that has to wait; false if it can go ahead, or nobody can tell. */
  park(request: Request, events = request.entry.peerEvents?.(request.input) ?? 0): boolean {
    const { input } = request
    if (events === 0) return false
    const duplicate = ownDescriptor(syscall(NR.fcntl, input.fd, F_DUPFD_CLOEXEC, 0))
    if (duplicate < 0) return false
    if (!this.gathered.watch(duplicate, events)) {
      closeDescriptor(duplicate)
      return false
    }
    this.byDuplicate.set(duplicate, request)
    this.duplicates.set(request, duplicate)
    return true
  }

  /** Takes a request out; false if it is not here. */
  leave(request: Request): boolean {
    const duplicate = this.duplicates.get(request)
    if (duplicate === undefined) return false
    this.duplicates.delete(request)
    this.byDuplicate.delete(duplicate)
    this.gathered.unwatch(duplicate)
    closeDescriptor(duplicate)
    return true
  }

  /** Takes out all requests whose descriptors are ready, for `visit`. Who comes too late is parked again. */
  forEachReady(visit: (request: Request) => void): void {
    if (this.size === 0) return
    this.gathered.forEachReady((duplicate) => {
      const request = this.byDuplicate.get(duplicate)
      if (request === undefined) return
      this.leave(request)
      visit(request)
    })
  }

  forEach(visit: (request: Request) => void): void {
    for (const request of [...this.duplicates.keys()]) visit(request)
  }
}
