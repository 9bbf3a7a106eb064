/** The process that counts: `process.ts ROWS BACKEND...`, where ROWS is a regular expression. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { type Fixtures, makeFixtures } from "../fixtures.ts"
import { scenarios } from "../scenarios.ts"
import type { Settings } from "../settings.ts"
import { type BackendName, decree, layerOf } from "../sides/aio.ts"
import { type Counts, counted } from "./counts.ts"
import type { Message } from "./protocol.ts"
import { BIG_FILE, rowsOf, SMALL_FILES } from "./workloads.ts"

const [pattern, ...backends] = process.argv.slice(2) as [string, ...Array<BackendName>]

const tell = (message: Message): Effect.Effect<void> =>
  Effect.async((resume) => {
    process.send!(message, () => resume(Effect.void))
  })

const count = (settings: Settings, scenario: string, requests: number): Effect.Effect<Counts, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const found = scenarios(false).find(({ name }) => name === scenario)
      if (found?.kind !== "comparison") return yield* Effect.fail(`there is no comparison named ${scenario}`)
      const comparison = yield* found.make(settings)
      yield* settings.fixtures.warm
      const run = yield* comparison.sides[0].open
      yield* run(requests)
      const sample = yield* run(requests)
      return yield* counted(run, requests, (sample.switches ?? 0) / sample.requests)
    })
  )

const countOn = (fixtures: Fixtures, backend: BackendName): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    const available = yield* Effect.exit(Effect.scoped(Layer.build(layerOf(backend))))
    if (Exit.isFailure(available)) {
      const [reason] = Cause.pretty(available.cause).split("\n", 1)
      return yield* tell({ kind: "unavailable", backend, reason })
    }
    const settings: Settings = { fixtures, effort: { rounds: 3, interval: 0 }, backends: [backend] }
    const rows = new RegExp(pattern)
    for (const { requests, row, scenario, way } of rowsOf()) {
      if (!rows.test(row)) continue
      const counts = yield* Effect.locally(count(settings, scenario, requests), decree, way)
      yield* tell({ kind: "row", backend, row, counts })
    }
  })

const program = Effect.flatMap(makeFixtures({ smallFiles: SMALL_FILES, bigFile: BIG_FILE }, false), (fixtures) =>
  Effect.forEach(backends, (backend) => countOn(fixtures, backend), { discard: true })
)

// A signal that ends it removes the files, too.
NodeRuntime.runMain(Effect.andThen(Effect.scoped(program), () => process.disconnect()))
