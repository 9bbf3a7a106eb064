/**
 * Calls the public API with all kinds of values, in several lives of a Layer one after the other, and tells what should not have happened.
 * Arguments: backend, seed, number of calls, a directory of its own. Each call is a line of standard output before it is made, so that the
 * last lines tell what ended the process; the last line of all is the report.
 */

import * as fs from "node:fs"
import { join } from "node:path"
import { chdir } from "node:process"
import { FileSystem } from "@effect/platform"
import { Cause, Effect, ExecutionStrategy, Exit, type Fiber, Layer, Runtime, Scope } from "effect"
import { Aio, AioFileSystem, IoUring, KernelAio, MockAio, PosixAio, ThreadPool } from "effect-aio"
import { descriptors } from "../support/processState.ts"
import { type Random, random } from "../support/random.ts"
import { Guards } from "./arrays.ts"
import { type Around, blocking, type Call, changesAll, chooser, makeOperation, objectsIn, running } from "./calls.ts"
import type { Declared } from "./declared.ts"
import { chance, hostileOf } from "./hostile.ts"
import type { Material } from "./roles.ts"
import { leftOpen, mockScene, realScene, type Scene } from "./scene.ts"
import { textOf, wrongThrow, wrongWith } from "./verdict.ts"

const [backend, seedText, callsText, root] = process.argv.slice(2)
const SEED = Number(seedText)
const CALLS = Number(callsText)
/** What the types say that calls fail with. */
const declared: Declared = JSON.parse(process.env.DECLARED!)
const LIFE = 400
/** Calls with the services of a Layer that has ended. */
const AFTERLIFE = 20
const AT_ONCE = 48
/** What waits longer is interrupted: it may wait for ever. */
const PATIENCE = 25
/** What has not ended so long after its interruption does not end. */
const HANG = Number(process.env.HANG ?? 45_000)

export interface Finding {
  readonly kind: string
  readonly call: string
  /** How often. */
  times: number
}

export interface Report {
  readonly calls: number
  readonly succeeded: number
  readonly findings: ReadonlyArray<Finding>
  /** What was there to call, and has not been called. */
  readonly uncalled: ReadonlyArray<string>
}

const say = (line: string): void => {
  const bytes = Buffer.from(`${line}\n`)
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(1, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error
    }
  }
}

const findings = new Map<string, Finding>()
let made = 0
let succeeded = 0
const called = new Set<string>()
let all: ReadonlyArray<string> = []

const found = (kind: string, call: string): void => {
  // One of a kind: numbers and names differ.
  const key = `${kind.replace(/\d+/g, "#")} ${call.replace(/\(.*/s, "")}`
  const known = findings.get(key)
  if (known !== undefined) known.times++
  else {
    findings.set(key, { kind, call: call.slice(0, 2000), times: 1 })
    say(`FOUND ${kind}: ${call.slice(0, 300)}`)
  }
}

const finish = (): never => {
  const report: Report = {
    calls: made,
    succeeded,
    findings: [...findings.values()],
    uncalled: all.filter((name) => !called.has(name))
  }
  say(JSON.stringify(report))
  process.exit(0)
}

/** Those that have not ended, and since when they should have. */
const live = new Map<object, { readonly text: string; since: number }>()

const recent: Array<string> = []

process.on("uncaughtException", (error) => found(`uncaught exception ${textOf(error)}`, recent.slice(-20).join("\n")))
process.on("unhandledRejection", (error) => found(`unhandled rejection ${textOf(error)}`, recent.slice(-20).join("\n")))
// Its limit of a file's size is an error number like others.
process.on("SIGXFSZ", () => undefined)

/** What each thread of this process waits in: its name, the kernel's function, and the system call. proc_pid_wchan(5) */
const waits = (): string =>
  fs
    .readdirSync("/proc/self/task")
    .map((task) =>
      ["comm", "wchan", "syscall", "stack"].map((file) => {
        try {
          return fs.readFileSync(`/proc/self/task/${task}/${file}`, "latin1").trim().slice(0, 200)
        } catch (error) {
          return String((error as NodeJS.ErrnoException).code)
        }
      })
    )
    .filter(([comm]) => !/^(node|V8Worker|DelayedTaskSche|SignalInspector)$/.test(comm))
    .map((parts) => parts.join(" "))
    .join("; ")

