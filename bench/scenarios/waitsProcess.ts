/** The process of waits.ts. Arguments: the backend, a directory. */
import { execFileSync } from "node:child_process"
import { closeSync, openSync, readdirSync, writeSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Aio } from "effect-aio"
import { report } from "../child.ts"
import { range } from "../loops.ts"
import { type Figure, metered } from "../measure.ts"
import { type BackendName, layerOf } from "../sides/aio.ts"

const [backend, directory] = process.argv.slice(2) as [BackendName, string]

const WAITS = 10_000
/** An epoll set that another one watches may watch a file 500 times. */
const WAITS_EACH = 400
/** Seconds of doing nothing. */
const IDLE = 3

const descriptors = (): number => readdirSync("/proc/self/fd").length

/** Per cent of one core, of all threads of this process. */
const idleUse = Effect.map(
  metered(Effect.sleep(`${IDLE} seconds`)),
  ([, { cpuSeconds, seconds }]) => (100 * cpuSeconds) / seconds
)

const program = Effect.gen(function* () {
  const paths = range(WAITS / WAITS_EACH).map((index) => join(directory, `fifo ${index}`))
  execFileSync("mkfifo", paths)
  const pipes = paths.map((path) => openSync(path, "r+"))
  yield* Aio.nop()
  const without = yield* idleUse
  const before = descriptors()
  const waiting = yield* Effect.forEach(range(WAITS), (index) =>
    Effect.fork(Aio.pollFd(pipes[index % pipes.length], { readable: true }))
  )
  while ((yield* Aio.stats).executing < WAITS) yield* Effect.sleep("10 millis")
  // What was a moment ago is over.
  yield* Effect.sleep("300 millis")
  const each = (descriptors() - before) / WAITS
  const { threads } = yield* Aio.stats
  const idle = yield* idleUse
  for (const pipe of pipes) writeSync(pipe, "!")
  yield* Fiber.joinAll(waiting)
  for (const pipe of pipes) closeSync(pipe)
  return [
    { name: "idle, no wait", unit: "% of a core", value: without },
    { name: `idle, ${WAITS} waits`, unit: "% of a core", value: idle },
    { name: `idle, ${WAITS} waits, beyond none`, unit: "% of a core", value: Math.max(idle - without, 0) },
    { name: "threads", unit: "", value: threads },
    { name: "descriptors of a wait", unit: "", value: each }
  ] satisfies ReadonlyArray<Figure>
})

report(await Effect.runPromise(Effect.scoped(Effect.provide(program, layerOf(backend)))))
