/** What a Layer costs: built, released. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Figure, median, seconds } from "../measure.ts"
import type { Settings } from "../settings.ts"
import { layerOf } from "../sides/aio.ts"

const REPEATS = 50

export const layer = ({ backends }: Settings): Effect.Effect<ReadonlyArray<Figure>, unknown> =>
  Effect.map(
    Effect.forEach(backends, (backend) =>
      Effect.gen(function* () {
        const times: Array<number> = []
        for (let i = 0; i < REPEATS; i++) {
          times.push(1000 * (yield* seconds(Effect.scoped(Layer.build(Layer.fresh(layerOf(backend)))))))
        }
        return [
          { name: `${backend}, first`, unit: "ms", value: times[0] },
          { name: `${backend}, median`, unit: "ms", value: median(times) },
          { name: `${backend}, slowest`, unit: "ms", value: Math.max(...times) }
        ]
      })
    ),
    (figures) => figures.flat()
  )
