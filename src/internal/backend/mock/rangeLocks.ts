/** Locks of byte ranges that belong to open descriptions, on one inode: F_OFD_SETLK of fcntl(2). */

export interface RangeLock {
  readonly owner: object
  /** The first byte, and the one behind the last. */
  readonly start: bigint
  readonly end: bigint
  readonly isExclusive: boolean
}

export class RangeLocks {
  /** By their first byte. Those of one owner do not overlap. */
  private locks: ReadonlyArray<RangeLock> = []

  /** The first lock of another owner that excludes this one. */
  obstacle({ end, isExclusive, owner, start }: RangeLock): RangeLock | undefined {
    return this.locks.find(
      (lock) => lock.owner !== owner && lock.start < end && start < lock.end && (isExclusive || lock.isExclusive)
    )
  }

  /** Takes a lock that nothing excludes, in place of what its owner has in the range. Returns whether others may have got room. */
  take(lock: RangeLock): boolean {
    const had = this.cut(lock)
    this.insert(lock)
    return had && !lock.isExclusive
  }

  /** Gives up what the owner has in the range. Returns whether there was anything. */
  give(range: Omit<RangeLock, "isExclusive">): boolean {
    return this.cut(range)
  }

  /** The owner is gone. */
  drop(owner: object): boolean {
    const { length } = this.locks
    this.locks = this.locks.filter((lock) => lock.owner !== owner)
    return this.locks.length < length
  }

  private cut({ end, owner, start }: Omit<RangeLock, "isExclusive">): boolean {
    const isHit = (lock: RangeLock): boolean => lock.owner === owner && lock.start < end && start < lock.end
    const hit = this.locks.filter(isHit)
    if (hit.length === 0) return false
    this.locks = this.locks.filter((lock) => !isHit(lock))
    for (const lock of hit) {
      if (lock.start < start) this.insert({ ...lock, end: start })
      if (lock.end > end) this.insert({ ...lock, start: end })
    }
    return true
  }

  /** What touches, and is of the same kind, becomes one lock, as the kernel tells it. */
  private insert(lock: RangeLock): void {
    const { isExclusive, owner } = lock
    let { end, start } = lock
    const others = this.locks.filter((other) => {
      const joins =
        other.owner === owner && other.isExclusive === isExclusive && other.start <= end && start <= other.end
      if (joins && other.start < start) start = other.start
      if (joins && other.end > end) end = other.end
      return !joins
    })
    this.locks = [...others, { owner, isExclusive, start, end }].sort((a, b) => (a.start < b.start ? -1 : 1))
  }
}
