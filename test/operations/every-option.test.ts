/**
 * An option that a type accepts and the code ignores looks as if it worked. So every option of every public function stands in a table, with
 * what shows its effect.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { beforeAll, vi } from "vitest"
import { glibc } from "../../src/internal/native/posixAio.ts"
import { backends } from "../support/backends.ts"
import { project } from "../support/build.ts"
import { operationCalls } from "../support/operationCalls.ts"
import { pathUses } from "../support/pathUses.ts"
import { files } from "./observed/files.ts"
import { flags } from "./observed/flags.ts"
import { layerOptions } from "./observed/layers.ts"
import type { Lines } from "./observed/line.ts"
import { locks } from "./observed/locks.ts"
import { mock } from "./observed/mock.ts"
import { operations } from "./observed/operations.ts"
import { publicOptions } from "./publicOptions.ts"

// It is heard, not replaced.
vi.spyOn(glibc, "aioInit")

const lines: Lines = { ...operations, ...flags, ...files, ...locks, ...layerOptions, ...mock }
const all = Object.entries(lines)

let options: ReadonlySet<string>
beforeAll(() => {
  options = publicOptions()
  // The compiler has a lot to read, on a machine that may be slow.
}, 240_000)

it("each has its line, and each line its option", () => {
  const missing = [...options].filter((option) => !Object.hasOwn(lines, option))
  const superfluous = Object.keys(lines).filter((option) => !options.has(option))
  expect({ missing, superfluous }).toEqual({ missing: [], superfluous: [] })
})

it("the table of arguments knows all of them", () => {
  const calls = operationCalls({ path: "path", absent: "absent", other: "other", fd: 3, at: 4 })
  for (const [name, [, known = {}]] of Object.entries(calls)) {
    const own = [...options].flatMap((option) => option.match(`^Aio\\.${name}\\.(\\w+)$`)?.[1] ?? [])
    expect([name, Object.keys(known).sort()]).toEqual([name, own.sort()])
  }
})

it("whatever takes a directory to start at is used where paths must not leave one", () => {
  const used = new Set(Object.keys(pathUses).map((name) => name.split(",")[0]))
  const startsAt = [...options].flatMap((option) => option.match(/^(?!AioOperation\.)(.*)\.(?:at|toAt)$/)?.[1] ?? [])
  // Methods of a directory start there.
  const functions = startsAt.filter((name) => !name.startsWith("AioDirectory.AioDirectory."))
  expect(functions.filter((name) => !used.has(name))).toEqual([])
})

it("tests that are pointed at exist", () => {
  for (const [option, line] of all) {
    if (!("file" in line)) continue
    const text = readFileSync(join(project, "test", line.file), "utf8")
    expect(text.includes(JSON.stringify(line.title)), `${option}: "${line.title}" in ${line.file}`).toBe(true)
  }
})

/** The best of this machine, and the two that are everywhere. */
const mechanisms = backends.filter(
  ({ mechanism, name }) => name === mechanism && [backends[0].mechanism, "threads", "mock"].includes(mechanism)
)

describe.each(mechanisms)("$name", ({ layer, real, world }) => {
  for (const [option, line] of all) {
    if (!("on" in line)) continue
    it.scopedLive(option, () =>
      Effect.flatMap(world.directory, (directory) => Effect.scoped(line.on({ directory, world, real }))).pipe(
        Effect.provide(layer)
      )
    )
  }
})

describe("with Layers of their own", () => {
  for (const [option, line] of all) if ("alone" in line) it.scopedLive(option, () => line.alone)
})