setInterval(() => {
  const now = performance.now()
  for (const { since, text } of live.values()) if (now - since > HANG) found("does not end", `${text}; ${waits()}`)
  if ([...findings.values()].some(({ kind }) => kind === "does not end")) finish()
}, 1000)

const hostile = hostileOf(SEED)
const operation = makeOperation((name, text, error) => {
  const wrong = wrongThrow(name, error)
  if (wrong !== undefined) found(wrong, text)
})

/** Runs one call to its end. */
const perform = (
  call: Call,
  material: Material,
  scope: Scope.Scope,
  run: (effect: Effect.Effect<unknown, unknown, Around>) => Fiber.RuntimeFiber<unknown, unknown>
): Promise<void> =>
  new Promise((resolve) => {
    const { after, draw, objects } = material
    made++
    called.add(call.name)
    if (!(call.name in declared)) found("nothing is known of its type", call.name)
    recent.push(call.text)
    if (recent.length > 100) recent.splice(0, 50)
    say(`${made} @${Math.round(performance.now())} ${call.text}`)
    let effect: Effect.Effect<unknown, unknown, Around> | undefined
    try {
      effect = running(call.make(), material)
    } catch (error) {
      const wrong = wrongThrow(call.name, error)
      if (wrong !== undefined) found(wrong, call.text)
    }
    if (effect === undefined) {
      for (const step of [...after.atOnce, ...after.meanwhile]) step()
      return resolve()
    }
    // What it opens lives on until the end of this life, or ends with the call.
    // A subscriber with back-pressure that takes nothing holds up everybody, as documented.
    const outlives = call.name !== "AioEvents.completions" && chance(draw, 60)
    const scoped = outlives ? Effect.provideService(effect, Scope.Scope, scope) : Effect.scoped(effect)
    const entry = { text: call.text, since: performance.now() }
    live.set(entry, entry)
    const fiber = run(scoped as Effect.Effect<unknown, unknown, Around>)
    for (const step of after.atOnce) step()
    for (const step of after.meanwhile) setTimeout(step, draw.integer(3))
    const interrupt = () => {
      entry.since = performance.now()
      fiber.unsafeInterruptAsFork(fiber.id())
    }
    const moment = draw.integer(10)
    if (moment === 0) interrupt()
    else if (moment === 1) setImmediate(interrupt)
    const timer = setTimeout(interrupt, moment === 2 ? draw.integer(5) : PATIENCE)
    fiber.addObserver((exit) => {
      clearTimeout(timer)
      live.delete(entry)
      const wrong = wrongWith(exit, declared[call.name])
      if (wrong !== undefined) found(wrong, call.text)
      if (Exit.isSuccess(exit)) {
        succeeded++
        if (call.opens && backend !== "mock" && typeof exit.value === "number") fs.closeSync(exit.value)
        for (const object of objectsIn(exit.value)) {
          if (objects.length < 40) objects.push(object)
          else objects[draw.integer(40)] = object
        }
      }
      resolve()
    })
  })

/** What some calls change for all others. */
const putBack: Effect.Effect<void, unknown, any> =
  backend === "mock"
    ? Effect.zip(
        MockAio.heal,
        MockAio.configure({
          latency: 0,
          cancellation: "immediate",
          capacity: 2 ** 30,
          maxDescriptors: 1e6,
          maxFileSize: 2 ** 30,
          user: { uid: 0, gid: 0 },
          umask: 0o022
        })
      )
    : ThreadPool.setControls({ minParallel: 0, maxParallel: 4, maxIdle: 4, idleTimeout: "10 seconds" })

const limitsBack = Aio.setLimits({
  maxPollRequests: 1024,
  maxPollTime: "1 hour",
  maxOutstanding: Number.POSITIVE_INFINITY
})

/** Of the life that has just ended. */
let afterlife: () => Promise<unknown> = () => Promise.resolve()

