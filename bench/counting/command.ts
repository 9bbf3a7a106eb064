/** `npm run bench -- --counts`: counts everything in workloads.ts, and compares it with the committed table, or writes that. */
import { type ChildProcess, fork, spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { table as textTable } from "../report.ts"
import type { BackendName } from "../sides/aio.ts"
import { type Counts, kindOf } from "./counts.ts"
import type { Message } from "./protocol.ts"
import * as strace from "./strace.ts"
import { compare, type Difference, differenceText, kinds, type Row, type Rows, words } from "./table.ts"
import { isSteady, rowsOf } from "./workloads.ts"

const TABLE = fileURLToPath(new URL("../counts.json", import.meta.url))

interface Outcome {
  readonly counted: Record<string, Record<string, Counts>>
  readonly unavailable: Record<string, string>
}

/**
 * On one core, with V8 working on none but that: who is woken and who is not then does not depend on how many cores there are, and V8's own
 * threads make no calls.
 */
const start = (rows: string, backends: ReadonlyArray<BackendName>): ChildProcess => {
  const flags = [...process.execArgv, "--single-threaded"]
  const args = [rows, ...backends]
  const program = fileURLToPath(new URL("process.ts", import.meta.url))
  const [core] = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.slice(1) ?? []
  const canPin = core !== undefined && spawnSync("taskset", ["-c", core, "true"]).status === 0
  return canPin
    ? fork(program, args, { execPath: "taskset", execArgv: ["-c", core, process.execPath, ...flags] })
    : fork(program, args, { execArgv: flags })
}

const countAll = (
  rows: string,
  backends: ReadonlyArray<BackendName>,
  tell: (message: Message) => void
): Effect.Effect<Outcome, string> =>
  Effect.async((resume) => {
    const outcome: Outcome = { counted: {}, unavailable: {} }
    const child = start(rows, backends)
    child.on("message", (message: Message) => {
      if (message.kind === "unavailable") outcome.unavailable[message.backend] = message.reason
      else {
        outcome.counted[message.backend] ??= {}
        outcome.counted[message.backend][message.row] = message.counts
      }
      tell(message)
    })
    child.on("exit", (code, signal) =>
      resume(code === 0 ? Effect.succeed(outcome) : Effect.fail(`the process that counts ended with ${signal ?? code}`))
    )
    return Effect.sync(() => child.kill())
  })

const countsText = (counted: Rows<Counts>): string =>
  Object.entries(counted)
    .map(([backend, rows]) =>
      [
        `${backend}: a request makes so many`,
        textTable([
          ["", ...kinds.map((kind) => words[kind]), "of which"],
          ...Object.entries(rows).map(([row, counts]) => [
            row,
            ...kinds.map((kind) => {
              const value = counts[kind]
              const mark = isSteady(backend as BackendName, row, kind) ? "" : "~"
              return value === undefined ? "" : `${mark}${value.toFixed(3)}`
            }),
            Object.entries(counts.calls ?? {})
              .sort(([, one], [, other]) => other - one)
              .slice(0, 6)
              .map(([name, count]) => `${name} ${count.toFixed(2)}`)
              .join(" ")
          ])
        ]),
        ""
      ].join("\n")
    )
    .join("\n")

/** Without what depends on the machine's speed. */
const rowOf = (backend: BackendName, row: string, counts: Counts): Row => ({
  ...Object.fromEntries(
    kinds.filter((kind) => isSteady(backend, row, kind)).map((kind) => [kind, Number((counts[kind] ?? 0).toFixed(3))])
  ),
  calls: Object.fromEntries(
    Object.entries(counts.calls ?? {})
      .filter(([name]) => isSteady(backend, row, kindOf(name)))
      .map(([name, count]) => [name, Number(count.toFixed(2))])
  )
})

const readTable = (): Rows<Row> => JSON.parse(readFileSync(TABLE, "utf8"))

/** A busy machine makes counts worse, and never better: of two rows the lower counts. */
const lower = (one: Row, other: Row | undefined): Row =>
  other === undefined
    ? one
    : {
        ...one,
        ...Object.fromEntries(
          kinds.flatMap((kind) =>
            one[kind] === undefined ? [] : [[kind, Math.min(one[kind], other[kind] ?? one[kind])]]
          )
        ),
        calls:
          (other.systemCalls ?? 0) + (other.wakeUps ?? 0) < (one.systemCalls ?? 0) + (one.wakeUps ?? 0)
            ? other.calls
            : one.calls
      }

/** One row a line. Rows that were not counted stay. */
const tableText = (rows: Rows<Row>): string => {
  const backends = Object.entries(rows).map(([backend, rows]) => {
    const lines = Object.entries(rows).map(([row, counts]) => `    ${JSON.stringify(row)}: ${JSON.stringify(counts)}`)
    return `  ${JSON.stringify(backend)}: {\n${lines.join(",\n")}\n  }`
  })
  return `{\n${backends.join(",\n")}\n}\n`
}

const writeTable = (outcomes: ReadonlyArray<Outcome>): void => {
  const rows: Record<string, Record<string, Row>> = {}
  for (const { counted } of outcomes) {
    for (const [backend, found] of Object.entries(counted)) {
      rows[backend] ??= {}
      for (const [row, counts] of Object.entries(found)) {
        rows[backend][row] = lower(rowOf(backend as BackendName, row, counts), rows[backend][row])
      }
    }
  }
  const before = readTable()
  const merged: Record<string, Record<string, Row>> = {}
  for (const backend of new Set([...Object.keys(before), ...Object.keys(rows)])) {
    merged[backend] = {}
    for (const { row } of rowsOf()) {
      const counts = rows[backend]?.[row] ?? before[backend]?.[row]
      if (counts !== undefined) merged[backend][row] = counts
    }
  }
  writeFileSync(TABLE, tableText(merged))
}

/** Times that what seems worse is counted again: what a needless call adds is there each time, what a busy machine adds is not. */
const AGAIN = 3

const rowKey = ({ backend, row }: Difference): string => `${backend}: ${row}`

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** What is still worse when it has been counted again. */
const confirmed = (
  first: ReadonlyArray<Difference>,
  table: Rows<Row>
): Effect.Effect<ReadonlyArray<Difference>, string> =>
  Effect.gen(function* () {
    let worse = first
    for (let again = 0; again < AGAIN && worse.length > 0; again++) {
      yield* Console.log(`Counted again, since worse: ${[...new Set(worse.map(rowKey))].join("; ")}`)
      const rows = [...new Set(worse.map(({ row }) => escaped(row)))].join("|")
      const backends = [...new Set(worse.map(({ backend }) => backend))] as Array<BackendName>
      const { counted } = yield* countAll(`^(${rows})$`, backends, () => {})
      const suspects = new Set(worse.map((difference) => `${rowKey(difference)} ${difference.kind}`))
      worse = compare(table, counted, false).worse.filter((difference) =>
        suspects.has(`${rowKey(difference)} ${difference.kind}`)
      )
    }
    return worse
  })

export interface Choice {
  /** A regular expression of rows. */
  readonly rows: string
  readonly backends: ReadonlyArray<BackendName>
  readonly write: boolean
  readonly check: boolean
}

const judge = (choice: Choice, { counted, unavailable }: Outcome): Effect.Effect<void, string> =>
  Effect.gen(function* () {
    const table = readTable()
    const { better, gone, unknown, worse } = compare(table, counted, choice.rows === "")
    const really = yield* confirmed(worse, table)
    const say = (title: string, lines: ReadonlyArray<string>) =>
      lines.length === 0 ? Effect.void : Console.log(`${title}\n${lines.map((line) => `  ${line}`).join("\n")}`)
    yield* say(
      "BETTER than the table (`npm run bench -- --counts --write` writes it anew):",
      better.map(differenceText)
    )
    yield* say("NOT IN THE TABLE (write it anew):", unknown)
    yield* say("IN THE TABLE, and counted no more (write it anew):", gone)
    yield* say("WORSE than the table:", really.map(differenceText))
    const skipped = Object.keys(unavailable).filter((backend) => table[backend] !== undefined)
    yield* say("SKIPPED: what this machine does not have:", skipped)
    const failures = really.length + unknown.length + gone.length
    if (failures > 0) return yield* Effect.fail(`counts: ${failures} differences from bench/counts.json`)
    const rows = Object.values(counted).reduce((sum, rows) => sum + Object.keys(rows).length, 0)
    yield* Console.log(`${rows} rows as in bench/counts.json, or better`)
  })

export const counts = (choice: Choice): Effect.Effect<void, string> =>
  Effect.gen(function* () {
    const isNeeded = choice.check || choice.write
    yield* Console.log(strace.installed ?? "SKIPPED: no strace here: nothing counts all system calls")
    if (strace.installed === undefined && isNeeded) return
    const outcome = yield* countAll(choice.rows, choice.backends, (message) => {
      if (message.kind === "unavailable") console.log(`SKIPPED: ${message.backend}: ${message.reason}`)
    })
    yield* Console.log(countsText(outcome.counted))
    yield* Console.log("~ depends on how fast the machine is, and is not in the table.\n")
    if (!isNeeded) return
    const blind = Object.values(outcome.counted).some((rows) => Object.values(rows).some(({ by }) => by !== "strace"))
    if (blind)
      return yield* Console.log("SKIPPED: strace may not watch here (ptrace is forbidden): nothing was compared")
    if (choice.write) {
      yield* Console.log("Counted a second time: the lower counts are written.")
      writeTable([outcome, yield* countAll(choice.rows, choice.backends, () => {})])
      yield* Console.log("Written to bench/counts.json; `npm run performance` brings docs/performance.md up to date")
    } else yield* judge(choice, outcome)
  })
