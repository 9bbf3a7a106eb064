/** Whole trees of small files: listed, copied, removed, beside Node's own functions and the programs of the system. */
import { execFile } from "node:child_process"
import { readdirSync } from "node:fs"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { type Aio, AioTree } from "effect-aio"
import { range } from "../loops.ts"
import { type Comparison, metered, type Run, type Side, WrongWork } from "../measure.ts"
import type { Settings } from "../settings.ts"
import { layerOf } from "../sides/aio.ts"
import { makeTree, warmUp } from "./filesystem.ts"

const program = promisify(execFile)
/** The seconds of processor that a program takes, which bash(1) tells in its last line: of the user and of the system. */
const cpuSecondsOf = (command: string, args: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.map(
    Effect.promise(() => program("bash", ["-ec", '"$@"; times', command, command, ...args])),
    ({ stdout }) => {
      const [line] = stdout.trim().split("\n").slice(-1)
      return [...line.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
        (sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds),
        0
      )
    }
  )

/** One request is a name of the tree; a run is about a whole one. */
const whole = <E>(name: string, files: number, work: Effect.Effect<unknown, E>): Run => {
  const measured = Effect.map(metered(work), ([, spent]) => ({ requests: files, ...spent }))
  return () => Effect.mapError(measured, (problem) => new WrongWork({ side: name, reason: String(problem) }))
}

type Trees = (settings: Settings) => Effect.Effect<Comparison>

/** The same of a program of the system. `prepare` gives the arguments of each run. */
const byProgram = (name: string, files: number, prepare: () => () => ReadonlyArray<string>): Side => ({
  name,
  open: Effect.sync((): Run => {
    const [command] = name.split(" ")
    const args = prepare()
    return () =>
      Effect.map(metered(Effect.suspend(() => cpuSecondsOf(command, args()))), ([cpuSeconds, { seconds }]) => ({
        requests: files,
        seconds,
        cpuSeconds
      }))
  })
})

const trees =
  (name: string, what: string, sides: (settings: Settings, files: number) => ReadonlyArray<Side>): Trees =>
  (settings) =>
    Effect.sync(() => {
      const files = settings.fixtures.sizes.smallFiles
      const title = `${what} of ${files} files`
      return { name, title, unit: "files", requests: files, sides: sides(settings, files) }
    })

const withAio = (
  { backends }: Settings,
  name: string,
  make: (run: <E>(work: Effect.Effect<unknown, E, Aio.Aio>) => Effect.Effect<unknown, E>) => Run
): Side => ({
  name,
  open: Effect.map(Layer.build(layerOf(backends[0])), (context) => make((work) => Effect.provide(work, context)))
})

const plain = (name: string, make: () => Run): Side => ({ name, open: Effect.sync(make) })

export const scan = trees("tree-scan", "Names with their types", (settings, files) => {
  const tree = makeTree(settings.fixtures.directory, files)
  return [
    withAio(settings, "AioTree.scan", (run) => whole("AioTree.scan", files, run(Stream.runDrain(AioTree.scan(tree))))),
    plain("fs.promises.readdir", () =>
      whole(
        "fs.promises.readdir",
        files,
        Effect.promise(() => fs.readdir(tree, { recursive: true, withFileTypes: true }))
      )
    ),
    plain("fs.readdirSync", () =>
      whole(
        "fs.readdirSync",
        files,
        Effect.sync(() => readdirSync(tree, { recursive: true, withFileTypes: true }))
      )
    )
  ]
})

let copies = 0

/** Each copy goes to a new place. They are all removed with the fixtures. */
export const copy = trees("tree-copy", "Copies", (settings, files) => {
  const { directory } = settings.fixtures
  const tree = makeTree(directory, files)
  const next = () => join(directory, `copy-${copies++}`)
  return [
    withAio(settings, "AioTree.copy", (run) =>
      whole("AioTree.copy", files, run(Effect.suspend(() => AioTree.copy(tree, next()))))
    ),
    plain("fs.promises.cp", () =>
      whole(
        "fs.promises.cp",
        files,
        Effect.promise(() => fs.cp(tree, next(), { recursive: true }))
      )
    ),
    byProgram("cp -a", files, () => () => ["-a", tree, next()])
  ]
})

/** All trees are made beforehand, as in `fs-remove`. */
export const remove = trees("tree-remove", "Removal", (settings, files) => {
  const { directory } = settings.fixtures
  const stock = () => {
    const made = range(settings.effort.rounds + warmUp(settings) + 1).map(() => makeTree(directory, files))
    return () => made.pop()!
  }
  const removing = <E>(name: string, remove: (tree: string) => Effect.Effect<unknown, E>): Run => {
    const next = stock()
    return whole(
      name,
      files,
      Effect.suspend(() => remove(next()))
    )
  }
  return [
    withAio(settings, "AioTree.remove", (run) => removing("AioTree.remove", (tree) => run(AioTree.remove(tree)))),
    plain("fs.promises.rm", () =>
      removing("fs.promises.rm", (tree) => Effect.promise(() => fs.rm(tree, { recursive: true })))
    ),
    byProgram("rm -rf", files, () => {
      const next = stock()
      return () => ["-rf", next()]
    })
  ]
})
