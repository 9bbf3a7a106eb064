/**
 * Each request of a Layer as an event: the completions as a Stream, or, within a part of a program, each request as a span of Effect's
 * tracer. Both tell of single requests as they end, and so stand in one module; sums of requests are metrics, see `AioMetrics`.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { AioBadArgument } from "./AioError.ts"
import { attempt, checkCount, checkWord, withArguments } from "./internal/effect/arguments.ts"
import type { CompletionEvent } from "./internal/effect/completions.ts"
import { type Aio, withEngine } from "./internal/effect/service.ts"
import { subscribe } from "./internal/effect/subscription.ts"
import { optionsReader } from "./internal/engine/options.ts"

export { withSpans } from "./internal/effect/spans.ts"
export type { CompletionEvent }

/**
 * What `completions` does with a slow consumer.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompletionsOptions {
  /**
   * `"sliding"`, the default: the oldest completions that wait for the consumer are dropped. `"backpressure"`: none is dropped. While
   * `capacity` completions wait, the engine delivers no more to any fiber, except to fibers that are interrupted. A consumer with
   * back-pressure must not wait for requests of the Layer that it observes: they would wait for it.
   */
  readonly strategy?: "sliding" | "backpressure" | undefined
  /** Completions that may wait for the consumer. Default 16384. */
  readonly capacity?: number | undefined
}

const readOptions = optionsReader<CompletionsOptions & { readonly scoped?: boolean | undefined }>({
  strategy: true,
  capacity: true,
  scoped: true
})

/**
 * The end of every request, including those that are finished without waiting; all ends of one turn of the event loop as one chunk. For any
 * number of subscribers, until the Layer is closed. With no subscriber it costs nothing.
 *
 * Requests that were submitted while there was no subscriber are left out: with a Stream that was just forked, the first ones. With
 * `scoped: true` it is an Effect, after which the Stream has subscribed, until the Scope closes: nothing that comes later is missed.
 *
 * @since 0.1.0
 * @category streams
 * @example
 * import { Console, Effect, Stream } from "effect"
 * import { AioEvents } from "effect-aio"
 *
 * const logSlow = Effect.gen(function*() {
 *   const completions = yield* AioEvents.completions({ scoped: true })
 *   yield* Effect.forkScoped(
 *     Stream.runForEach(completions, ({ operation, total }) =>
 *       total > 100 ? Console.log(`${operation} took ${total} ms`) : Effect.void)
 *   )
 * })
 */
export const completions: {
  (
    options: CompletionsOptions & { readonly scoped: true }
  ): Effect.Effect<Stream.Stream<CompletionEvent>, AioBadArgument, Aio | Scope.Scope>
  (
    options?: CompletionsOptions & { readonly scoped?: false | undefined }
  ): Stream.Stream<CompletionEvent, AioBadArgument, Aio>
} = (options?: CompletionsOptions & { readonly scoped?: boolean | undefined }): any => {
  // Whether it is a Stream or an Effect has to be known now. Wrong options are told when it runs.
  const given = attempt(() => readOptions(options))
  const subscribed = withArguments(
    "completions",
    () => {
      const { capacity, strategy = "sliding" } = given()
      return {
        capacity: checkCount("capacity", capacity, 1) ?? 16384,
        strategy: checkWord("strategy", strategy, ["sliding", "backpressure"])
      }
    },
    ({ capacity, strategy }) => withEngine((engine) => subscribe(engine, strategy, capacity))
  )
  return given.value?.scoped === true ? subscribed : Stream.unwrapScoped(subscribed)
}
