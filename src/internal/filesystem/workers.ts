/** Bounded parallelism for recursion: fibers are shared by the whole walk, whatever the shape of the tree. */
import * as Effect from "effect/Effect"

/**
 * A fiber that walks into a directory works on its subdirectories itself, with as many more fibers as are free at that moment. No fiber
 * waits until another one is free, so that they cannot wait for each other.
 */
export class Workers {
  private free: number

  constructor(parallel: number) {
    this.free = parallel - 1
  }

  forEach<A, E, R>(items: ReadonlyArray<A>, use: (item: A) => Effect.Effect<unknown, E, R>): Effect.Effect<void, E, R> {
    return Effect.suspend(() => {
      if (items.length === 0) return Effect.void
      if (items.length === 1) return Effect.asVoid(use(items[0]))
      let next = 0
      const work = Effect.whileLoop({
        while: () => next < items.length,
        body: () => use(items[next++]),
        step: () => {}
      })
      const more = Math.min(this.free, items.length - 1)
      if (more === 0) return work
      this.free -= more
      const all = Effect.forEach(Array.from({ length: more + 1 }), () => work, {
        concurrency: "unbounded",
        discard: true
      })
      return Effect.ensuring(
        all,
        Effect.sync(() => {
          this.free += more
        })
      )
    })
  }
}
