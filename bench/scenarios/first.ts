/** From building the Layer to the first answer, with nothing running yet: what a command-line program waits for. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Aio } from "effect-aio"
import { PAGE } from "../fixtures.ts"
import { type Figure, median } from "../measure.ts"
import type { Settings } from "../settings.ts"
import { layerOf, type Way } from "../sides/aio.ts"
import { descriptor } from "../sides/fsCallbacks.ts"

const REPEATS = 20

export const first = ({ backends, fixtures }: Settings): Effect.Effect<ReadonlyArray<Figure>, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const fd = yield* descriptor(yield* fixtures.cachedFile)
      const once = (layer: Layer.Layer<Aio.Aio, unknown>) =>
        Effect.scoped(
          Effect.gen(function* () {
            const start = performance.now()
            const context = yield* Layer.build(Layer.fresh(layer))
            yield* Effect.provide(Aio.read(fd, new Uint8Array(PAGE), { offset: 0 }), context)
            return performance.now() - start
          })
        )
      const figures: Array<Figure> = []
      for (const backend of backends) {
        for (const way of ["through", "on the spot"] satisfies ReadonlyArray<Way>) {
          const times: Array<number> = []
          for (let i = 0; i < REPEATS; i++) times.push(yield* once(layerOf(backend, way)))
          figures.push(
            { name: `${backend}, ${way}, median`, unit: "ms", value: median(times) },
            { name: `${backend}, ${way}, slowest`, unit: "ms", value: Math.max(...times) }
          )
        }
      }
      return figures
    })
  )
