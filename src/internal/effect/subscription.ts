/** One subscriber of the completions, as a Stream. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Engine } from "../engine/engine.ts"
import { type CompletionEvent, Completions, type Listener } from "./completions.ts"

/** What happens when a subscriber is slow: it misses the oldest events, or all fibers wait for it. */
export type Strategy = "sliding" | "backpressure"

type Taken = Effect.Effect<Chunk.Chunk<CompletionEvent>, Option.Option<never>>

class Subscription implements Listener {
  /** Arrays of a turn's events, as they were handed over: shared with other subscribers, and never changed. */
  private ready: Array<ReadonlyArray<CompletionEvent>> = []
  private count = 0
  private readonly waiters = new Set<(taken: Taken) => void>()
  private hasEnded = false
  private stop: (() => void) | undefined

  constructor(
    private readonly engine: Engine,
    private readonly strategy: Strategy,
    private readonly capacity: number
  ) {
    this.stop = Completions.listen(engine, this)
  }

  get room(): number {
    return this.strategy === "sliding" ? Number.POSITIVE_INFINITY : Math.max(0, this.capacity - this.count)
  }

  push(events: ReadonlyArray<CompletionEvent>): void {
    this.ready.push(events)
    this.count += events.length
    if (this.strategy === "sliding" && this.count > this.capacity) this.slide()
    this.tell()
  }

  /** Drops the oldest events. */
  private slide(): void {
    let surplus = this.count - this.capacity
    this.count = this.capacity
    let turns = 0
    while (surplus >= this.ready[turns].length) surplus -= this.ready[turns++].length
    this.ready.splice(0, turns)
    if (surplus > 0) this.ready[0] = this.ready[0].slice(surplus)
  }

  end(): void {
    this.hasEnded = true
    this.tell()
  }

  private tell(): void {
    const waiters = [...this.waiters]
    this.waiters.clear()
    // The first fiber gets the events, the others wait again.
    for (const resume of waiters) resume(this.take)
  }

  readonly take: Taken = Effect.suspend(() => {
    if (this.count > 0) {
      const events = this.ready.length === 1 ? this.ready[0] : this.ready.flat()
      const wasFull = this.room === 0
      this.ready = []
      this.count = 0
      if (wasFull) this.engine.resume()
      return Effect.succeed(Chunk.unsafeFromArray(events))
    }
    if (this.hasEnded) return Effect.fail(Option.none())
    return Effect.async((resume) => {
      // The fiber may have yielded since it looked.
      if (this.count > 0 || this.hasEnded) return resume(this.take)
      this.waiters.add(resume)
      return Effect.sync(() => {
        this.waiters.delete(resume)
      })
    })
  })

  /** A fiber that takes after this gets the events that are left, and the end. */
  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.stop?.()
    this.stop = undefined
    this.end()
  })
}

/** Subscribes when the Effect runs, until the Scope closes. */
export const subscribe = (
  engine: Engine,
  strategy: Strategy,
  capacity: number
): Effect.Effect<Stream.Stream<CompletionEvent>, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Subscription(engine, strategy, capacity)),
      ({ close }) => close
    ),
    ({ take }) => Stream.repeatEffectChunkOption(take)
  )
