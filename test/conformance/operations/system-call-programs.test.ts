/** Several system calls in one request do what they do as requests of their own, on every backend. */
import { constants, readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Aio } from "effect-aio"
import { currentEngine } from "../../../src/internal/effect/service.ts"
import { Failed } from "../../../src/internal/engine/failed.ts"
import { errno } from "../../../src/internal/native/errno.ts"
import * as catalogue from "../../../src/internal/operation/catalogue.ts"
import {
  AFTER_ALL,
  type CallStep,
  type ExpectStep,
  notRun,
  type ProgramEnd,
  type Step,
  unmet
} from "../../../src/internal/operation/program.ts"
import { backends, realBackends } from "../../support/backends.ts"
import { makeFifos } from "../../support/fifo.ts"
import { descriptorsIn } from "../../support/processState.ts"
import { type Random, random, seed } from "../../support/random.ts"
import { type Manner, runProgram } from "../../support/systemCallPrograms.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import type { World } from "../../support/world.ts"

const PROGRAMS = Number(process.env.PROGRAMS ?? 60)

const NAMES = ["a", "b", "directory", "directory/c", "new", "none/d", "a/e"]
const { O_CREAT, O_DIRECTORY, O_EXCL, O_RDWR, O_TRUNC } = constants
const FLAGS = [0, O_RDWR, O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_EXCL, O_RDWR | O_CREAT | O_TRUNC, O_DIRECTORY]

/** Steps that are about what earlier ones have opened and found, most of the time. */
const randomSteps = (numbers: Random, directory: string): ReadonlyArray<Step> => {
  const path = () => join(directory, numbers.pick(NAMES))
  const opens: Array<number> = []
  const stats: Array<number> = []
  const some = (steps: ReadonlyArray<number>) => (steps.length === 0 ? undefined : numbers.pick(steps))
  const steps: Array<Step> = []
  const length = 1 + numbers.integer(12)
  const buffer = () => new Uint8Array(numbers.integer(3) * 3000).fill(1 + numbers.integer(200))
  const onOpened = (fd: number): Step => {
    const use = (operation: CallStep["operation"], more: Partial<CallStep> = {}): Step => ({ operation, fd, ...more })
    const kinds = [
      () => use(catalogue.fstat(0)),
      () => use(catalogue.write(0, buffer()), { whole: numbers.integer(2) === 0 }),
      () => use(catalogue.write(0, buffer(), { offset: numbers.integer(100) })),
      () => use(catalogue.ftruncate(0, numbers.integer(5000))),
      () => use(catalogue.fsync(0)),
      () => use(catalogue.readdir(0)),
      () => use(catalogue.close(0), { always: numbers.integer(2) === 0 }),
      () => {
        const size = some(stats)
        return use(catalogue.copyFileRange(0, 0, { length: 1000 }), {
          to: numbers.pick(opens),
          whole: true,
          ...(size === undefined ? {} : { length: { step: size, field: "size" } })
        })
      }
    ]
    return numbers.pick(kinds)()
  }
  const expectation = (step: number): ExpectStep => {
    const field = numbers.pick(["mode", "ino", "size"] as const)
    const mask = field === "mode" ? { mask: 0o170000n } : {}
    const other = numbers.integer(2) === 0 ? { step: numbers.pick(stats), field } : field === "mode" ? 0o100000n : 0n
    return { expect: { step, field }, ...mask, ...(numbers.integer(2) === 0 ? { is: other } : { isNot: other }) }
  }
  const goesOn = (): Partial<CallStep> =>
    numbers.integer(2) === 0 ? {} : { goesOn: numbers.pick([AFTER_ALL, AFTER_ALL, errno.ENOENT, errno.EEXIST]) }
  for (let index = 0; index < length; index++) {
    const opened = some(opens)
    const found = some(stats)
    const kind = numbers.integer(10)
    if (kind < 4 && opened !== undefined) steps.push({ ...onOpened(opened), ...goesOn() } as Step)
    else if (kind === 4 && found !== undefined) steps.push(expectation(found))
    else if (kind < 7) {
      opens.push(index)
      const mode =
        found !== undefined && numbers.integer(2) === 0 ? { mode: { step: found, field: "mode" } as const } : {}
      steps.push({ operation: catalogue.open(path(), { flag: numbers.pick(FLAGS) }), ...mode, ...goesOn() })
    } else {
      const onNames = [
        () => catalogue.mkdir(path()),
        () => catalogue.rmdir(path()),
        () => catalogue.unlink(path()),
        () => catalogue.rename(path(), path()),
        () => catalogue.symlink("a", path()),
        () => catalogue.readlink(path()),
        () => catalogue.truncate(path(), numbers.integer(5000)),
        () => catalogue.chmod(path(), 0o700)
      ]
      steps.push({ operation: numbers.pick(onNames)(), ...goesOn() })
    }
    const step = steps[index]
    // Where it does not run, what it finds is used all the same, and cannot be.
    if ("operation" in step && step.operation.entry === catalogue.fstat.entry && step.goesOn === undefined)
      stats.push(index)
  }
  return steps
}

