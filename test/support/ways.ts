/** Layers whose requests go one way, whatever that costs, for tests that are about it. */
import { Context, Effect, Layer } from "effect"
import { Aio, type AioError } from "effect-aio"
import { engineOf } from "../../src/internal/effect/service.ts"
import type { Way } from "../../src/internal/engine/ways.ts"

/** `seed` is for `"at random"`. */
export const goingOne = <R>(
  way: Way | undefined,
  layer: Layer.Layer<R | Aio.Aio, AioError.AioUnavailable>,
  seed = 1
): Layer.Layer<R | Aio.Aio, AioError.AioUnavailable> =>
  way === undefined
    ? layer
    : Layer.tap(layer, (context) =>
        Effect.sync(() =>
          engineOf(Context.get(context as Context.Context<Aio.Aio>, Aio.Aio)).attempts.ways.fix(way, seed)
        )
      )
