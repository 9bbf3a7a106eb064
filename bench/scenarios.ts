/** Everything that can be measured, by name. */
import type * as Effect from "effect/Effect"
import { missing } from "./coldDisk.ts"
import type { Comparison, Figure, Table } from "./measure.ts"
import * as cold from "./scenarios/cold.ts"
import { budget, delay } from "./scenarios/delay.ts"
import * as files from "./scenarios/files.ts"
import * as filesystem from "./scenarios/filesystem.ts"
import { first } from "./scenarios/first.ts"
import * as groups from "./scenarios/groups.ts"
import { layer } from "./scenarios/layer.ts"
import { log } from "./scenarios/log.ts"
import { million } from "./scenarios/million.ts"
import * as reads from "./scenarios/reads.ts"
import { sendfile } from "./scenarios/sendfile.ts"
import { lent, stream } from "./scenarios/stream.ts"
import { threads } from "./scenarios/threads.ts"
import * as trees from "./scenarios/trees.ts"
import { waits } from "./scenarios/waits.ts"
import * as ways from "./scenarios/ways.ts"
import type { Settings } from "./settings.ts"
import type { BackendName } from "./sides/aio.ts"

export type Scenario = {
  /** It is about this backend alone. */
  readonly backend?: BackendName
} & (
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
  | {
      readonly kind: "table"
      readonly name: string
      readonly title: string
      readonly make: (settings: Settings) => Effect.Effect<Table, unknown>
    }
)

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
  ...byDepth("through", reads.throughDepths, reads.through),
  ...byDepth("ways-reads", ways.depths, ways.ofReads),
  ...byDepth("ways-stats", ways.depths, ways.ofStats),
  ...byDepth("engine", [64], reads.engine),
  ...byDepth("direct", quick ? [64, 256] : reads.depths, reads.direct),
  ...byDepth("load", quick ? [16] : files.depths, files.load),
  ...byDepth("stat", files.depths, files.stat),
  ...(missing === undefined ? cold.scenarios : []),
  { kind: "comparison", name: "stream", make: stream },
  { kind: "comparison", name: "stream-lent", make: lent },
  ...filesystem.scenarios(quick),
  { kind: "comparison", name: "tree-scan", make: trees.scan },
  { kind: "comparison", name: "tree-copy", make: trees.copy },
  { kind: "comparison", name: "tree-remove", make: trees.remove },
  { kind: "comparison", name: "log", make: log },
  { kind: "comparison", name: "sendfile", make: sendfile },
  { kind: "comparison", name: "group-batch", make: groups.batches },
  { kind: "comparison", name: "group-prepared", make: groups.prepared },
  { kind: "comparison", name: "group-linked", make: groups.chains },
  { kind: "comparison", name: "group-feed", make: groups.feeds },
  { kind: "comparison", name: "group-observed", make: groups.observed },
  {
    kind: "figures",
    name: "million",
    title: "Requests outstanding at once, without Effect",
    make: million,
    backend: "io_uring"
  },
  { kind: "figures", name: "layer", title: "Building and releasing the Layer", make: layer },
  { kind: "figures", name: "first", title: "From building the Layer to the first answer", make: first },
  { kind: "figures", name: "threads", title: "Threads that wait", make: threads, backend: "threads" },
  { kind: "figures", name: "waits", title: "Ten thousand fibers that wait to read", make: waits },
  {
    kind: "table",
    name: "delay",
    title: "How late a timer of 1 ms is beside reads of 4 KiB, 64 at a time",
    make: delay
  },
  {
    kind: "table",
    name: "budget",
    title: "Limits of what is answered on the spot in a turn, and how late a timer of 1 ms is",
    make: budget
  }
]