/** Without what is another number each time. */
const shown = (directory: string, steps: ReadonlyArray<Step>, { ends, open, stoppedAt }: ProgramEnd): unknown => ({
  ends: ends.map((end, index) => {
    const step = steps[index]
    const name = "expect" in step ? "expect" : step.operation.entry.name
    if (end === notRun) return [name, "not run"]
    if (end === unmet) return [name, "unmet"]
    if (end instanceof Failed) return [name, "failed", end.operation, end.errno, end.problem]
    if (name === "open") return [name, "opened"]
    if (name === "fstat") {
      const { mode, nlink, size, type } = end as Aio.Stat
      return [name, type, mode, nlink, type === "File" ? size : 0n]
    }
    if (name === "readdir") {
      const { done, entries } = end as {
        readonly done: boolean
        readonly entries: ReadonlyArray<{ readonly name: string }>
      }
      return [name, done, entries.map(({ name }) => name).sort()]
    }
    return [name, typeof end === "string" ? end.replace(directory, "") : end]
  }),
  open: open.length,
  stoppedAt
})

const prepare = (world: World) =>
  Effect.gen(function* () {
    const directory = yield* world.directory
    yield* Aio.mkdir(join(directory, "directory"))
    yield* world.writeFile(join(directory, "a"), "a".repeat(4000))
    yield* world.writeFile(join(directory, "b"), "")
    yield* world.writeFile(join(directory, "directory/c"), "c")
    yield* Aio.chmod(join(directory, "a"), 0o640)
    return directory
  })

/** What is there afterwards. */
const tree = (world: World, path: string): Effect.Effect<unknown, never, Aio.Aio> =>
  Effect.gen(function* () {
    const { mode, target, type } = yield* world.facts(path)
    if (type === "File") return [mode, (yield* world.readFile(path)).toString("latin1")]
    if (type !== "Directory") return [type, target]
    const names = yield* world.list(path)
    const below: Record<string, unknown> = { mode }
    for (const name of names) below[name] = yield* tree(world, join(path, name))
    return below
  })

/** Runs a program made of `programSeed`; what it gives, and what is there afterwards. */
const outcome = (world: World, programSeed: number, manner: Manner) =>
  Effect.scoped(
    Effect.gen(function* () {
      const directory = yield* prepare(world)
      const steps = randomSteps(random(programSeed), directory)
      const end = yield* runProgram(steps, manner)
      yield* Effect.forEach(end.open, (fd) => Aio.close(fd), { discard: true })
      return { end: shown(directory, steps, end), tree: yield* tree(world, directory) }
    })
  )

/** What the first backend has made of a program: on all others it is to be the same. */
const first = new Map<number, unknown>()

describe.each(backends)("$name", ({ layer, world }) => {
  it.scopedLive(`${PROGRAMS} random programs (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      for (let i = 0; i < PROGRAMS; i++) {
        const programSeed = numbers.integer(2 ** 31)
        const inThread = yield* outcome(world, programSeed, "in a thread")
        const stepByStep = yield* outcome(world, programSeed, "step by step")
        expect({ programSeed, ...inThread }).toEqual({ programSeed, ...stepByStep })
        if (!first.has(programSeed)) first.set(programSeed, inThread)
        expect({ programSeed, ...inThread }).toEqual({ programSeed, ...(first.get(programSeed) as object) })
      }
    }).pipe(Effect.provide(layer))
  )
})

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("an interrupt at any step closes what was opened, and nothing behind that step is done", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [fifo] = makeFifos(directory, 1)
      const engine = yield* currentEngine
      const length = 5
      for (let waits = 0; waits < length; waits++) {
        const steps = Array.from({ length }, (_, index): Step => {
          const made = catalogue.open(join(directory, `${waits} ${index}`), { flag: O_RDWR | O_CREAT })
          return { operation: index === waits ? catalogue.open(fifo) : made }
        })
        const closing: Step = { operation: catalogue.close(0), fd: 0, always: true }
        const fiber = yield* Effect.fork(runProgram([...steps, closing]))
        yield* Effect.repeat(Effect.sleep(1), {
          until: () => engine.places.executing === 1 && descriptorsIn(directory) === waits
        })
        const exit = yield* Fiber.interrupt(fiber)
        expect(Exit.isInterrupted(exit)).toBe(true)
        expect(descriptorsIn(directory)).toBe(0)
        const made = readdirSync(directory).filter((name) => name.startsWith(`${waits} `))
        expect(made.sort()).toEqual(Array.from({ length: waits }, (_, index) => `${waits} ${index}`))
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a wrong argument of a later step is refused before the first one", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const made = catalogue.mkdir(join(directory, "made"))
      const wrong = catalogue.write(0, new Uint8Array(1), { offset: -1 })
      const exit = yield* Effect.exit(runProgram([{ operation: made }, { operation: wrong }]))
      expect(Exit.isFailure(exit)).toBe(true)
      expect(readdirSync(directory)).toEqual([])
    }).pipe(Effect.provide(layer))
  )
})
