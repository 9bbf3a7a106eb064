/** The committed table of counts, and what a new count is beside it. */
import { type Counts, kindOf } from "./counts.ts"
import type { Calls } from "./strace.ts"

/** What is compared. The others are told, and no more. */
export type Kind = "systemCalls" | "submissions" | "wakeUps" | "epollWaits" | "housekeeping" | "switches"

/** A row of the table. A kind is left out where it depends on how fast the machine is. */
export type Row = { readonly [K in Kind]?: number } & { readonly calls: Calls }

/** By backend, then by row. */
export type Rows<R> = Readonly<Record<string, Readonly<Record<string, R>>>>

export interface Tolerance {
  /** A part of what the table says. */
  readonly part: number
  /** A request, whatever the table says. */
  readonly each: number
}

/**
 * How much worse a count may be. System calls that do the work repeat themselves exactly, but for what happens once in a while. Who has to be
 * woken, and how often the event loop looks, is also a matter of who is first.
 */
export const tolerances: Readonly<Record<Kind, Tolerance>> = {
  systemCalls: { part: 0.02, each: 0.02 },
  submissions: { part: 0.1, each: 0.02 },
  wakeUps: { part: 0.1, each: 0.1 },
  epollWaits: { part: 0.1, each: 0.1 },
  housekeeping: { part: 0.5, each: 0.5 },
  switches: { part: 0.1, each: 0.1 }
}

export const kinds = Object.keys(tolerances) as ReadonlyArray<Kind>

export const words: Readonly<Record<Kind, string>> = {
  systemCalls: "system calls",
  submissions: "submissions",
  wakeUps: "wake-ups",
  epollWaits: "epoll waits",
  housekeeping: "housekeeping calls",
  switches: "context switches"
}

export interface Difference {
  readonly backend: string
  readonly row: string
  readonly kind: Kind
  readonly before: number
  readonly now: number
  /** Which calls there are more of, or fewer, most first. */
  readonly calls: ReadonlyArray<readonly [name: string, more: number]>
}

export interface Comparison {
  readonly worse: ReadonlyArray<Difference>
  readonly better: ReadonlyArray<Difference>
  /** Rows that are not in the table, and rows of the table that are no more: it has to be written anew. */
  readonly unknown: ReadonlyArray<string>
  readonly gone: ReadonlyArray<string>
}

/** Of the calls that a kind counts. */
const changedCalls = (kind: Kind, before: Calls, now: Calls): Difference["calls"] =>
  [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .map((name) => [name, (now[name] ?? 0) - (before[name] ?? 0)] as const)
    .filter(([name, more]) => kindOf(name) === kind && Math.abs(more) >= tolerances.systemCalls.each)
    .sort(([, one], [, other]) => Math.abs(other) - Math.abs(one))

const differencesOf = (backend: string, row: string, before: Row, now: Counts): ReadonlyArray<Difference> =>
  kinds.flatMap((kind) => {
    const [then, found] = [before[kind], now[kind]]
    if (then === undefined || found === undefined) return []
    const { each, part } = tolerances[kind]
    if (Math.abs(found - then) <= Math.max(each, part * then)) return []
    return [{ backend, row, kind, before: then, now: found, calls: changedCalls(kind, before.calls, now.calls ?? {}) }]
  })

/** Only what strace has counted can be compared. Backends that were not counted are left alone. */
export const compare = (table: Rows<Row>, counted: Rows<Counts>, isComplete = true): Comparison => {
  const differences: Array<Difference> = []
  const unknown: Array<string> = []
  const gone: Array<string> = []
  for (const [backend, rows] of Object.entries(counted)) {
    const before = table[backend] ?? {}
    for (const [row, counts] of Object.entries(rows)) {
      if (before[row] === undefined) unknown.push(`${backend}: ${row}`)
      else differences.push(...differencesOf(backend, row, before[row], counts))
    }
    if (!isComplete) continue
    for (const row of Object.keys(before)) if (rows[row] === undefined) gone.push(`${backend}: ${row}`)
  }
  return {
    worse: differences.filter(({ before, now }) => now > before),
    better: differences.filter(({ before, now }) => now < before),
    unknown,
    gone
  }
}

const signed = (value: number): string => `${value > 0 ? "+" : ""}${value.toFixed(2)}`

/** "io_uring: cached-1, on the spot: system calls 2.00 a request, 1.00 in the table (getpid +1.00)" */
export const differenceText = ({ backend, before, calls, kind, now, row }: Difference): string => {
  const which = calls.slice(0, 5).map(([name, more]) => `${name} ${signed(more)}`)
  return (
    `${backend}: ${row}: ${words[kind]} ${now.toFixed(2)} a request, ${before.toFixed(2)} in the table` +
    (which.length === 0 ? "" : ` (${which.join(", ")})`)
  )
}
