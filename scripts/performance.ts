/**
 * Writes the tables of the README and of docs/performance.md from bench/results, one file a machine, and from bench/counts.json: `npm run performance`. With `--check` it only
 * tells whether they agree. The prose around them is written by hand.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { countsTable, marksOf, replaceSections, sections } from "../bench/markdown.ts"
import { load, quickOnes } from "../bench/results.ts"

const documents = ["README.md", "docs/performance.md"]

const fail = (message: string): void => {
  console.error(message)
  process.exitCode = 1
}

const machines = load()
const quick = quickOnes(machines)
const counts = JSON.parse(readFileSync(new URL("../bench/counts.json", import.meta.url), "utf8"))
if (machines.length === 0) {
  console.log(
    "bench/results has no results yet: tables of times stay as they are. `npm run bench -- --save` measures some."
  )
}
if (quick.length > 0) fail(`Measured with --quick, which no document may tell:\n  ${quick.join("\n  ")}`)
const found = new Map([...(quick.length > 0 ? [] : sections(machines)), ["counts", countsTable(counts)]])
for (const name of documents) {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url))
  const before = readFileSync(path, "utf8")
  const after = replaceSections(before, found)
  const typed = marksOf(before).filter((mark) => !found.has(mark))
  if (typed.length > 0) console.log(`${name}: not measured yet, and left as typed: ${typed.join(", ")}`)
  if (after === before) continue
  if (process.argv.includes("--check"))
    fail(`${name} does not say what bench/results and bench/counts.json do: npm run performance`)
  else {
    writeFileSync(path, after)
    console.log(`${name} is written`)
  }
}
