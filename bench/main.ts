/** `npm run bench`: the same work done by effect-aio and by everything else a Node program could use. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as cold from "./coldDisk.ts"
import { counts } from "./counting/command.ts"
import { makeFixtures } from "./fixtures.ts"
import { describe, nameOf } from "./machine.ts"
import { type ComparisonResult, compare, type Figure, type Table } from "./measure.ts"
import { comparisonText, figuresText, machineText, tableText, verdictsText, writeReport } from "./report.ts"
import * as results from "./results.ts"
import { type Scenario, scenarios } from "./scenarios.ts"
import type { Settings } from "./settings.ts"
import { backends as allBackends, type BackendName, layerOf } from "./sides/aio.ts"
import * as fio from "./sides/fio.ts"
import * as ioAio from "./sides/ioAio.ts"
import { isTold, verdicts } from "./targets.ts"

const backendNames = Object.keys(allBackends) as Array<BackendName>

const options = {
  only: Options.text("only").pipe(
    Options.withDescription("Scenarios whose name matches this regular expression, e.g. 'cached|stream'."),
    Options.withDefault("")
  ),
  rounds: Options.integer("rounds").pipe(
    Options.withDescription("Rounds in which every side runs once. Default 5, with --quick 3."),
    Options.withDefault(0)
  ),
  quick: Options.boolean("quick").pipe(
    Options.withDescription("Less of everything: a first impression, not a measurement.")
  ),
  backend: Options.choice("backend", backendNames).pipe(
    Options.withDescription("Backend of effect-aio, repeatable; others are compared with the first. Default io_uring."),
    Options.repeated
  ),
  json: Options.text("json").pipe(
    Options.withDescription("Where the results go as JSON."),
    Options.withDefault("bench/results/latest.json")
  ),
  save: Options.boolean("save").pipe(
    Options.withDescription(
      "Puts what is measured into bench/results/MACHINE.json, for `npm run performance`. Without --backend: all backends, each with what " +
        "documents tell of it. What the file has of the same sources already is not measured again: run it as often as it takes."
    )
  ),
  machine: Options.text("machine").pipe(
    Options.withDescription("The machine's name, with --save. Default: its processor and number of cores."),
    Options.withDefault("")
  ),
  minutes: Options.integer("minutes").pipe(
    Options.withDescription("Begins nothing more after so many minutes."),
    Options.withDefault(0)
  ),
  counts: Options.boolean("counts").pipe(
    Options.withDescription(
      "Counts, by strace, the system calls and waits of a request, and measures no time. With --only and --backend: of some rows."
    )
  ),
  check: Options.boolean("check").pipe(
    Options.withDescription("With --counts: fails where a count is worse than in bench/counts.json.")
  ),
  write: Options.boolean("write").pipe(Options.withDescription("With --counts: writes bench/counts.json anew.")),
  list: Options.boolean("list").pipe(Options.withDescription("Prints the names of the scenarios, and ends."))
}

interface Chosen {
  readonly only: string
  readonly rounds: number
  readonly quick: boolean
  readonly backend: ReadonlyArray<BackendName>
  readonly json: string
  readonly save: boolean
  readonly machine: string
  readonly minutes: number
  readonly list: boolean
}

/** What is left out for want of a program. */
const beside = (program: string, version: string | undefined): string =>
  version ?? `${program} is not installed: left out.`

interface Measured {
  readonly comparisons: Array<ComparisonResult>
  readonly figures: Record<string, ReadonlyArray<Figure>>
  readonly tables: Record<string, Table>
}

const measure = (scenario: Scenario, settings: Settings, measured: Measured) =>
  Effect.gen(function* () {
    if (scenario.kind === "comparison") {
      const comparison = yield* scenario.make(settings)
      yield* settings.fixtures.warm
      const result = yield* compare(comparison, settings.effort)
      measured.comparisons.push(result)
      yield* Console.log(comparisonText(result))
      return { comparisons: { [scenario.name]: result } }
    }
    const title = `${scenario.title} (${scenario.name})`
    if (scenario.kind === "table") {
      const result = yield* scenario.make(settings)
      measured.tables[scenario.name] = result
      yield* Console.log(tableText(title, result))
      return { tables: { [scenario.name]: result } }
    }
    const result = yield* scenario.make(settings)
    measured.figures[scenario.name] = result
    yield* Console.log(figuresText(title, result))
    return { figures: { [scenario.name]: result } }
  })

