/**
 * Chains of linked entries that the kernel has not taken yet.
 *
 * A chain ends where a submission ends. If the kernel takes only a part of it (no memory for the next request), the rest would be a chain
 * of its own in the next call, and run whether or not the first part has succeeded. So the rest is turned into entries that do nothing, and
 * reported as cancelled. The engine then runs these members one by one.
 */
import type { Slot } from "../../engine/request.ts"
import type { Ring } from "./ring.ts"

interface Chain {
  readonly start: number
  readonly submissions: ReadonlyArray<Slot>
}

export class Chains {
  private waiting: Array<Chain> = []
  private readonly cut = new Set<Slot>()

  constructor(private readonly ring: Ring) {}

  /** The entries of a chain are about to be written, one after the other. */
  begin(submissions: ReadonlyArray<Slot>): void {
    this.waiting.push({ start: this.ring.position, submissions })
  }

  /** The kernel has taken entries, perhaps not all. */
  afterEnter(): void {
    if (this.waiting.length === 0) return
    const taken = this.ring.position - this.ring.unsubmitted
    for (const { start, submissions } of this.waiting) {
      if (taken <= start) continue
      for (let at = taken - start; at < submissions.length; at++) {
        this.ring.blank(start + at)
        this.cut.add(submissions[at])
      }
    }
    this.waiting = this.waiting.filter(({ start }) => taken <= start)
  }

  /** The kernel takes no more entries: returns those of the waiting chains that are not the first of their chain. */
  giveUp(): ReadonlySet<Slot> {
    const followers = new Set<Slot>(this.cut)
    for (const { submissions } of this.waiting) for (const submission of submissions.slice(1)) followers.add(submission)
    this.waiting = []
    return followers
  }

  /** Whether this completion is of an entry that was turned into one that does nothing. */
  wasCut(submission: Slot): boolean {
    return this.cut.size > 0 && this.cut.delete(submission)
  }
}
