/** The ends of a group's members as a Stream. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Ends } from "../task/completionBuffer.ts"
import type { Group, Listener } from "../task/group.ts"
import type { GroupMember } from "../task/groupMember.ts"
import type { Completed } from "../task/window.ts"

/** Ends that may wait for the consumer; with so many, the group starts nothing more. */
const CAPACITY = 1024

type Taken = Effect.Effect<Chunk.Chunk<Completed<unknown>>, Option.Option<never>>

class Results implements Listener {
  private readonly ready = new Ends<GroupMember>()
  private hasEnded = false
  private waiter: ((taken: Taken) => void) | undefined

  constructor(private readonly group: Group) {}

  get isFull(): boolean {
    return this.ready.size >= CAPACITY
  }

  push(completed: Completed<unknown>, obtained: GroupMember | undefined): void {
    this.ready.push(completed, obtained)
    this.tell()
  }

  end(): void {
    this.hasEnded = true
    this.tell()
  }

  private tell(): void {
    const { waiter } = this
    this.waiter = undefined
    waiter?.(this.taken)
  }

  /** For a fiber that has just been resumed: it does not yield before the Stream's consumer has what it takes here. */
  private readonly taken: Taken = Effect.suspend(() => {
    const { group, ready } = this
    if (ready.size === 0) return this.take
    const wasFull = this.isFull
    const { ends, owner } = ready.take()
    if (owner !== undefined) {
      group.claim(owner)
      // Its descriptor may have been closed with the group.
      ends[0] = { ...ends[0], exit: owner.exit! }
    }
    // There is room again.
    if (wasFull) group.pump()
    return Effect.succeed(Chunk.unsafeFromArray(ends))
  })

  readonly take: Taken = Effect.suspend(() => {
    if (this.ready.hasOwnerNext) return Effect.zipRight(Effect.yieldNow(), this.taken)
    if (this.ready.size > 0) return this.taken
    if (this.hasEnded) return Effect.fail(Option.none())
    return Effect.async((resume) => {
      // The fiber may have yielded since it looked.
      if (this.ready.size > 0 || this.hasEnded) return resume(this.taken)
      this.waiter = resume
      return Effect.sync(() => {
        this.waiter = undefined
      })
    })
  })
}

export const resultsOf = (group: Group): Stream.Stream<Completed<unknown>> =>
  Stream.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const results = new Results(group)
          if (group.isDone) results.end()
          else group.listeners.add(results)
          return results
        }),
        (results) =>
          Effect.sync(() => {
            group.listeners.delete(results)
            group.pump()
          })
      ),
      (results) => Stream.repeatEffectChunkOption(results.take)
    )
  )
