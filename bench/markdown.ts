/**
 * Results of all machines as tables for the documents. A document says where they go: what stands between `<!-- NAME -->` and `<!-- /NAME -->` is
 * replaced, for every NAME that `sections` has. What nobody has measured yet has no section, and its place is left as it is.
 */
import type { Row as CountsRow, Rows } from "./counting/table.ts"
import type { Figure, SideResult, Table } from "./measure.ts"
import { allCalls, number } from "./report.ts"
import type { BackendResults, Entry, MachineResults, SavedComparison } from "./results.ts"
import { type Chapter, type Measured, measuredText, type Verdict, verdicts } from "./targets.ts"

type Row = ReadonlyArray<string>

const table = (head: Row, rows: ReadonlyArray<Row>): string =>
  [head, head.map((_, column) => (column === 0 ? "---" : "---:")), ...rows]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n")

/** What one value is on all machines: itself, or the least and the greatest. */
export const range = (values: ReadonlyArray<number>, text: (value: number) => string): string => {
  if (values.length === 0) return ""
  const [least, greatest] = [text(Math.min(...values)), text(Math.max(...values))]
  return least === greatest ? least : `${least} to ${greatest}`
}

const ratio = (value: number): string => measuredText(value, "x")

const resultsOf = <A>(entries: Readonly<Record<string, Entry<A>>>): ReadonlyArray<readonly [string, A]> =>
  Object.entries(entries).map(([name, { result }]) => [name, result])

const measuredOf = ({ comparisons, figures }: BackendResults): Measured => ({
  comparisons: resultsOf(comparisons).map(([, result]) => result),
  figures: Object.fromEntries(resultsOf(figures))
})

/** The results of one backend, of the machines that have some. */
const of = (machines: ReadonlyArray<MachineResults>, backend: string) =>
  machines.flatMap(({ backends, name }) => (backends[backend] === undefined ? [] : [{ name, ...backends[backend] }]))

const outcome = (found: ReadonlyArray<readonly [machine: string, verdict: Verdict]>): string => {
  const missed = found.filter(([, { outcome }]) => outcome === "missed").map(([machine]) => machine)
  if (missed.length === 0) return "met"
  return missed.length === found.length ? "**missed**" : `**missed** on ${missed.join(", ")}`
}

/**
 * The goals of a chapter. Empty as long as there is one whose scenario nobody has run. One that cannot be judged all the same, since what it compares
 * with is not installed, says so.
 */
const goals = (machines: ReadonlyArray<MachineResults>, backend: string, chapter: Chapter): string => {
  const found = of(machines, backend)
  const run = found.flatMap(({ comparisons, figures }) => [...Object.keys(comparisons), ...Object.keys(figures)])
  const judged = found.map(
    (results) =>
      [results.name, verdicts(backend, measuredOf(results)).filter((one) => one.chapter === chapter)] as const
  )
  const isComplete = judged[0][1].every(({ needs }) => run.some((scenario) => needs.test(scenario)))
  if (!isComplete || judged[0][1].length === 0) return ""
  const claims = judged[0][1].map(({ claim }) => claim)
  return table(
    ["goal", "measured", ""],
    claims.map((claim, index) => {
      const measured = judged
        .map(([machine, list]) => [machine, list[index]] as const)
        .filter(([, { value }]) => value !== undefined)
      if (measured.length === 0) return [claim, "", "not measured"]
      const [, { unit }] = measured[0]
      return [
        claim,
        range(
          measured.map(([, { value }]) => value!),
          (value) => measuredText(value, unit)
        ),
        outcome(measured)
      ]
    })
  )
}

type SavedSide = Omit<SideResult, "samples">

/** One scenario on each machine that has measured it. */
const everywhere = (
  machines: ReadonlyArray<MachineResults>,
  backend: string,
  scenario: string
): ReadonlyArray<SavedComparison> =>
  of(machines, backend).flatMap(({ comparisons }) => comparisons[scenario]?.result ?? [])

