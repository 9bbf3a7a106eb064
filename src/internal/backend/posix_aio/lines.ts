/**
 * The requests of each descriptor, in the order of their submission: glibc runs those of one descriptor one after the other.
 *
 * What may be concluded from a place in a line: of two that glibc has and has not ended, the one that was given to it first is run
 * first, unless the other's priority is higher.
 */

export interface Line {
  readonly fd: number
  /** Slots, the oldest first. */
  readonly slots: Array<number>
  /** Something of it has ended since the last look of the watchdog. */
  moved: boolean
}

export class Lines {
  private readonly byFd = new Map<number, Line>()

  /** Appends a slot: the line that it stands in. */
  enter(fd: number, slot: number): Line {
    let line = this.byFd.get(fd)
    if (line === undefined) {
      line = { fd, slots: [], moved: true }
      this.byFd.set(fd, line)
    }
    line.slots.push(slot)
    return line
  }

  /** Takes a slot out, wherever it stands: the one that is the first thereby, or -1. */
  leave(line: Line, slot: number): number {
    const { slots } = line
    line.moved = true
    if (slots[0] !== slot) {
      slots.splice(slots.indexOf(slot), 1)
      return -1
    }
    slots.shift()
    if (slots.length > 0) return slots[0]
    this.byFd.delete(line.fd)
    return -1
  }

  /** Moves a slot to the end: it is given to glibc anew. */
  enterAgain(line: Line, slot: number): void {
    line.slots.splice(line.slots.indexOf(slot), 1)
    line.slots.push(slot)
  }

  values(): IterableIterator<Line> {
    return this.byFd.values()
  }

  get size(): number {
    return this.byFd.size
  }
}
