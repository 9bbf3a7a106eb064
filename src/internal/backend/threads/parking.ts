/**
 * Requests that wait for a peer: reads of empty pipes, writes to full ones. They wait in an epoll(7) set, and get a thread when they can
 * go ahead. Otherwise a handful of them would keep all threads, and with them everything else, closes included.
 */
import type { Request } from "../../engine/request.ts"
import type { Gathered } from "../../native/gathered.ts"

export class Parking {
  private readonly byFd = new Map<number, Map<Request, number>>()
  size = 0

  constructor(private readonly gathered: Gathered) {}

  /** Parks a request that has to wait; false if it can go ahead, or nobody can tell. */
  park(request: Request): boolean {
    const { entry, input } = request
    const events = entry.peerEvents?.(input) ?? 0
    if (events === 0) return false
    const { fd } = input
    const parked = this.byFd.get(fd) ?? new Map<Request, number>()
    let wanted = events
    for (const others of parked.values()) wanted |= others
    if (!this.gathered.watch(fd, wanted)) return false
    parked.set(request, events)
    this.byFd.set(fd, parked)
    this.size++
    return true
  }

  /** Takes a request out; false if it is not here. */
  leave(request: Request): boolean {
    const { fd } = request.input
    const parked = this.byFd.get(fd)
    if (parked === undefined || !parked.delete(request)) return false
    this.size--
    if (parked.size === 0) {
      this.byFd.delete(fd)
      this.gathered.unwatch(fd)
    }
    return true
  }

  /** Takes out all requests of descriptors that are ready, for `visit`. Who comes too late is parked again. */
  forEachReady(visit: (request: Request) => void): void {
    if (this.size === 0) return
    this.gathered.forEachReady((fd) => {
      const parked = this.byFd.get(fd)
      if (parked === undefined) return
      this.byFd.delete(fd)
      this.gathered.unwatch(fd)
      this.size -= parked.size
      for (const request of parked.keys()) visit(request)
    })
  }

  forEach(visit: (request: Request) => void): void {
    for (const parked of this.byFd.values()) for (const request of [...parked.keys()]) visit(request)
  }
}
