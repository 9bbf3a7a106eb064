/** The ends of a group's members as a Stream. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Completed } from "./completed.ts"
import type { Group, Listener } from "./group.ts"
import type { GroupMember } from "./groupMember.ts"

/** Ends that may wait for the consumer; with so many, the group starts nothing more. */
const CAPACITY = 1024

type Taken = Effect.Effect<Chunk.Chunk<Completed<unknown>>, Option.Option<never>>

class Results implements Listener {
  private ready: Array<Completed<unknown>> = []
  /** Those of `ready` that have produced descriptors, and their places in it. */
  private obtained: Array<readonly [at: number, member: GroupMember]> = []
  private hasEnded = false
  private waiter: ((taken: Taken) => void) | undefined

  constructor(private readonly group: Group) {}

  get isFull(): boolean {
    return this.ready.length >= CAPACITY
  }

  push(completed: Completed<unknown>, obtained: GroupMember | undefined): void {
    if (obtained !== undefined) this.obtained.push([this.ready.length, obtained])
    this.ready.push(completed)
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
    const { obtained, ready } = this
    if (ready.length === 0) return this.take
    this.ready = []
    this.obtained = []
    for (const [at, member] of obtained) {
      this.group.claim(member)
      // Its descriptor may have been closed with the group.
      ready[at] = { ...ready[at], exit: member.exit! }
    }
    // There is room again.
    if (ready.length >= CAPACITY) this.group.pump()
    return Effect.succeed(Chunk.unsafeFromArray(ready))
  })

  readonly take: Taken = Effect.suspend(() => {
    if (this.obtained.length > 0) return Effect.zipRight(Effect.yieldNow(), this.taken)
    if (this.ready.length > 0) return this.taken
    if (this.hasEnded) return Effect.fail(Option.none())
    return Effect.async((resume) => {
      // The fiber may have yielded since it looked.
      if (this.ready.length > 0 || this.hasEnded) return resume(this.taken)
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
