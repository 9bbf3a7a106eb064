/** flock(2): advisory locks of open descriptions on one inode. */

export class Lock {
  private exclusive: object | undefined
  private readonly shared = new Set<object>()

  /** False where the lock of another description excludes it. As on Linux, a conversion gives up the old lock first. */
  take(owner: object, exclusively: boolean): boolean {
    this.drop(owner)
    const others = this.exclusive !== undefined || (exclusively && this.shared.size > 0)
    if (others) return false
    if (exclusively) this.exclusive = owner
    else this.shared.add(owner)
    return true
  }

  /** Returns whether there was a lock. */
  drop(owner: object): boolean {
    if (this.exclusive === owner) {
      this.exclusive = undefined
      return true
    }
    return this.shared.delete(owner)
  }
}
