/** Everything that can be measured, by name. */
import type * as Effect from "effect/Effect"
import type { Comparison, Figure } from "./measure.ts"
import * as files from "./scenarios/files.ts"
import * as groups from "./scenarios/groups.ts"
import { layer } from "./scenarios/layer.ts"
import { million } from "./scenarios/million.ts"
import * as reads from "./scenarios/reads.ts"
import { stream } from "./scenarios/stream.ts"
import type { Settings } from "./settings.ts"

export type Scenario =
  | {
      readonly kind: "comparison"
      readonly name: string
      readonly make: (settings: Settings) => Effect.Effect<Comparison>
    }
  | {
      readonly kind: "figures"
      readonly name: string
      readonly title: string
      readonly make: (settings: Settings) => Effect.Effect<ReadonlyArray<Figure>, unknown>
    }

const byDepth = (
  name: string,
  depths: ReadonlyArray<number>,
  make: (settings: Settings, depth: number) => Effect.Effect<Comparison>
): ReadonlyArray<Scenario> =>
  depths.map((depth) => ({
    kind: "comparison",
    name: `${name}-${depth}`,
    make: (settings) => make(settings, depth)
  }))

/** A quick run leaves out depths that no target is about. */
export const scenarios = (quick: boolean): ReadonlyArray<Scenario> => [
  ...byDepth("cached", quick ? [1, 64] : reads.depths, reads.cached),
  ...byDepth("direct", quick ? [256] : reads.depths, reads.direct),
  ...byDepth("load", quick ? [16] : files.depths, files.load),
  ...byDepth("stat", quick ? [16] : files.depths, files.stat),
  { kind: "comparison", name: "stream", make: stream },
  { kind: "comparison", name: "group-batch", make: groups.batches },
  { kind: "comparison", name: "group-prepared", make: groups.prepared },
  { kind: "comparison", name: "group-linked", make: groups.chains },
  { kind: "comparison", name: "group-feed", make: groups.feeds },
  { kind: "comparison", name: "group-observed", make: groups.observed },
  { kind: "figures", name: "million", title: "Requests outstanding at once, without Effect", make: million },
  { kind: "figures", name: "layer", title: "Building and releasing the Layer", make: layer }
]
