/**
 * A number of requests with a fixed number of them under way: the same loop in the three styles of the sides. `sizeOf` tells the
 * bytes that an answer stands for.
 *
 * Nothing here makes a closure per request: the TypeScript loader gives every function that has a name its name anew each time
 * it is made, which costs more than some of the requests that are measured.
 */
import * as Effect from "effect/Effect"

/** Indices of the workers. */
export const range = (length: number): ReadonlyArray<number> => Array.from({ length }, (_, index) => index)

/**
 * Fibers that loop. Not `Effect.forEach` over the requests: that starts a fiber for each one, and would measure Effect (370k/s
 * instead of 650k/s at depth 64).
 */
export const fibers = <A, E, R>(
  depth: number,
  requests: number,
  request: (index: number, worker: number) => Effect.Effect<A, E, R>,
  sizeOf: (answer: A) => number
): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    let next = 0
    let sum = 0
    const step = (answer: A): void => {
      sum += sizeOf(answer)
    }
    const more = (): boolean => next < requests
    const worker = (worker: number): Effect.Effect<void, E, R> =>
      Effect.whileLoop({ while: more, body: () => request(next++, worker), step })
    return Effect.map(Effect.forEach(range(depth), worker, { concurrency: "unbounded", discard: true }), () => sum)
  })

export type Done<A> = (error: Error | null, answer: A) => void

/** Callbacks, each of which starts the next request. */
export const callbacks = <A>(
  depth: number,
  requests: number,
  request: (index: number, worker: number, done: Done<A>) => void,
  sizeOf: (answer: A) => number
): Effect.Effect<number, Error> =>
  // Uninterruptible: the loop would go on in files that are closed.
  Effect.uninterruptible(
    Effect.async((resume) => {
      let next = 0
      let ended = 0
      let sum = 0
      for (const worker of range(Math.min(depth, requests))) {
        const done: Done<A> = (error, answer) => {
          if (error !== null && error !== undefined) return resume(Effect.fail(error))
          sum += sizeOf(answer)
          if (++ended === requests) resume(Effect.succeed(sum))
          else if (next < requests) request(next++, worker, done)
        }
        request(next++, worker, done)
      }
    })
  )

/** Async functions that loop. */
export const promises = <A>(
  depth: number,
  requests: number,
  request: (index: number, worker: number) => Promise<A>,
  sizeOf: (answer: A) => number
): Effect.Effect<number, unknown> =>
  Effect.uninterruptible(
    Effect.tryPromise({
      try: async () => {
        let next = 0
        let sum = 0
        const loop = async (worker: number): Promise<void> => {
          while (next < requests) {
            const answer = await request(next++, worker)
            sum += sizeOf(answer)
          }
        }
        await Promise.all(range(depth).map(loop))
        return sum
      },
      catch: (cause) => cause
    })
  )

/** One after the other, with nothing else running. */
export const inTurn = (requests: number, request: (index: number) => number): Effect.Effect<number, unknown> =>
  Effect.try({
    try: () => {
      let sum = 0
      for (let index = 0; index < requests; index++) sum += request(index)
      return sum
    },
    catch: (cause) => cause
  })
