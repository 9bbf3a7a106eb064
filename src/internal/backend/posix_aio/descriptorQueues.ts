/**
 * The requests of each descriptor, in the order of their submission: glibc runs those of one descriptor one after the other.
 *
 * The place in a queue says which request runs first: of two that glibc has and has not ended, the one that was given to it first, unless
 * the other has the higher priority.
 */

export interface DescriptorQueue {
  readonly fd: number
  /** Slots, the oldest first. */
  readonly slots: Array<number>
  /** A request of the queue has ended since the last look of the watchdog. */
  moved: boolean
}

export class DescriptorQueues {
  private readonly byFd = new Map<number, DescriptorQueue>()

  /** Appends a slot. Returns its queue. */
  enter(fd: number, slot: number): DescriptorQueue {
    let queue = this.byFd.get(fd)
    if (queue === undefined) {
      queue = { fd, slots: [], moved: true }
      this.byFd.set(fd, queue)
    }
    queue.slots.push(slot)
    return queue
  }

  /** Takes a slot out, wherever it stands. Returns the slot that becomes the first thereby, or -1. */
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

  /** Moves a slot to the end: its request is given to glibc again. */
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
