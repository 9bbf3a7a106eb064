/**
 * Results that documents are made of: one file a machine, bench/results/MACHINE.json. Each run of a part of the benchmark is merged into it, and
 * says when it was and with what.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Machine } from "./machine.ts"
import type { ComparisonResult, Effort, Figure, SideResult, Table } from "./measure.ts"

/** Of one scenario, and one backend. */
export interface Entry<A> {
  readonly date: string
  /** Of the machine, what may be another the next time. */
  readonly machine: Pick<Machine, "commit" | "getppid" | "kernel" | "node">
  readonly effort: Effort
  /** Less of everything: nothing that documents may tell. */
  readonly quick: boolean
  readonly result: A
}

/** Without single samples. */
export interface SavedComparison extends Omit<ComparisonResult, "sides"> {
  readonly sides: ReadonlyArray<Omit<SideResult, "samples">>
}

/** By scenario. */
export interface BackendResults {
  readonly comparisons: Readonly<Record<string, Entry<SavedComparison>>>
  readonly figures: Readonly<Record<string, Entry<ReadonlyArray<Figure>>>>
  readonly tables: Readonly<Record<string, Entry<Table>>>
}

export interface MachineResults {
  readonly name: string
  readonly machine: Machine
  readonly backends: Readonly<Record<string, BackendResults>>
}

export const RESULTS = fileURLToPath(new URL("results", import.meta.url))

/** What nobody commits: a run's own report. */
const LATEST = "latest.json"

const nothing: BackendResults = { comparisons: {}, figures: {}, tables: {} }

/** A file's results with those of a new run: what it measured replaces what was there. */
export const merge = (
  before: MachineResults | undefined,
  name: string,
  machine: Machine,
  backend: string,
  found: BackendResults
): MachineResults => {
  const old = before?.backends[backend] ?? nothing
  return {
    name,
    machine,
    backends: {
      ...before?.backends,
      [backend]: {
        comparisons: { ...old.comparisons, ...found.comparisons },
        figures: { ...old.figures, ...found.figures },
        tables: { ...old.tables, ...found.tables }
      }
    }
  }
}

const lines = (entries: Readonly<Record<string, unknown>>): string =>
  Object.entries(entries)
    .map(([name, entry]) => `        ${JSON.stringify(name)}: ${JSON.stringify(entry)}`)
    .join(",\n")

/** A scenario a line, so that a new run changes the lines of what it measured. */
export const format = ({ backends, machine, name }: MachineResults): string => {
  const parts = Object.entries(backends).map(([backend, results]) => {
    const kinds = Object.entries(results).map(([kind, entries]) => {
      const content = lines(entries)
      return `      ${JSON.stringify(kind)}: {${content === "" ? "" : `\n${content}\n      `}}`
    })
    return `    ${JSON.stringify(backend)}: {\n${kinds.join(",\n")}\n    }`
  })
  return (
    `{\n  "name": ${JSON.stringify(name)},\n  "machine": ${JSON.stringify(machine)},\n` +
    `  "backends": {\n${parts.join(",\n")}\n  }\n}\n`
  )
}

/** What one scenario gave. */
export interface Found {
  readonly comparisons?: Readonly<Record<string, ComparisonResult>>
  readonly figures?: Readonly<Record<string, ReadonlyArray<Figure>>>
  readonly tables?: Readonly<Record<string, Table>>
}

/** As it is saved. */
export const entries = (
  { comparisons = {}, figures = {}, tables = {} }: Found,
  { effort, machine: { commit, getppid, kernel, node }, quick }: Pick<Entry<unknown>, "machine" | "effort" | "quick">,
  date = new Date().toISOString()
): BackendResults => {
  const about = { machine: { commit, getppid, kernel, node }, effort, quick }
  const each = <A, B>(
    found: Readonly<Record<string, A>>,
    result: (found: A) => B
  ): Readonly<Record<string, Entry<B>>> =>
    Object.fromEntries(Object.entries(found).map(([name, value]) => [name, { date, ...about, result: result(value) }]))
  return {
    comparisons: each(comparisons, ({ sides, ...rest }) => ({
      ...rest,
      sides: sides.map(({ samples: _, ...side }) => side)
    })),
    figures: each(figures, (figures) => figures),
    tables: each(tables, (table) => table)
  }
}

const fileOf = (name: string): string => join(RESULTS, `${name}.json`)

const read = (name: string): MachineResults | undefined =>
  existsSync(fileOf(name)) ? JSON.parse(readFileSync(fileOf(name), "utf8")) : undefined

/** Whether a scenario has been measured, in earnest, with the same sources. */
export const has = (name: string, { commit }: Machine, backend: string, scenario: string): boolean => {
  const results = read(name)?.backends[backend]
  const entry = results?.comparisons[scenario] ?? results?.figures[scenario] ?? results?.tables[scenario]
  return entry !== undefined && !entry.quick && entry.machine.commit === commit && !commit.endsWith("+")
}

export const save = (name: string, machine: Machine, backend: string, found: BackendResults): string => {
  const path = fileOf(name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, format(merge(read(name), name, machine, backend, found)))
  return path
}

/** Of all machines, by name. */
export const load = (directory = RESULTS): ReadonlyArray<MachineResults> =>
  existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => name.endsWith(".json") && name !== LATEST)
        .sort()
        .map((name) => JSON.parse(readFileSync(join(directory, name), "utf8")))
    : []

/** The names of what was measured in a hurry: documents tell nothing of it. */
export const quickOnes = (all: ReadonlyArray<MachineResults>): ReadonlyArray<string> =>
  all.flatMap(({ backends, name }) =>
    Object.entries(backends).flatMap(([backend, results]) =>
      Object.values(results).flatMap((entries: Readonly<Record<string, Entry<unknown>>>) =>
        Object.entries(entries)
          .filter(([, { quick }]) => quick)
          .map(([scenario]) => `${name}: ${backend}: ${scenario}`)
      )
    )
  )
