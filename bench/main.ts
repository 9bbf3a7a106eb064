/** `npm run bench`: the same work done by effect-aio and by everything else a Node program could use. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { makeFixtures } from "./fixtures.ts"
import { type ComparisonResult, compare, type Figure } from "./measure.ts"
import { comparisonText, figuresText, verdictsText, writeReport } from "./report.ts"
import { type Scenario, scenarios } from "./scenarios.ts"
import type { Settings } from "./settings.ts"
import * as fio from "./sides/fio.ts"
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
  backend: Options.choice("backend", ["io_uring", "threads"]).pipe(
    Options.withDescription("Backend of effect-aio, repeatable; others are compared with the first. Default io_uring."),
    Options.repeated
  ),
  json: Options.text("json").pipe(
    Options.withDescription("Where the results go as JSON."),
    Options.withDefault("bench/results/latest.json")
  ),
  list: Options.boolean("list").pipe(Options.withDescription("Prints the names of the scenarios, and ends."))
}

const runAll = (chosen: ReadonlyArray<Scenario>, settings: Settings) =>
  Effect.gen(function* () {
    const comparisons: Array<ComparisonResult> = []
    const figures: Record<string, ReadonlyArray<Figure>> = {}
    for (const scenario of chosen) {
      if (scenario.kind === "comparison") {
        const result = yield* compare(yield* scenario.make(settings), settings.effort)
        comparisons.push(result)
        yield* Console.log(comparisonText(result))
      } else {
        const result = yield* scenario.make(settings)
        figures[scenario.name] = result
        yield* Console.log(figuresText(`${scenario.title} (${scenario.name})`, result))
      }
    }
    return { comparisons, figures }
  })

const command = Command.make("bench", options, ({ backend, json, list, only, quick, rounds }) =>
  Effect.scoped(
    Effect.gen(function* () {
      const pattern = yield* Effect.try({ try: () => new RegExp(only), catch: String })
      const chosen = scenarios(quick).filter(({ name }) => pattern.test(name))
      if (list) return yield* Console.log(chosen.map(({ name }) => name).join("\n"))
      if (chosen.length === 0) return yield* Effect.fail(`no scenario matches '${only}'; --list shows them`)
      const settings: Settings = {
        fixtures: yield* makeFixtures(
          quick ? { smallFiles: 4000, bigFile: 256 } : { smallFiles: 20_000, bigFile: 1024 }
        ),
        effort: { rounds: rounds > 0 ? rounds : quick ? 3 : 5, interval: quick ? 0.1 : 0.2 },
        backends: backend.length > 0 ? backend : ["io_uring"]
      }
      yield* Console.log(
        `Medians of ${settings.effort.rounds} alternating rounds. "first is faster": how many times the rate of the side in ` +
          `the first row;\n"first uses": its CPU time for each request. Both are medians of the ratios within a round.`
      )
      yield* Console.log(fio.installed === undefined ? "fio is not installed: left out.\n" : `${fio.installed}\n`)
      const measured = yield* runAll(chosen, settings)
      const targets = verdicts(measured)
      yield* Console.log(verdictsText(targets))
      writeReport(json, { backends: settings.backends, effort: settings.effort, ...measured, targets })
      yield* Console.log(`Written to ${json}`)
    })
  )
).pipe(Command.withDescription("Compares effect-aio with what a Node program could use otherwise."))

const cli = Command.run(command, { name: "effect-aio bench", version: "0.1.0" })

NodeRuntime.runMain(Effect.provide(cli(process.argv), NodeContext.layer))
