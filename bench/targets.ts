/** What this library has set itself, and whether a run shows it. */
import type { ComparisonResult, Figure, SideResult } from "./measure.ts"

export interface Verdict {
  readonly claim: string
  /** Of which part of the documents it is. */
  readonly chapter: Chapter
  /** Scenarios without which it cannot be judged. */
  readonly needs: RegExp
  readonly measured: string
  readonly value?: number
  readonly unit: string
  readonly outcome: "met" | "missed" | "not measured"
}

/** "" is what stands first. */
export type Chapter = "" | "filesystem" | "cold" | "groups"

const chapterOf = (scenario: string): Chapter =>
  scenario.startsWith("fs-")
    ? "filesystem"
    : scenario.startsWith("cold-")
      ? "cold"
      : scenario.startsWith("group-")
        ? "groups"
        : ""

export interface Measured {
  readonly comparisons: ReadonlyArray<Compared>
  readonly figures: Readonly<Record<string, ReadonlyArray<Figure>>>
}

/** What a comparison has to say here, with its samples or without. */
export type Compared = Omit<ComparisonResult, "sides"> & { readonly sides: ReadonlyArray<Omit<SideResult, "samples">> }

interface Target extends Pick<Verdict, "chapter" | "needs"> {
  readonly judge: (measured: Measured) => Judgement
}

type Judgement = Omit<Verdict, "chapter" | "needs">

/** About one scenario. */
const target = (scenario: string, judge: (measured: Measured) => Judgement): Target => ({
  needs: new RegExp(`^${scenario}$`),
  chapter: chapterOf(scenario),
  judge
})

/** As it is told. */
export const measuredText = (value: number, unit: string): string => `${Number(value.toPrecision(3))}${unit}`

const verdict = (
  claim: string,
  value: number | undefined,
  holds: (value: number) => boolean,
  unit: string
): Judgement =>
  value === undefined
    ? { claim, measured: "", unit, outcome: "not measured" }
    : { claim, measured: measuredText(value, unit), value, unit, outcome: holds(value) ? "met" : "missed" }

const against = ({ comparisons }: Measured, scenario: string, side: string): Compared["sides"][number] | undefined =>
  comparisons.find(({ name }) => name === scenario)?.sides.find((result) => result.side === side)

const faster = (what: string, scenario: string, side: string, least: number): Target =>
  target(scenario, (measured) =>
    verdict(
      `${what}: at least ${least}x ${side}`,
      against(measured, scenario, side)?.firstIsFaster,
      (ratio) => ratio >= least,
      "x"
    )
  )

/** Of a scenario whose first side does without: how much longer the same takes with `side`. */
const costs = (what: string, scenario: string, side: string, most: number): Target =>
  target(scenario, (measured) => {
    const ratio = against(measured, scenario, side)?.firstIsFaster
    const cost = ratio === undefined ? undefined : (ratio - 1) * 100
    return verdict(`${what}: costs ${most}% at most`, cost, (percent) => percent <= most, "%")
  })

/** The slowest of all methods that have no goal of their own. */
const others = (side: string, least: number): Target => ({
  needs: /^fs-/,
  chapter: "filesystem",
  judge: (measured) => {
    const ratios = measured.comparisons
      .filter(({ name }) => name.startsWith("fs-") && !fileSystem.some(([scenario]) => scenario === name))
      .map(({ name }) => against(measured, name, side)?.firstIsFaster ?? 0)
    const slowest = ratios.length === 0 ? undefined : Math.min(...ratios)
    return verdict(`Every other method: at least ${least}x ${side}`, slowest, (ratio) => ratio >= least, "x")
  }
})

const cpu = (what: string, scenario: string, side: string, part: number, words: string): Target =>
  target(scenario, (measured) =>
    verdict(
      `${what}: at most ${words} of the CPU of ${side}`,
      against(measured, scenario, side)?.firstUsesCpu,
      (used) => used <= part,
      " of it"
    )
  )

/** Of all figures whose name begins and ends so, the worst has to hold it. */
const figure = (claim: string, group: string, start: string, end: string, limit: number, unit: string): Target =>
  target(group, ({ figures }) => {
    const values =
      figures[group]?.filter(({ name }) => name.startsWith(start) && name.endsWith(end)).map(({ value }) => value) ?? []
    return verdict(claim, values.length === 0 ? undefined : Math.max(...values), (value) => value < limit, unit)
  })

const built = figure("Layer built and released in under 10 ms", "layer", "", "median", 10, " ms")

/** Scenarios of the FileSystem that have a goal of their own. */
const fileSystem: ReadonlyArray<readonly [scenario: string, what: string, least: number]> = [
  ["fs-load", "readFile of small files, depth 16", 4],
  ["fs-stat", "stat, depth 16", 2.5],
  ["fs-stream", "stream of a cached GiB", 4],
  ["fs-reads", "seek and read of a page", 5],
  ["fs-write", "writeFile of small files, depth 16", 1.5],
  ["fs-remove", "remove of a tree", 3]
]

/** What a program's first look at a disk is made of. */
const cold: ReadonlyArray<readonly [scenario: string, what: string]> = [
  ["cold-stat", "Cold stat, depth 16"],
  ["cold-open", "Cold open and close, depth 16"],
  ["cold-readdir", "Cold directories, depth 16"],
  ["cold-load", "Cold small files, depth 16"]
]

const noSlower: ReadonlyArray<Target> = cold.map(([scenario, what]) => faster(what, scenario, "fs.promises", 1))

