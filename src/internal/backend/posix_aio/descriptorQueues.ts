/**
 * The requests of each descriptor, in the order of their submission: glibc runs those of one descriptor one after the other.
 *
 * What may be concluded from a place in a queue: of two that glibc has and has not ended, the one that was given to it first is run
 * first, unless the other's priority is higher.
 */

export interface DescriptorQueue {
  readonly fd: number
  /** Slots, the oldest first. */
  readonly slots: Array<number>
  /** Something of it has ended since the last look of the watchdog. */
  moved: boolean
}

export class DescriptorQueues {
  private readonly byFd = new Map<number, DescriptorQueue>()

  /** Appends a slot: the queue that it stands in. */
  enter(fd: number, slot: number): DescriptorQueue {
    let queue = this.byFd.get(fd)
    if (queue === undefined) {
      queue = { fd, slots: [], moved: true }
      this.byFd.set(fd, queue)
    }
    queue.slots.push(slot)
    return queue
  }

  /** Takes a slot out, wherever it stands: the one that is the first thereby, or -1. */
  leave(queue: DescriptorQueue, slot: number): number {
    const { slots } = queue
    queue.moved = true
    if (slots[0] !== slot) {
      slots.splice(slots.indexOf(slot), 1)
      return -1
    }
    slots.shift()
    if (slots.length > 0) return slots[0]
    this.byFd.delete(queue.fd)
    return -1
  }

  /** Moves a slot to the end: it is given to glibc anew. */
  enterAgain(queue: DescriptorQueue, slot: number): void {
    queue.slots.splice(queue.slots.indexOf(slot), 1)
    queue.slots.push(slot)
  }

  values(): IterableIterator<DescriptorQueue> {
    return this.byFd.values()
  }

  get size(): number {
    return this.byFd.size
  }
}
