/**
 * What is counted. Each is the effect-aio side of a scenario of the benchmark, with a fixed number of requests after a warm-up of as many, and
 * with its way fixed: the engine chooses ways by times, and a count must not depend on those.
 *
 * `direct` files, and methods of the FileSystem that nothing can answer on the spot, have one way only.
 */
import type { BackendName, Way } from "../sides/aio.ts"
import type { Kind } from "./table.ts"

export interface Workload {
  /** Its name in scenarios.ts. */
  readonly scenario: string
  readonly requests: number
  readonly ways: ReadonlyArray<Way>
}

const both: ReadonlyArray<Way> = ["on the spot", "through"]
const onTheSpot: ReadonlyArray<Way> = ["on the spot"]
const through: ReadonlyArray<Way> = ["through"]

const workload =
  (ways: ReadonlyArray<Way>, requests: number) =>
  (scenario: string): Workload => ({ scenario, requests, ways })

/** Files of the fixtures. Counts of whole files are taken over all of them. */
export const SMALL_FILES = 1024
/** Mebibytes of the fixtures' big file. */
export const BIG_FILE = 64

export const workloads: ReadonlyArray<Workload> = [
  ...["cached-1", "cached-8"].map(workload(both, 1024)),
  // Whole turns, and enough of them.
  ...["cached-64", "cached-256"].map(workload(both, 4096)),
  ...["direct-1"].map(workload(through, 256)),
  ...["direct-64", "direct-256"].map(workload(through, 2048)),
  ...["load-1", "load-16", "stat-1", "stat-16"].map(workload(both, SMALL_FILES)),
  ...["stream", "stream-lent"].map(workload(both, BIG_FILE)),
  ...["group-batch"].map(workload(both, 4096)),
  ...["fs-load", "fs-stat"].map(workload(both, SMALL_FILES)),
  ...["fs-stream"].map(workload(both, BIG_FILE)),
  ...["fs-reads"].map(workload(both, 2048)),
  ...["fs-access", "fs-exists"].map(workload(both, 512)),
  ...["fs-write", "fs-remove"].map(workload(onTheSpot, SMALL_FILES)),
  ...["fs-openAndClose", "fs-readDirectory", "fs-makeAndRemove", "fs-renameTwice", "fs-copyFile", "fs-truncate"].map(
    workload(onTheSpot, 512)
  )
]

export interface RowName {
  /** As it stands in the table. */
  readonly row: string
  readonly scenario: string
  readonly requests: number
  readonly way: Way
}

/** All rows, of each backend. */
export const rowsOf = (): ReadonlyArray<RowName> =>
  workloads.flatMap(({ requests, scenario, ways }) =>
    ways.map((way) => ({ row: `${scenario}, ${way}`, scenario, requests, way }))
  )

/** Answered on the spot, all of them: nobody waits, and nothing is handed over. */
const ANSWERED = /^(cached-\d+|stat-\d+|group-batch|fs-(stat|reads|access|exists)), on the spot$/

/** What the file system lets nobody do at the same time: how much is handed over in one call depends on how long each takes. */
const IN_LINE = /^fs-(write|remove|makeAndRemove|renameTwice|copyFile|truncate), /

/**
 * Whether a count is the same on every machine. System calls that do the work are. How often somebody has to be woken, or looks in vain, depends on
 * which of two is faster, even with one request at a time; context switches depend on whether the scheduler lets a thread that is woken run at once.
 * The same goes for threads that glibc starts for POSIX AIO, and for memory of streams.
 */
export const isSteady = (backend: BackendName, row: string, kind: Kind): boolean => {
  if (kind === "systemCalls" || ANSWERED.test(row)) return true
  switch (kind) {
    case "submissions":
      return !IN_LINE.test(row)
    case "housekeeping":
      return backend !== "posix" && !row.includes("stream")
    default:
      return false
  }
}