const life = (index: number, until: number): Effect.Effect<void, never, Around> =>
  Effect.gen(function* () {
    const service = yield* FileSystem.FileSystem
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const scene: Scene = yield* backend === "mock" ? (mockScene as never) : realScene(root)
    const runtime = yield* Effect.runtime<Around>()
    const run = Runtime.runFork(runtime)
    const { byName, choose, names } = chooser(service, backend === "mock")
    all = names
    const guards = new Guards()
    const objects: Array<object> = []
    const materialOf = (draw: Random): Material => ({
      draw,
      scene,
      guards,
      objects,
      hostile,
      operation,
      after: { atOnce: [], meanwhile: [] },
      mayOpen: index % 2 === 0
    })
    const drawOf = () => random(SEED ^ Math.imul(made + 1, 0x9e3779b1))

    const look = (when: string) =>
      Effect.map(scene.problems, (problems) => {
        const broken = guards.broken()
        const wrong = broken === undefined ? problems : [...problems, `bytes beside ${broken} were written`]
        for (const problem of wrong) found(problem, `${when} ${recent.slice(-60).join("\n")}`)
      })

    yield* Effect.promise(async () => {
      const back = () => Promise.all([putBack, limitsBack].map((effect) => Runtime.runPromiseExit(runtime)(effect)))
      for (const name of blocking) {
        const material = materialOf(drawOf())
        await perform(byName(name, material), material, scope, run)
        called.add(name)
      }
      const next = () => {
        const material = materialOf(drawOf())
        // Chance leaves out one or the other of some hundred functions.
        const missing = material.mayOpen && made % 20 === 0 ? names.find((name) => !called.has(name)) : undefined
        const call = missing === undefined ? choose(material) : byName(missing, material)
        return [call, perform(call, material, scope, run)] as const
      }
      afterlife = () => Promise.all(Array.from({ length: AFTERLIFE }, () => next()[1]))
      const worker = async () => {
        while (made < until) {
          const [call, ended] = next()
          await ended
          if (changesAll(call.name)) await back()
          if (made % 100 === 0) await Runtime.runPromiseExit(runtime)(scene.restore)
          // Whatever ends at once would keep the event loop from turning.
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, worker))
      await back()
    })
    yield* look("of the last calls:")
    const closing = { text: `the end of the Scope of life ${index} (seed ${SEED})`, since: performance.now() }
    live.set(closing, closing)
    const exit = yield* Effect.exit(Scope.close(scope, Exit.void))
    live.delete(closing)
    const wrong = wrongWith(exit)
    if (wrong !== undefined) found(wrong, closing.text)
    yield* look("at the end of a Scope:")
  }).pipe(Effect.scoped)

const draw = random(SEED)

const layerOf = (): Layer.Layer<Aio.Aio, unknown> => {
  const options = {
    maxPollRequests: draw.pick([undefined, 3, 1024]),
    maxOutstanding: draw.pick([undefined, undefined, 8]),
    inline: draw.pick([undefined, undefined, false as const])
  }
  switch (backend) {
    case "io_uring":
      return IoUring.layer({ ...options, entries: draw.pick([undefined, 8]) })
    case "kernel":
      return KernelAio.layer(options)
    case "posix":
      return PosixAio.layer(options)
    case "threads":
      return ThreadPool.layer({ ...options, maxParallel: draw.pick([undefined, 2]) })
    default:
      return MockAio.layer({ ...options, seed: SEED })
  }
}

if (backend !== "mock") {
  fs.mkdirSync(join(root, "home"), { recursive: true })
  fs.mkdirSync(join(root, "tmp"), { recursive: true })
  chdir(join(root, "home"))
}

let most = Number.POSITIVE_INFINITY
for (let index = 0; made < CALLS; index++) {
  const mayOpen = index % 2 === 0
  const layer = layerOf()
  const text = `the end of the Layer of life ${index} (seed ${SEED})`
  const entry = { text, since: Number.POSITIVE_INFINITY }
  live.set(entry, entry)
  const program = Effect.ensuring(
    life(index, Math.min(CALLS, made + LIFE)) as Effect.Effect<void, never, Aio.Aio | FileSystem.FileSystem>,
    Effect.sync(() => {
      entry.since = performance.now()
    })
  )
  const exit = await Effect.runPromiseExit(Effect.provide(program, Layer.provideMerge(AioFileSystem.layer, layer)))
  live.delete(entry)
  if (Exit.isFailure(exit)) {
    found(wrongWith(exit) ?? `life ends: ${Cause.pretty(exit.cause)}`, text)
    if (index === 0) finish()
  }
  await afterlife()
  if (backend === "mock") continue
  const left = leftOpen(root)
  if (!mayOpen && left.length > 0) found(`descriptors left open: ${left.slice(0, 5).join(", ")}`, text)
  // What is opened once and for all has been opened by then.
  const open = descriptors().size
  if (index === 5) most = open + 16
  if (open > most) {
    found(`${open} descriptors are open, and ${most} were after the first lives`, text)
    most = open
  }
}
finish()
