/** One subscriber of the completions, as a Stream. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Engine } from "../engine/engine.ts"
import { type Completion, Completions, type Listener } from "./completions.ts"

/** What happens to whom when a subscriber is slow: it misses the oldest events, or everybody waits for it. */
export type Strategy = "sliding" | "backpressure"

type Taken = Effect.Effect<Chunk.Chunk<Completion>, Option.Option<never>>

class Subscription implements Listener {
  private ready: Array<Completion> = []
  private waiter: ((taken: Taken) => void) | undefined
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
    return this.strategy === "sliding" ? Number.POSITIVE_INFINITY : Math.max(0, this.capacity - this.ready.length)
  }

  push(events: ReadonlyArray<Completion>): void {
    for (const event of events) this.ready.push(event)
    // Cut now and then, not each time: it copies what stays.
    if (this.strategy === "sliding" && this.ready.length > 2 * this.capacity) this.slide()
    this.tell()
  }

  end(): void {
    this.hasEnded = true
    this.tell()
  }

  /** Drops the oldest. */
  private slide(): void {
    if (this.ready.length > this.capacity) this.ready = this.ready.slice(this.ready.length - this.capacity)
  }

  private tell(): void {
    const { waiter } = this
    this.waiter = undefined
    waiter?.(this.take)
  }

  readonly take: Taken = Effect.suspend(() => {
    if (this.strategy === "sliding") this.slide()
    const { ready } = this
    if (ready.length > 0) {
      const wasFull = this.room === 0
      this.ready = []
      if (wasFull) this.engine.resume()
      return Effect.succeed(Chunk.unsafeFromArray(ready))
    }
    if (this.hasEnded) return Effect.fail(Option.none())
    return Effect.async((resume) => {
      this.waiter = resume
      return Effect.sync(() => {
        this.waiter = undefined
      })
    })
  })

  readonly close: Effect.Effect<void> = Effect.sync(() => {
    this.ready = []
    this.stop?.()
    this.stop = undefined
  })
}

export const subscribe = (engine: Engine, strategy: Strategy, capacity: number): Stream.Stream<Completion> =>
  Stream.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new Subscription(engine, strategy, capacity)),
        ({ close }) => close
      ),
      ({ take }) => Stream.repeatEffectChunkOption(take)
    )
  )