/** Of whole trees. */
const trees: ReadonlyArray<Target> = [
  faster("Names of a tree with their types", "tree-scan", "fs.promises.readdir", 2),
  faster("Copy of a tree", "tree-copy", "fs.promises.cp", 2),
  faster("Copy of a tree", "tree-copy", "cp -a", 1),
  faster("Removal of a tree", "tree-remove", "rm -rf", 1)
]

const written: ReadonlyArray<Target> = [
  faster("64 fibers append durably", "log", "a datasync each", 10),
  faster("A cached MiB to a socket", "sendfile", "createReadStream().pipe()", 2),
  faster("A cached MiB to a socket", "sendfile", "the same in chunks of 1 MiB", 1.3)
]

const idleWaits = figure("10,000 waits: no CPU (less than 0.1% of a core)", "waits", "idle", "beyond none", 0.1, "%")

/** By the backend that a run is about: the one named first. */
const targets: Readonly<Record<string, ReadonlyArray<Target>>> = {
  io_uring: [
    faster("Cached, depth 1", "cached-1", "NodeFileSystem", 10),
    faster("Cached, depth 1", "cached-1", "fs.promises", 8),
    faster("Cached, depth 64", "cached-64", "NodeFileSystem", 6),
    faster("Cached, depth 64", "cached-64", "fs.promises", 2),
    faster("O_DIRECT, depth 256", "direct-256", "fs.read", 1.8),
    cpu("O_DIRECT, depth 256", "direct-256", "fs.read", 1 / 3, "a third"),
    faster("O_DIRECT, depth 256", "direct-256", "fio io_uring", 0.9),
    faster("Small files, depth 16", "load-16", "fs.promises.readFile", 3),
    figure("A million outstanding: under 512 bytes each", "million", "", "memory", 512, " bytes"),
    figure(
      "A million outstanding: at most 1.5x the time of a thousand",
      "million",
      "",
      "million to thousand",
      1.5,
      "x"
    ),
    built,
    faster("256 cached reads by submitAll", "group-batch", "256 looping fibers", 1.6),
    faster("256 cached reads by submitAll", "group-batch", "straight callbacks", 0.85),
    faster("A prepared read, depth 1", "group-prepared", "file.read", 1.2),
    costs("AioEvents.completions with a subscriber", "group-observed", "completions", 25),
    costs("AioMetrics.layer", "group-observed", "metrics", 25),
    ...fileSystem.map(([scenario, what, least]) => faster(what, scenario, "NodeFileSystem", least)),
    others("NodeFileSystem", 0.9),
    ...noSlower,
    ...written,
    ...trees,
    idleWaits,
    figure("10,000 waits: no descriptor each", "waits", "descriptors of a wait", "", 0.001, "")
  ],
  threads: [
    faster("Cached, depth 1", "cached-1", "fs.promises", 8),
    faster("Cached, depth 1", "cached-1", "NodeFileSystem", 8),
    faster("Cached, depth 64", "cached-64", "fs.promises", 1.5),
    faster("Cached, depth 64", "cached-64", "NodeFileSystem", 6),
    faster("Through the threads, depth 8", "through-8", "fs.promises", 0.9),
    faster("Through the threads, depth 64", "through-64", "fs.promises", 1.5),
    faster("Through the threads without Effect, depth 64", "engine-64", "fs.read", 0.9),
    faster("Through the threads without Effect, depth 64", "engine-64", "IO::AIO", 0.9),
    faster("Stat, depth 1", "stat-1", "fs.promises.stat", 6),
    faster("Stat, depth 16", "stat-16", "NodeFileSystem", 2.5),
    figure("First answer of a cold pool within 5 ms", "first", "threads, through", "median", 5, " ms"),
    figure("First answer on the spot within 2 ms", "first", "threads, on the spot", "median", 2, " ms"),
    figure("Idle threads: no CPU (less than 0.1% of a core)", "threads", "idle", "beyond none", 0.1, "%"),
    built,
    ...noSlower,
    ...written,
    ...trees,
    idleWaits
  ],
  kernel: [
    faster("O_DIRECT, depth 64", "direct-64", "fio libaio", 0.9),
    faster("O_DIRECT, depth 64", "direct-64", "fs.read", 1.8),
    faster("O_DIRECT, depth 256", "direct-256", "fio libaio", 0.9),
    faster("O_DIRECT, depth 256", "direct-256", "fs.read", 1.8),
    faster("Cached, depth 1", "cached-1", "fs.promises", 8),
    built
  ],
  posix: [
    faster("Through aio_read, depth 1", "through-1", "fio posixaio", 0.8),
    faster("Through aio_read, depth 16", "through-16", "fio posixaio", 0.8),
    faster("Through aio_read, depth 64", "through-64", "fio posixaio", 0.8),
    built
  ]
}

export const verdicts = (backend: string, measured: Measured): ReadonlyArray<Verdict> =>
  (targets[backend] ?? []).map(({ chapter, judge, needs }) => ({ ...judge(measured), chapter, needs }))

/** What documents tell of a backend beside its goals: of io_uring everything. */
const BESIDE: Readonly<Record<string, RegExp>> = {
  io_uring: /^(?!delay|budget|through|engine)/,
  threads: /^(delay|budget)$/
}

/** Whether documents tell anything of it. */
export const isTold = (backend: string, scenario: string): boolean =>
  BESIDE[backend]?.test(scenario) === true || (targets[backend] ?? []).some(({ needs }) => needs.test(scenario))