/** Which scenarios, and of which backend they are results. */
interface Part {
  readonly backends: ReadonlyArray<BackendName>
  readonly scenarios: ReadonlyArray<Scenario>
}

const isAvailable = (backend: BackendName): Effect.Effect<boolean> =>
  Effect.isSuccess(Effect.scoped(Layer.build(layerOf(backend))))

const partsOf = ({ backend, only, quick, save }: Chosen): Effect.Effect<ReadonlyArray<Part>, string> =>
  Effect.gen(function* () {
    const pattern = yield* Effect.try({ try: () => new RegExp(only), catch: String })
    const chosen = (backends: ReadonlyArray<BackendName>): ReadonlyArray<Scenario> =>
      scenarios(quick).filter(
        ({ backend, name }) => pattern.test(name) && (backend === undefined || backends.includes(backend))
      )
    if (backend.length > 0 || !save) {
      const backends = backend.length > 0 ? backend : ["io_uring" as const]
      return [{ backends, scenarios: chosen(backends) }]
    }
    const available = yield* Effect.filter(backendNames, isAvailable)
    return available.map((backend) => ({
      backends: [backend],
      scenarios: chosen([backend]).filter(({ name }) => isTold(backend, name))
    }))
  })

const bench = (chosen: Chosen) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { json, list, minutes, only, quick, rounds, save } = chosen
      const parts = yield* partsOf(chosen)
      if (list) {
        return yield* Console.log(parts.flatMap(({ scenarios }) => scenarios.map(({ name }) => name)).join("\n"))
      }
      if (parts.every(({ scenarios }) => scenarios.length === 0)) {
        return yield* Effect.fail(`no scenario matches '${only}'; --list shows them`)
      }
      const fixtures = yield* makeFixtures(
        quick ? { smallFiles: 4000, bigFile: 256 } : { smallFiles: 20_000, bigFile: 1024 }
      )
      const effort = { rounds: rounds > 0 ? rounds : quick ? 3 : 5, interval: quick ? 0.1 : 0.2 }
      const machine = describe(fixtures.directory)
      const name = chosen.machine === "" ? nameOf(machine) : chosen.machine
      yield* Console.log(`${machineText(machine)}\n`)
      yield* Console.log(
        `Medians of ${effort.rounds} alternating rounds. "first is faster": how many times the rate of the side in the first row;\n` +
          `"first uses": its CPU time for each request. Both are medians of the ratios within a round. System calls and waits are counted ` +
          "in a run of their own,\nby strace where there is one, and for each request."
      )
      yield* Console.log(`${beside("fio", fio.installed)}\n${beside("Perl's IO::AIO", ioAio.installed)}\n`)
      if (cold.missing !== undefined) yield* Console.log(`${cold.missing}\n`)
      const end = minutes > 0 ? performance.now() + minutes * 60_000 : Number.POSITIVE_INFINITY
      const left: Array<string> = []
      for (const { backends, scenarios } of parts) {
        const [backend] = backends
        const settings: Settings = { fixtures, effort, backends }
        const measured: Measured = { comparisons: [], figures: {}, tables: {} }
        for (const scenario of scenarios) {
          if (save && !quick && results.has(name, machine, backend, scenario.name)) continue
          if (performance.now() > end) {
            left.push(`${backend}: ${scenario.name}`)
            continue
          }
          const found = yield* measure(scenario, settings, measured)
          if (save) results.save(name, machine, backend, results.entries(found, { machine, effort, quick }))
        }
        const targets = verdicts(backend, measured)
        yield* Console.log(verdictsText(targets))
        writeReport(json, machine, { backends, effort, ...measured, targets })
      }
      yield* Console.log(
        save ? `Saved as ${name}: \`npm run performance\` brings the documents up to date` : `Written to ${json}`
      )
      if (left.length > 0) yield* Console.log(`Not begun for want of time, run it again:\n  ${left.join("\n  ")}`)
    })
  )

const command = Command.make("bench", options, (chosen) => {
  const { backend, check, counts: isCounting, write } = chosen
  if (!isCounting) return bench(chosen)
  return counts({ rows: chosen.only, backends: backend.length > 0 ? backend : backendNames, check, write })
}).pipe(Command.withDescription("Compares effect-aio with what a Node program could use otherwise."))

const cli = Command.run(command, { name: "effect-aio bench", version: "0.1.0" })

NodeRuntime.runMain(Effect.provide(cli(process.argv), NodeContext.layer))
