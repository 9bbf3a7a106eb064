/**
 * Results as tables for the documents. A document says where they go: what stands between `<!-- NAME -->` and `<!-- /NAME -->` is
 * replaced, for every NAME that `sections` has. One backend's run leaves the sections of the others alone.
 */
import { readFileSync, writeFileSync } from "node:fs"
import type { ComparisonResult, Figure, Table } from "./measure.ts"
import { number } from "./report.ts"
import type { Verdict } from "./targets.ts"

export interface Results {
  readonly comparisons: ReadonlyArray<ComparisonResult>
  readonly figures: Readonly<Record<string, ReadonlyArray<Figure>>>
  readonly tables: Readonly<Record<string, Table>>
  readonly targets: ReadonlyArray<Verdict>
}

type Row = ReadonlyArray<string>

const table = (head: Row, rows: ReadonlyArray<Row>): string =>
  [head, head.map((_, column) => (column === 0 ? "---" : "---:")), ...rows]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n")

const goals = (targets: ReadonlyArray<Verdict>): string =>
  table(
    ["goal", "measured"],
    targets.map(({ claim, measured, outcome }) => [claim, outcome === "met" ? measured : `${measured} **${outcome}**`])
  )

/** The rates of all sides, and how many times as fast the first one is. */
const rates = (comparisons: ReadonlyArray<ComparisonResult>): string =>
  comparisons
    .map(({ sides, title, unit }) =>
      table(
        [title, `${unit}/s`, "ratio", "CPU, microseconds each"],
        sides.map(({ cpuMicros, firstIsFaster, perSecond, side }) => [
          side,
          number(perSecond),
          `${firstIsFaster.toFixed(2)}x`,
          cpuMicros.toFixed(1)
        ])
      )
    )
    .join("\n\n")

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
const overview = (comparisons: ReadonlyArray<ComparisonResult>): string => {
  const rows: Array<Row> = []
  for (const [scenario, words] of overviewRows) {
    const sides = comparisons.find(({ name }) => name === scenario)?.sides
    if (sides === undefined) return ""
    const rate = (pattern: RegExp): string => {
      const found = sides.find(({ side }) => pattern.test(side))
      return found === undefined ? "" : number(found.perSecond)
    }
    rows.push([words, ...overviewColumns.map(([, pattern]) => rate(pattern))])
  }
  return table(["", ...overviewColumns.map(([head]) => head)], rows)
}

const figureTable = (figures: ReadonlyArray<Figure>): string =>
  table(
    ["", ""],
    figures.map(({ name, unit, value }) => [name, `${number(value)} ${unit}`])
  )

const wideTable = ({ columns, rows }: Table): string =>
  table(
    ["", ...columns],
    rows.map(({ name, values }) => [name, ...values.map(number)])
  )

const sections = (backend: string, { comparisons, figures, tables, targets }: Results): Map<string, string> =>
  new Map([
    // The README's, which is about the best backend.
    [backend === "io_uring" ? "numbers" : `numbers ${backend}`, overview(comparisons)],
    [`goals ${backend}`, goals(targets)],
    [`rates ${backend}`, rates(comparisons)],
    ...Object.entries(figures).map(([name, group]): [string, string] => [`${name} ${backend}`, figureTable(group)]),
    ...Object.entries(tables).map(([name, wide]): [string, string] => [`${name} ${backend}`, wideTable(wide)])
  ])

/** The names of the sections that were written. A goal that was not measured leaves all goals as they are. */
export const writeSections = (path: string, backend: string, results: Results): ReadonlyArray<string> => {
  let text = readFileSync(path, "utf8")
  const written: Array<string> = []
  for (const [name, content] of sections(backend, results)) {
    const start = text.indexOf(`<!-- ${name} -->`)
    const end = text.indexOf(`<!-- /${name} -->`)
    if (start === -1 || end < start || content === "") continue
    if (name.startsWith("goals ") && results.targets.some(({ outcome }) => outcome === "not measured")) continue
    text = `${text.slice(0, start)}<!-- ${name} -->\n${content}\n${text.slice(end)}`
    written.push(name)
  }
  writeFileSync(path, text)
  return written
}
