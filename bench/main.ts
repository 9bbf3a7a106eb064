/** `npm run bench`: the same work done by effect-aio and by everything else a Node program could use. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as cold from "./coldDisk.ts"
import { counts } from "./counting/command.ts"
import { makeFixtures } from "./fixtures.ts"
import { writeSections } from "./markdown.ts"
import { type ComparisonResult, compare, type Figure, type Table } from "./measure.ts"
import { comparisonText, figuresText, tableText, verdictsText, writeReport } from "./report.ts"
import { type Scenario, scenarios } from "./scenarios.ts"
import type { Settings } from "./settings.ts"
import { backends as allBackends, type BackendName } from "./sides/aio.ts"
import * as fio from "./sides/fio.ts"
import * as ioAio from "./sides/ioAio.ts"
import { verdicts } from "./targets.ts"

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
  backend: Options.choice("backend", Object.keys(allBackends) as Array<BackendName>).pipe(
    Options.withDescription("Backend of effect-aio, repeatable; others are compared with the first. Default io_uring."),
    Options.repeated
  ),
  json: Options.text("json").pipe(
    Options.withDescription("Where the results go as JSON."),
    Options.withDefault("bench/results/latest.json")
  ),
  markdown: Options.text("markdown").pipe(
    Options.withDescription("A document whose tables are to be brought up to date, repeatable. See markdown.ts."),
    Options.repeated
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
  readonly markdown: ReadonlyArray<string>
  readonly list: boolean
}

/** What is left out for want of a program. */
const beside = (program: string, version: string | undefined): string =>
  version ?? `${program} is not installed: left out.`

const runAll = (chosen: ReadonlyArray<Scenario>, settings: Settings) =>
  Effect.gen(function* () {
    const comparisons: Array<ComparisonResult> = []
    const figures: Record<string, ReadonlyArray<Figure>> = {}
    const tables: Record<string, Table> = {}
    for (const scenario of chosen) {
      if (scenario.kind === "comparison") {
        const comparison = yield* scenario.make(settings)
        yield* settings.fixtures.warm
        const result = yield* compare(comparison, settings.effort)
        comparisons.push(result)
        yield* Console.log(comparisonText(result))
      } else if (scenario.kind === "table") {
        const result = yield* scenario.make(settings)
        tables[scenario.name] = result
        yield* Console.log(tableText(`${scenario.title} (${scenario.name})`, result))
      } else {
        const result = yield* scenario.make(settings)
        figures[scenario.name] = result
        yield* Console.log(figuresText(`${scenario.title} (${scenario.name})`, result))
      }
    }
    return { comparisons, figures, tables }
  })

const bench = ({ backend, json, list, markdown, only, quick, rounds }: Chosen) =>
  Effect.scoped(
    Effect.gen(function* () {
      const pattern = yield* Effect.try({ try: () => new RegExp(only), catch: String })
      const backends = backend.length > 0 ? backend : ["io_uring" as const]
      const chosen = scenarios(quick).filter(
        (scenario) =>
          pattern.test(scenario.name) && (scenario.backend === undefined || backends.includes(scenario.backend))
      )
      if (list) return yield* Console.log(chosen.map(({ name }) => name).join("\n"))
      if (chosen.length === 0) return yield* Effect.fail(`no scenario matches '${only}'; --list shows them`)
      const settings: Settings = {
        fixtures: yield* makeFixtures(
          quick ? { smallFiles: 4000, bigFile: 256 } : { smallFiles: 20_000, bigFile: 1024 }
        ),
        effort: { rounds: rounds > 0 ? rounds : quick ? 3 : 5, interval: quick ? 0.1 : 0.2 },
        backends
      }
      yield* Console.log(
        `Medians of ${settings.effort.rounds} alternating rounds. "first is faster": how many times the rate of the side in ` +
          `the first row;\n"first uses": its CPU time for each request. Both are medians of the ratios within a round.`
      )
      yield* Console.log(`${beside("fio", fio.installed)}\n${beside("Perl's IO::AIO", ioAio.installed)}\n`)
      if (cold.missing !== undefined) yield* Console.log(`${cold.missing}\n`)
      const measured = yield* runAll(chosen, settings)
      const targets = verdicts(settings.backends[0], measured)
      yield* Console.log(verdictsText(targets))
      writeReport(json, { backends: settings.backends, effort: settings.effort, ...measured, targets })
      yield* Console.log(`Written to ${json}`)
      for (const path of markdown) {
        const names = writeSections(path, settings.backends[0], { ...measured, targets })
        yield* Console.log(`${path}: ${names.length === 0 ? "nothing to write" : names.join(", ")}`)
      }
    })
  )

const backendNames = Object.keys(allBackends) as Array<BackendName>

const command = Command.make("bench", options, (chosen) => {
  const { backend, check, counts: isCounting, write } = chosen
  if (!isCounting) return bench(chosen)
  return counts({ rows: chosen.only, backends: backend.length > 0 ? backend : backendNames, check, write })
}).pipe(Command.withDescription("Compares effect-aio with what a Node program could use otherwise."))

const cli = Command.run(command, { name: "effect-aio bench", version: "0.1.0" })

NodeRuntime.runMain(Effect.provide(cli(process.argv), NodeContext.layer))
