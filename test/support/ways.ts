/** Layers whose requests go one way, whatever that costs, for tests that are about it. */
import { type Context, Effect, Layer } from "effect"
import type { Aio, AioError } from "effect-aio"
import { currentEngine } from "../../src/internal/effect/service.ts"
import type { Way } from "../../src/internal/engine/ways.ts"

export type { Way }

/** All requests from here on; `undefined`: the cheaper one again. `seed` is for `"at random"`. */
export const goOneWay = (way: Way | undefined, seed = 1): Effect.Effect<void, never, Aio.Aio> =>
  Effect.map(currentEngine, ({ attempts }) => attempts.ways.fix(way, seed))

/** All requests of a Layer. */
export const goingOne = <R>(
  way: Way | undefined,
  layer: Layer.Layer<R | Aio.Aio, AioError.AioUnavailable>,
  seed = 1
): Layer.Layer<R | Aio.Aio, AioError.AioUnavailable> =>
  way === undefined
    ? layer
    : Layer.tap(layer, (context) => Effect.provide(goOneWay(way, seed), context as Context.Context<Aio.Aio>))

/** The cheaper one, also where the suite runs with a way that is decreed. */
export const choosing = <R>(
  layer: Layer.Layer<R | Aio.Aio, AioError.AioUnavailable>
): Layer.Layer<R | Aio.Aio, AioError.AioUnavailable> =>
  Layer.tap(layer, (context) => Effect.provide(goOneWay(undefined), context as Context.Context<Aio.Aio>))
