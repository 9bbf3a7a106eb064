/** The ends of a group's members as a Stream. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Completed } from "./completed.ts"
import type { Group, Listener } from "./group.ts"

/** Ends that may wait for the consumer; with so many, the group starts nothing more. */
const CAPACITY = 1024

type Taken = Effect.Effect<Chunk.Chunk<Completed<unknown>>, Option.Option<never>>

class Results implements Listener {
  private ready: Array<Completed<unknown>> = []
  private hasEnded = false
  private waiter: ((taken: Taken) => void) | undefined

  constructor(private readonly group: Group) {}

  get isFull(): boolean {
    return this.ready.length >= CAPACITY
  }

  push(completed: Completed<unknown>): void {
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
    waiter?.(this.take)
  }

  readonly take: Taken = Effect.suspend(() => {
    const { ready } = this
    if (ready.length > 0) {
      this.ready = []
      // There is room again.
      if (ready.length >= CAPACITY) this.group.pump()
      return Effect.succeed(Chunk.unsafeFromArray(ready))
    }
    if (this.hasEnded) return Effect.fail(Option.none())
    return Effect.async((resume) => {
      // The fiber may have given way to others since it looked.
      if (this.ready.length > 0 || this.hasEnded) return resume(this.take)
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
