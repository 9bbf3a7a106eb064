/**
 * FIFOs that are being opened.
 *
 * open(2) of a FIFO waits for the other side. io_uring first opens every cached name with O_NONBLOCK, and for a FIFO that changes the
 * result: a reader gets a descriptor at once (and would read an end of file before a writer has come), a writer gets ENXIO. Such an answer
 * is not passed on. The request is submitted again for a kernel worker, where it waits as it should.
 *
 * The reader's first descriptor stays open meanwhile, since a writer that saw it may be writing already. If that writer comes and goes
 * before the second open is there, the second open would wait for another writer. The first descriptor then shows data or a hang-up, and
 * becomes the answer.
 */
import { constants } from "node:fs"
import type { Request, Slot } from "../../engine/request.ts"
import { errno } from "../../native/errno.ts"
import { O_PATH, S_IFIFO } from "../../native/layout.ts"
import { syscall } from "../../native/libc.ts"
import { descriptorType, isSeekable, POLLHUP, POLLIN, pollEvents } from "../../native/readiness.ts"
import { NR } from "../../native/syscalls.ts"
import { closeDescriptor, disownDescriptor, ownDescriptor } from "../../native/threadCleanup.ts"

/** Opens that cannot be of a FIFO, or that do not wait: their answer is passed on. */
const neverWaits = constants.O_NONBLOCK | constants.O_DIRECTORY | O_PATH

// The cheapest question that regular files and directories answer differently. It does not wait.
const isFifo = (fd: number): boolean => !isSeekable(fd) && descriptorType(fd) === S_IFIFO

const hasBeenOpened = (fd: number): boolean => (Math.max(pollEvents(fd, POLLIN, 0), 0) & (POLLIN | POLLHUP)) !== 0

export class FifoOpens {
  /** Requests submitted for the second time; a reader's first descriptor, or -1. */
  private readonly waiting = new Map<Request, number>()

  has(request: Request): boolean {
    return this.waiting.has(request)
  }

  get size(): number {
    return this.waiting.size
  }

  /** The result to pass on, or `undefined` when the open is to be submitted again for a kernel worker. */
  settle(submission: Slot, result: number): number | undefined {
    const request = submission.request!
    const flags = submission.a2 as number
    const kept = this.waiting.get(request)
    if (kept !== undefined) {
      // A signal woke the worker, and no peer has come yet: go on waiting.
      if (result === -errno.EINTR && !request.cancelled && (kept === -1 || !hasBeenOpened(kept))) return undefined
      this.waiting.delete(request)
      if (kept === -1) return result
      if (result >= 0 || request.cancelled) {
        closeDescriptor(kept)
        return result
      }
      // Cancelled by `forEachReady`, or a real error: the first descriptor is open and good, unless no writer came.
      if (hasBeenOpened(kept)) {
        disownDescriptor(kept)
        return kept
      }
      closeDescriptor(kept)
      return result
    }
    if ((flags & neverWaits) !== 0) return result
    const access = flags & 3
    const waits =
      access === constants.O_WRONLY
        ? result === -errno.ENXIO
        : result >= 0 && access === constants.O_RDONLY && isFifo(result) && !hasBeenOpened(result)
    if (!waits) return result
    const first = Math.max(result, -1)
    // The request was cancelled before this answer was looked at. A fiber that gave up because of a deadline must not be told that the FIFO
    // is open.
    if (request.cancelled) {
      if (first !== -1) syscall(NR.close, first)
      return -errno.ECANCELED
    }
    this.waiting.set(request, ownDescriptor(first))
    return undefined
  }

  /** Calls `visit` for every reader whose first descriptor has become the answer: its second open is to be cancelled. */
  forEachReady(visit: (request: Request) => void): void {
    for (const [request, first] of this.waiting) if (first !== -1 && hasBeenOpened(first)) visit(request)
  }
}