/** Every side of each scenario: its rate, what the first is beside it, and what each request costs. */
const rates = (
  machines: ReadonlyArray<MachineResults>,
  backend: string,
  belongs: (scenario: string) => boolean
): string => {
  const names = [...new Set(of(machines, backend).flatMap(({ comparisons }) => Object.keys(comparisons)))].filter(
    belongs
  )
  return names
    .map((name) => {
      const found = everywhere(machines, backend, name)
      const [{ sides, title, unit }] = found
      const rows = sides.map(({ side }) => {
        const same = found.flatMap(({ sides }) => sides.filter((one) => one.side === side))
        const each = (value: (side: SavedSide) => number | undefined): ReadonlyArray<number> =>
          same.flatMap((side) => value(side) ?? [])
        const strace = each(({ counts }) => (counts?.by === "strace" ? allCalls(counts) : undefined))
        return [
          side,
          range(
            each(({ perSecond }) => perSecond),
            number
          ),
          range(
            each(({ firstIsFaster }) => firstIsFaster),
            ratio
          ),
          range(
            each(({ cpuMicros }) => cpuMicros),
            number
          ),
          range(strace, number)
        ]
      })
      return table([title, `${unit}/s`, "the first is faster", "CPU, microseconds each", "system calls each"], rows)
    })
    .join("\n\n")
}

/** Beside the better one of two decreed ways, how fast the way is that the engine takes by itself. */
const ways = (machines: ReadonlyArray<MachineResults>): string => {
  const depths = [1, 8, 64, 256, 1024]
  const row = (depth: number): Row => {
    const cell = (unit: string): string => {
      const ratios = everywhere(machines, "io_uring", `ways-${unit}-${depth}`).map(({ sides }) =>
        Math.min(...sides.slice(1).map(({ firstIsFaster }) => firstIsFaster))
      )
      return range(ratios, ratio)
    }
    return [number(depth), cell("reads"), cell("stats")]
  }
  const rows = depths.map(row).filter(([, reads, stats]) => reads !== "" || stats !== "")
  return rows.length === 0 ? "" : table(["at a time", "reads", "stats"], rows)
}

/** The lines of the overview, by scenario, and its columns, by the beginnings of the sides' names. */
const overviewRows: ReadonlyArray<readonly [scenario: string, words: string]> = [
  ["cached-1", "cached 4 KiB reads, one at a time"],
  ["cached-64", "cached 4 KiB reads, 64 at a time"],
  ["direct-256", "O_DIRECT 4 KiB reads, 256 at a time"],
  ["load-16", "loading 20,000 small files, 16 at a time"],
  ["stat-16", "`stat` of 20,000 files, 16 at a time"],
  ["stream", "streaming a cached file of 1 GiB, MiB/s"]
]
const overviewColumns: ReadonlyArray<readonly [head: string, side: RegExp]> = [
  ["effect-aio", /^effect-aio/],
  ["`fs` callbacks", /^fs\.(?!promises)/],
  ["`fs.promises`", /^fs\.promises/],
  ["`NodeFileSystem`", /^NodeFileSystem/],
  ["fio", /^fio/]
]

/** Requests per second, one line a scenario. Empty where one of them was not run. */
const overview = (machines: ReadonlyArray<MachineResults>): string => {
  const rows = overviewRows.map(([scenario, words]): Row => {
    const found = everywhere(machines, "io_uring", scenario)
    const rate = (pattern: RegExp): string =>
      range(
        found.flatMap(({ sides }) => sides.find(({ side }) => pattern.test(side))?.perSecond ?? []),
        number
      )
    return [words, ...overviewColumns.map(([, pattern]) => rate(pattern))]
  })
  return rows.some(([, first]) => first === "") ? "" : table(["", ...overviewColumns.map(([head]) => head)], rows)
}

const figureTable = (found: ReadonlyArray<ReadonlyArray<Figure>>): string =>
  table(
    ["", ""],
    found[0].map(({ name, unit }) => {
      const values = found.flatMap((figures) => figures.find((figure) => figure.name === name)?.value ?? [])
      return [name, `${range(values, number)} ${unit}`]
    })
  )

