/** The handle that a program has for a request in a group. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Option from "effect/Option"
import type { AioFailure } from "../../AioError.ts"
import type { Handle } from "../../AioGroup.ts"
import { type Failed, LATER } from "../engine/failed.ts"
import type { Group } from "../task/group.ts"
import type { GroupMember } from "../task/groupMember.ts"
import { exitOf } from "./exits.ts"
import { type AioOperation, seenOf } from "./publicOperation.ts"

/** A source that tells of its end, and can be asked not to. */
interface Watched {
  whenEnded(watcher: () => void): void
  forget(watcher: () => void): void
}

/** Waits for the end. A fiber that is interrupted leaves no callback behind. */
export const endOf = (watched: Watched): Effect.Effect<void> =>
  Effect.async((resume) => {
    const watcher = () => resume(Effect.void)
    watched.whenEnded(watcher)
    return Effect.sync(() => watched.forget(watcher))
  })

/** Waits for a callback. */
export const until = (register: (done: () => void) => void): Effect.Effect<void> =>
  Effect.async((resume) => register(() => resume(Effect.void)))

export class HandleImpl<A> implements Handle<A> {
  constructor(
    private readonly group: Group,
    private readonly member: GroupMember
  ) {}

  /** The Exit made of the latest end: it changes when its descriptor is closed with the group. */
  private known: { readonly end: unknown; readonly exit: Exit.Exit<A, AioFailure> } | undefined

  private get exit(): Exit.Exit<A, AioFailure> | undefined {
    const { end } = this.member
    if (end === LATER) return undefined
    if (this.known === undefined || this.known.end !== end) {
      this.known = { end, exit: exitOf(this.group.engine, end as A | Failed) }
    }
    return this.known.exit
  }

  get operation(): AioOperation<A> {
    return seenOf(this.member.operation)
  }

  toJSON(): unknown {
    return { _id: "AioGroup.Handle", operation: this.member.operation.entry.name, exit: this.exit }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  get result(): Effect.Effect<A, AioFailure> {
    const { member } = this
    return Effect.suspend(() =>
      member.end === LATER ? Effect.zipRight(endOf(member), this.taken) : this.whenResumed(this.taken)
    )
  }

  get poll(): Effect.Effect<Option.Option<Exit.Exit<A, AioFailure>>> {
    return this.whenResumed(
      Effect.sync(() => {
        this.group.claim(this.member)
        return Option.fromNullable(this.exit)
      })
    )
  }

  /** The end of a request that has ended: the fiber that gets it owns its descriptor. */
  private get taken(): Effect.Effect<A, AioFailure> {
    return Effect.suspend(() => {
      this.group.claim(this.member)
      return this.exit!
    })
  }

  /**
   * A descriptor is handed to a fiber that has just been resumed: it does not yield, and is not interrupted, before it has the descriptor.
   */
  private whenResumed<B, E>(effect: Effect.Effect<B, E>): Effect.Effect<B, E> {
    return Effect.suspend(() =>
      this.group.isUnclaimed(this.member) ? Effect.zipRight(Effect.yieldNow(), effect) : effect
    )
  }

  get cancel(): Effect.Effect<void> {
    return Effect.uninterruptible(until((done) => this.group.cancelOne(this.member, done)))
  }
}
