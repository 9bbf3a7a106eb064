/** What a group starts next: members in the order in which they were added, then its feeds, in turn. */
import { LATER } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import type { Feed } from "./feed.ts"
import type { GroupMember } from "./groupMember.ts"
import { transferSize } from "./transfers.ts"

/** The next to be started: a member, or an operation of a feed, which becomes a member if it has to wait. */
export interface Next {
  readonly operation: Operation<any>
  readonly member: GroupMember | undefined
  readonly feed: Feed | undefined
}

/** Places that are cut off the front of the list at once: a shift for each would move all the others. */
const PIECE = 1024

export class Pending {
  /** Members that wait, from index `head` on. */
  private members: Array<GroupMember> = []
  private head = 0
  readonly feeds: Array<Feed> = []
  private turn = 0
  /** The next one, put back because there was no room for it. */
  held: Next | undefined

  add(member: GroupMember): void {
    this.members.push(member)
  }

  /** Members that have not been started. Cancelled ones keep their place until it is their turn. */
  get waiting(): number {
    let waiting = this.held?.member === undefined ? 0 : 1
    for (let i = this.head; i < this.members.length; i++) if (this.members[i].end === LATER) waiting++
    return waiting
  }

  /** Bytes of the one that was put back, for rates. */
  get heldBytes(): number {
    return this.held === undefined ? 0 : sizeOf(this.held)
  }

  /** The next to be started. `ended`: called for each feed that turns out to have nothing more. */
  take(ended: (feed: Feed) => void): Next | undefined {
    const { held } = this
    if (held !== undefined) {
      this.held = undefined
      return held
    }
    return this.head < this.members.length ? this.nextMember() : this.nextFed(ended)
  }

  private nextMember(): Next {
    const member = this.members[this.head++]
    if (this.head > PIECE && this.head * 2 > this.members.length) {
      this.members = this.members.slice(this.head)
      this.head = 0
    }
    // The last member: the list must not keep its buffer when it has ended.
    if (this.head === this.members.length) this.clear()
    return { operation: member.operation, member, feed: undefined }
  }

  private nextFed(ended: (feed: Feed) => void): Next | undefined {
    // A feed that ends leaves the list during this loop.
    const { feeds } = this
    for (let i = feeds.length; i > 0 && feeds.length > 0; i--) {
      const feed = feeds[this.turn++ % feeds.length]
      const operation = feed.pull()
      if (operation !== undefined) return { operation, member: undefined, feed }
      ended(feed)
    }
    return undefined
  }

  /** Takes out all members that wait. */
  takeAll(): Array<GroupMember> {
    const all = this.members.slice(this.head)
    const held = this.held?.member
    if (held !== undefined) all.push(held)
    this.clear()
    this.held = undefined
    return all
  }

  private clear(): void {
    this.members = []
    this.head = 0
  }

  /** A feed gives no more. */
  leave(feed: Feed): void {
    const at = this.feeds.indexOf(feed)
    if (at !== -1) this.feeds.splice(at, 1)
  }
}

/** Bytes, for rates. */
export const sizeOf = ({ operation }: Next): number => transferSize(operation) ?? 0
