/** The floors of the house: what may import what, see docs/architecture.md. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { circlesOf, folderOf, type Import, pictureOf, placeOfPicture, readImports } from "../../scripts/imports.ts"
import { project } from "../support/build.ts"

const imports = readImports(join(project, "src"))

/** What the files of a folder may import: other folders of src/internal, "src" and packages. Types count like values. */
const floors: Readonly<Record<string, ReadonlyArray<string>>> = {
  native: ["koffi"],
  engine: ["native"],
  operation: ["native", "engine"],
  backend: ["native", "engine", "operation"],
  task: ["native", "engine", "operation"],
  effect: ["native", "engine", "operation", "backend", "task", "src", "effect", "@effect"],
  file: ["native", "engine", "operation", "task", "effect", "src", "@effect"],
  filesystem: ["native", "engine", "operation", "task", "effect", "src", "@effect"]
}

const isPackage = (to: string): boolean => !imports.has(to)

const nameOf = (to: string): string => (isPackage(to) ? to.split("/")[0] : folderOf(to))

/** Every import of a file that its floor does not allow. */
const forbidden = (file: string, list: ReadonlyArray<Import>): ReadonlyArray<string> => {
  const folder = folderOf(file)
  const allowed = floors[folder]
  if (allowed === undefined) return [`${file} stands in no folder with a floor`]
  return list
    .filter(({ to }) => !to.startsWith("node:") && nameOf(to) !== folder && !allowed.includes(nameOf(to)))
    .map(({ to }) => `${file} -> ${to}`)
}

describe("imports", () => {
  it("go down only", () => {
    const inside = [...imports].filter(([file]) => file.startsWith("internal/"))
    expect(inside.flatMap(([file, list]) => forbidden(file, list))).toEqual([])
  })

  it("of values go round in no circle", () => {
    expect(circlesOf(imports, (_, { typeOnly }) => !typeOnly)).toEqual([])
  })

  it("of types go round only between a public module and its own internal one", () => {
    const circles = circlesOf(imports, () => true)
    expect(circles.filter((files) => files.length > 2 || files.every((file) => file.startsWith("internal/")))).toEqual(
      []
    )
  })

  it("stand in docs/architecture.md as they are", () => {
    const [picture] = placeOfPicture.exec(readFileSync(join(project, "docs/architecture.md"), "utf8")) ?? []
    // If not: node --import tsx scripts/imports.ts
    expect(picture).toBe(pictureOf(imports))
  })
})

/**
 * Tests use what is public: what they prove is then what a user sees. Those that test what has no public face stand here, with what that is.
 * `test/support/engine.ts` shows what an engine is doing, `test/support/systemCalls.ts` makes system calls.
 */
const reachesInside: Readonly<Record<string, string>> = {
  "backends/io_uring/loads.test.ts": "loads step by step, on answers that the kernel of this machine never gives",
  "backends/io_uring/long-turns.test.ts": "flags of submission entries: which copies go to a worker of the kernel's",
  "backends/kernel_aio/fixtures/support.ts": "Layers on contexts without a ring, and without ears",
  "backends/kernel_aio/suitable.test.ts": "which descriptors kernel AIO takes",
  "backends/posix_aio/cancel.test.ts": "glibc's control blocks, and the answers of aio_cancel(3)",
  "backends/posix_aio/fixtures/stall.ts": "glibc's control blocks: a request that is not the engine's",
  "backends/posix_aio/unavailable.test.ts": "a backend whose glibc refuses",
  "backends/threads/fixtures/pool.ts": "an operation that the catalogue does not have: it waits in a thread",
  "conformance/operations/catalogue.test.ts": "the catalogue is complete in all places",
  "conformance/operations/system-call-programs.test.ts": "programs of system calls, which no public function takes",
  "conformance/scheduling/poll-limits.test.ts": "turns on a clock of their own",
  "conformance/scheduling/throws-in-the-drain.test.ts": "operations whose parts throw",
  "conformance/scheduling/ways.test.ts": "the choice of the way: what it learns from answers and times",
  "filesystem/after-the-layer.test.ts": "how often the pool that serves afterwards is looked at",
  "fixtures/refusedMechanism.ts": "descriptors of a backend, to be replaced",
  "groups/completions.test.ts": "room of observers, and turns that are held back",
  "groups/handed-out.test.ts": "which descriptors are closed with their thread",
  "groups/native-chains.test.ts": "links in the submission queue of a ring",
  "operations/every-option.test.ts": "what aio_init(3) is given",
  "operations/layouts.test.ts": "layouts of structures, and machine code",
  "operations/observed/layers.ts": "sizes of a ring and a context, and what aio_init(3) is given",
  "operations/options.test.ts": "inputs of operations, which their constructors make",
  "operations/syscalls.test.ts": "numbers of system calls",
  "stalls/mounts.test.ts": "the parser of the table of mounts",
  "support/operationCalls.ts": "names of all operations, as a type",
  "support/systemCallPrograms.ts": "programs of system calls, which no public function takes",
  "support/ways.ts": "requests that go one way"
}

it("tests reach into src/internal only where they are named, with the reason", () => {
  const inside = /["'`](?:(?:\.\.\/)+src|effect-aio)\/internal\/|import\(join\(project, ["'`]src\/internal\//
  const files = readdirSync(join(project, "test"), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.[jt]s$/.test(name))
    .filter((name) => inside.test(readFileSync(join(project, "test", name), "utf8")))
  expect(files.sort()).toEqual(Object.keys(reachesInside).sort())
})

it("no file stands loose in src/internal, and none but lists of public functions has more than 500 lines", () => {
  const files = [...imports.keys()]
  expect(files.filter((file) => /^internal\/[^/]+$/.test(file))).toEqual([])
  const lists = ["Aio.ts", "AioOperation.ts", "internal/effect/operationValues.ts"]
  const long = files.filter(
    (file) => !lists.includes(file) && readFileSync(join(project, "src", file), "utf8").split("\n").length > 501
  )
  expect(long).toEqual([])
})
