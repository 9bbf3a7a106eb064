/** What a Layer's first requests wait for. Starting threads is none of it. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Aio, AioDirectory } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { quickest } from "../../support/patience.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const DIRECTORIES = 40

/** How long `requests` take on a Layer that is just there. */
const onFresh = <E>(layer: Layer.Layer<Aio.Aio, E>, requests: Effect.Effect<unknown, unknown, Aio.Aio>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const context = yield* Layer.build(Layer.fresh(layer))
      const start = performance.now()
      yield* Effect.provide(requests, context)
      return performance.now() - start
    })
  )

for (const { layer, name } of realBackends) {
  it.scopedLive(`${name}: the first answer of the pool within 5 ms, those about forty directories within 15`, () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const paths = Array.from({ length: DIRECTORIES }, (_, index) => join(directory, `${index}`))
      for (const path of paths) {
        mkdirSync(path)
        writeFileSync(join(path, "file"), "")
      }
      expect(yield* quickest(5, onFresh(layer, Aio.statvfs(directory)))).toBeLessThan(5)
      const forty = Effect.forEach(paths, (path) => AioDirectory.read(path), { concurrency: DIRECTORIES })
      expect(yield* quickest(15, onFresh(layer, forty))).toBeLessThan(15)
    })
  )
}
