/** The ends of a group's members, for a consumer that takes them. */
import type { Failed } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { type Complete, CompletionBuffer, type CompletionSource } from "./completionBuffer.ts"
import type { Group, Listener } from "./group.ts"
import type { GroupMember } from "./groupMember.ts"

/** Ends that may wait for the consumer. With so many, the group starts no more requests. */
const CAPACITY = 1024

export class Results<C> implements Listener, CompletionSource<C> {
  readonly thrown = undefined
  private readonly ready = new CompletionBuffer<GroupMember, C>()
  private hasEnded = false
  private tell: (() => void) | undefined

  constructor(
    private readonly group: Group,
    private readonly complete: Complete<C>
  ) {
    if (group.isDone) this.end()
    else group.listeners.add(this)
  }

  get isFull(): boolean {
    return this.ready.size >= CAPACITY
  }

  push(index: number, operation: Operation<any>, end: unknown | Failed, obtained: GroupMember | undefined): void {
    this.ready.push(this.complete(index, operation, end), obtained)
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

  take(): ReadonlyArray<C> {
    const wasFull = this.isFull
    const { completions, owner } = this.ready.take()
    if (owner !== undefined) {
      this.group.claim(owner)
      // Its descriptor may have been closed with the group.
      completions[0] = this.complete(owner.index, owner.operation, owner.end)
    }
    // There is room again.
    if (wasFull) this.group.pump()
    return completions
  }

  whenReady(tell: (() => void) | undefined): void {
    this.tell = tell
  }

  close(): void {
    this.group.listeners.delete(this)
    this.group.pump()
  }
}
