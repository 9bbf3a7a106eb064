/** What vanishes from a tree while it is walked is left out, whatever error tells of it. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import { Aio, AioTree } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

/** A process that waits for its end. */
const sleeper = Effect.acquireRelease(
  Effect.sync(() => spawn("sleep", ["1000"], { stdio: "ignore" })),
  (child) => end(child)
)

/** Until nothing of it is in /proc any more. */
const end = (child: ReturnType<typeof spawn>) =>
  Effect.promise(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, "exit")
    child.kill("SIGKILL")
    await ended
  })

/** Until so many requests have ended since `before`. */
const ended = (before: number, count: number): Effect.Effect<void, never, Aio.Aio> =>
  Effect.repeat(
    Effect.zipLeft(
      Aio.stats,
      Effect.promise(() => new Promise(setImmediate))
    ),
    { until: (stats) => stats.completed >= before + count }
  ).pipe(Effect.asVoid)

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("scan: a process that ends between any two steps", () =>
    Effect.gen(function* () {
      // Directories are opened in one step and read in another: of a thread's `net`, the latter is EINVAL then.
      for (let steps = 2; steps < 16; steps++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const child = yield* sleeper
            const pull = yield* Stream.toPull(AioTree.scan(`/proc/${child.pid}`))
            for (let step = 0; step < steps; step++) yield* pull
            yield* end(child)
            const last = yield* Effect.flip(Effect.forever(pull))
            expect(last).toEqual(Option.none())
          })
        )
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("copy: files and directories that are removed meanwhile", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [from, to] = [join(directory, "from"), join(directory, "to")]
      const names = Array.from({ length: 150 }, (_, index) => `${index}`)
      for (const name of names) {
        fs.mkdirSync(join(from, name), { recursive: true })
        fs.writeFileSync(join(from, name, "file"), name)
      }
      const { completed } = yield* Aio.stats
      const copying = yield* Effect.fork(AioTree.copy(from, to))
      yield* ended(completed, 50)
      for (const name of names) fs.rmSync(join(from, name), { recursive: true, force: true })
      yield* Fiber.join(copying)
      const copied = fs.readdirSync(to)
      expect(copied.length).toBeLessThan(names.length)
      for (const name of copied) {
        const file = join(to, name, "file")
        if (fs.existsSync(file)) expect(fs.readFileSync(file, "utf8")).toBe(name)
      }
    }).pipe(Effect.provide(layer))
  )
})
