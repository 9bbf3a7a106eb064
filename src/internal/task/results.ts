/** The ends of a group's members, for a consumer that takes them. */
import { CompletionBuffer, type CompletionSource, type Ended } from "./completionBuffer.ts"
import type { Group, Listener } from "./group.ts"
import type { GroupMember } from "./groupMember.ts"

/** Ends that may wait for the consumer; with so many, the group starts nothing more. */
const CAPACITY = 1024

export class Results implements Listener, CompletionSource {
  readonly thrown = undefined
  private readonly ready = new CompletionBuffer<GroupMember>()
  private hasEnded = false
  private tell: (() => void) | undefined

  constructor(private readonly group: Group) {
    if (group.isDone) this.end()
    else group.listeners.add(this)
  }

  get isFull(): boolean {
    return this.ready.size >= CAPACITY
  }

  push(ended: Ended, obtained: GroupMember | undefined): void {
    this.ready.push(ended, obtained)
    this.told()
  }

  end(): void {
    this.hasEnded = true
    this.told()
  }

  private told(): void {
    const { tell } = this
    this.tell = undefined
    tell?.()
  }

  look(): "ready" | "waiting" | "ended" {
    return this.ready.size > 0 ? "ready" : this.hasEnded ? "ended" : "waiting"
  }

  get hasOwnerNext(): boolean {
    return this.ready.hasOwnerNext
  }

  take(): ReadonlyArray<Ended> {
    const wasFull = this.isFull
    const { ends, owner } = this.ready.take()
    if (owner !== undefined) {
      this.group.claim(owner)
      // Its descriptor may have been closed with the group.
      ends[0] = { ...ends[0], end: owner.end }
    }
    // There is room again.
    if (wasFull) this.group.pump()
    return ends
  }

  whenReady(tell: (() => void) | undefined): void {
    this.tell = tell
  }

  close(): void {
    this.group.listeners.delete(this)
    this.group.pump()
  }
}
