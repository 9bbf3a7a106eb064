/** Results as text and as JSON. */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import type { Counts } from "./counting/counts.ts"
import type { Machine } from "./machine.ts"
import type { ComparisonResult, Effort, Figure, Table } from "./measure.ts"
import type { Verdict } from "./targets.ts"

/** Columns as wide as their widest cell; all but the first flush right, as numbers are read. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
        .join("  ")
        .trimEnd()
    )
    .map((line) => `  ${line}`)
    .join("\n")
}

/** Three significant digits, or whole with thousands apart. */
export const number = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)))

/** Of any kind, but for the waits of the event loop. */
export const allCalls = ({ housekeeping = 0, submissions = 0, systemCalls, wakeUps = 0 }: Counts): number =>
  systemCalls + submissions + wakeUps + housekeeping

export const comparisonText = ({ name, sides, title, unit }: ComparisonResult): string =>
  [
    `${title} (${name})`,
    table([
      ["", `${unit}/s`, "first is faster", "CPU us each", "first uses", "system calls", "epoll waits", "switches"],
      ...sides.map(({ counts, cpuMicros, firstIsFaster, firstUsesCpu, perSecond, side }) => [
        side,
        number(perSecond),
        `${firstIsFaster.toFixed(2)}x`,
        cpuMicros.toFixed(2),
        `${Math.round(firstUsesCpu * 100)}%`,
        counts === undefined
          ? ""
          : `${counts.by === "strace" ? "" : "reads and writes: "}${allCalls(counts).toFixed(2)}`,
        counts?.epollWaits?.toFixed(2) ?? "",
        counts?.switches.toFixed(2) ?? ""
      ])
    ]),
    ""
  ].join("\n")

export const figuresText = (title: string, figures: ReadonlyArray<Figure>): string =>
  [title, table(figures.map(({ name, unit, value }) => [name, number(value), unit])), ""].join("\n")

export const tableText = (title: string, { columns, rows }: Table): string =>
  [title, table([["", ...columns], ...rows.map(({ name, values }) => [name, ...values.map(number)])]), ""].join("\n")

export const verdictsText = (verdicts: ReadonlyArray<Verdict>): string => {
  const judged = verdicts.filter(({ outcome }) => outcome !== "not measured")
  const left = verdicts.length - judged.length
  const rows = judged.map(({ claim, measured, outcome }) => [claim, measured, outcome])
  return [
    "Targets",
    ...(rows.length === 0 ? [] : [table(rows)]),
    ...(left === 0 ? [] : [`  ${left} not measured`]),
    ""
  ].join("\n")
}

/** Everything that was measured, each sample included. */
export interface Report {
  readonly backends: ReadonlyArray<string>
  readonly effort: Effort
  readonly comparisons: ReadonlyArray<ComparisonResult>
  readonly figures: Readonly<Record<string, ReadonlyArray<Figure>>>
  readonly tables: Readonly<Record<string, Table>>
  readonly targets: ReadonlyArray<Verdict>
}

export const writeReport = (path: string, machine: Machine, report: Report): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify({ date: new Date().toISOString(), machine, ...report }, null, 2)}\n`)
}

export const machineText = (machine: Machine): string =>
  [
    `${machine.cpu}, ${machine.cores} cores, ${machine.architecture}; Linux ${machine.kernel}, ${machine.fileSystem}, governor: ${machine.governor}`,
    `getppid through koffi: ${machine.getppid} ns; ${machine.mitigations.join("; ") || "no mitigations"}`,
    `Node ${machine.node}, effect-aio ${machine.commit}`
  ].join("\n")
