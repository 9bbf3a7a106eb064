/** The process of threads.ts: memory of 1 to 16 threads, and the CPU time that they use while they wait. */
import { readFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import { Aio, ThreadPool } from "effect-aio"
import { report } from "../child.ts"
import type { Figure } from "../measure.ts"
import { collectGarbage } from "../memory.ts"

const MOST = 16
const KIBIBYTE = 1024
/** Seconds of doing nothing. */
const IDLE = 3

interface Memory {
  readonly rss: number
  readonly own: number
}

/** Bytes, proc_pid_smaps(5). */
const memory = (): Memory => {
  const rollup = readFileSync("/proc/self/smaps_rollup", "utf8")
  const of = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(rollup)![1]) * KIBIBYTE
  return { rss: of("Rss"), own: of("Private_Clean") + of("Private_Dirty") }
}

/** Waits until so many threads have started, worked, and wait. */
const start = (threads: number) =>
  Effect.gen(function* () {
    yield* ThreadPool.setControls({ minParallel: threads, maxParallel: threads, maxIdle: threads })
    // Enough for each of them to have run its loop often, and for its code to be compiled.
    yield* Effect.forEach(Array.from({ length: 5000 * threads }), () => Aio.nop(), { concurrency: 64, discard: true })
    for (let waiting = true; waiting; ) {
      const stats = yield* Aio.stats
      waiting = stats.threads !== threads || stats.idleThreads !== threads
      if (waiting) yield* Effect.sleep("10 millis")
    }
    // What a start leaves behind is collected, what was freed is given back.
    for (let i = 0; i < 3; i++) {
      collectGarbage()
      yield* Effect.sleep("100 millis")
    }
  })

/** Per cent of one core, of all threads of this process. */
const idleUse = Effect.gen(function* () {
  const cpu = process.cpuUsage()
  const start = performance.now()
  yield* Effect.sleep(`${IDLE} seconds`)
  const { system, user } = process.cpuUsage(cpu)
  return (user + system) / 10 / (performance.now() - start)
})

const program = Effect.gen(function* () {
  const before = yield* idleUse
  const growth: Array<Memory> = []
  for (let threads = 1; threads <= MOST; threads++) {
    yield* start(threads)
    growth.push(memory())
  }
  const after = yield* idleUse
  const mebibytes = (bytes: number): number => bytes / KIBIBYTE / KIBIBYTE
  const each = (part: (memory: Memory) => number): number =>
    mebibytes((part(growth[MOST - 1]) - part(growth[0])) / (MOST - 1))
  return [
    { name: "memory of a thread, resident", unit: "MiB", value: each(({ rss }) => rss) },
    { name: "memory of a thread, private", unit: "MiB", value: each(({ own }) => own) },
    { name: "idle, no thread", unit: "% of a core", value: before },
    { name: `idle, ${MOST} threads`, unit: "% of a core", value: after },
    { name: `idle, ${MOST} threads, beyond none`, unit: "% of a core", value: Math.max(after - before, 0) }
  ] satisfies ReadonlyArray<Figure>
})

report(await Effect.runPromise(Effect.scoped(Effect.provide(program, ThreadPool.layer({ inline: false })))))