const wideTable = (found: ReadonlyArray<Table>): string =>
  table(
    ["", ...found[0].columns],
    found[0].rows.map(({ name, values }) => {
      const same = found.flatMap(({ rows }) => rows.find((row) => row.name === name) ?? [])
      return [
        name,
        ...values.map((_, column) =>
          range(
            same.map(({ values }) => values[column]),
            number
          )
        )
      ]
    })
  )

const machineTable = (machines: ReadonlyArray<MachineResults>): string =>
  table(
    [
      "machine",
      "processor",
      "cores",
      "getppid by koffi",
      "Linux",
      "files on",
      "governor",
      "Node",
      "effect-aio",
      "mitigations"
    ],
    machines.map(({ machine, name }) => [
      name,
      machine.cpu,
      String(machine.cores),
      `${machine.getppid} ns`,
      machine.kernel,
      machine.fileSystem,
      machine.governor,
      machine.node,
      machine.commit,
      machine.mitigations.join("; ") || "none"
    ])
  )

/** Calls that do the work and calls that hand it over; wake-ups where they are the same everywhere. */
const callsOf = ({ submissions, systemCalls = 0, wakeUps = 0 }: CountsRow): string => {
  if (submissions === undefined) return ""
  const calls = (systemCalls + submissions).toFixed(2)
  return wakeUps < 0.05 ? calls : `${calls}, and ${wakeUps.toFixed(1)} to wake`
}

/** The committed table of counts, without the methods of the FileSystem. */
export const countsTable = (rows: Rows<CountsRow>): string => {
  const backends = Object.keys(rows)
  const names = [...new Set(backends.flatMap((backend) => Object.keys(rows[backend])))]
  return table(
    ["a request", ...backends],
    names
      .filter((name) => !name.startsWith("fs-"))
      .map((name) => [
        name,
        ...backends.map((backend) => (rows[backend][name] === undefined ? "" : callsOf(rows[backend][name])))
      ])
  )
}

const chapters: ReadonlyArray<Chapter> = ["", "filesystem", "cold", "groups"]

/** By name, without the empty ones. */
export const sections = (machines: ReadonlyArray<MachineResults>): ReadonlyMap<string, string> => {
  const all = new Map<string, string>()
  if (machines.length === 0) return all
  all.set("machines", machineTable(machines))
  all.set("numbers", overview(machines))
  all.set("ways io_uring", ways(machines))
  for (const backend of new Set(machines.flatMap(({ backends }) => Object.keys(backends)))) {
    const found = of(machines, backend)
    for (const chapter of chapters) {
      all.set(["goals", backend, chapter].filter((part) => part !== "").join(" "), goals(machines, backend, chapter))
    }
    all.set(
      `rates ${backend}`,
      rates(machines, backend, (name) => /^(cached|direct|load|stat|stream|through)-?/.test(name))
    )
    all.set(
      `rates ${backend} filesystem`,
      rates(machines, backend, (name) => name.startsWith("fs-"))
    )
    for (const name of new Set(found.flatMap(({ figures }) => Object.keys(figures)))) {
      all.set(
        `${name} ${backend}`,
        figureTable(found.flatMap(({ figures }) => (figures[name] === undefined ? [] : [figures[name].result])))
      )
    }
    for (const name of new Set(found.flatMap(({ tables }) => Object.keys(tables)))) {
      all.set(`${name} ${backend}`, wideTable(found.flatMap(({ tables }) => tables[name]?.result ?? [])))
    }
  }
  return new Map([...all].filter(([, content]) => content !== ""))
}

/** The names of the marks of a document. */
export const marksOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^<!-- (\w[^>]*) -->$/gm)].map(([, name]) => name)

/** A document with what it says between its marks replaced. The sections that it has no marks for are not in it. */
export const replaceSections = (text: string, sections: ReadonlyMap<string, string>): string => {
  let result = text
  for (const [name, content] of sections) {
    const begin = `<!-- ${name} -->`
    const start = result.indexOf(begin)
    const end = result.indexOf(`<!-- /${name} -->`)
    if (start === -1 && end === -1) continue
    if (start === -1 || end < start) throw new Error(`${begin} has no end, or no beginning`)
    result = `${result.slice(0, start)}${begin}\n${content}\n${result.slice(end)}`
  }
  return result
}
