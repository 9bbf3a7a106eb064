/**
 * SIGKILL at any moment: what was acknowledged is there, and a file is one of those that were written. `KILLS=500` raises the number of processes
 * from 15 for each of both.
 */
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { runFixture } from "../fixtures/child.ts"
import { random } from "../support/random.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const KILLS = Number(process.env.KILLS ?? 15)

/** Runs the program, and kills it some time after it has been acknowledged something. The lines that it has said. */
const killed = (way: string, path: string, wait: number) =>
  Effect.promise(async () => {
    let isKilled = false
    const { signal, stderr, stdout } = await runFixture("killed.ts", {
      args: [way, path],
      onOutput: (_, child) => {
        if (isKilled) return
        isKilled = true
        setTimeout(() => child.kill("SIGKILL"), wait)
      }
    })
    expect([signal, stderr]).toEqual(["SIGKILL", ""])
    // A line that was cut off was not acknowledged.
    return stdout.split("\n").slice(0, -1)
  })

/** Several at once: most of the time they start. */
const rounds = <E, R>(
  run: (directory: string, wait: number) => Effect.Effect<unknown, E, R>
): Effect.Effect<void, E, R> => {
  const draw = random()
  return Effect.scoped(
    Effect.flatMap(temporaryDirectory, (directory) =>
      Effect.forEach(
        Array.from({ length: KILLS }, (_, i) => [join(directory, `${i}`), draw.integer(40)] as const),
        ([own, wait]) => {
          mkdirSync(own)
          return run(own, wait)
        },
        { concurrency: 3, discard: true }
      )
    )
  )
}

it.live(
  "writeAtomic: the file is whole, and not older than what was acknowledged",
  () =>
    rounds((directory, wait) =>
      Effect.gen(function* () {
        const path = join(directory, "file")
        const acknowledged = Number((yield* killed("replace", path, wait)).at(-1))
        const text = readFileSync(path, "utf8")
        const number = Number(text.split(" ", 1)[0])
        expect([acknowledged, acknowledged + 1]).toContain(number)
        expect(text).toBe(`${number} `.repeat(1000 + (number % 7) * 1000))
        const others = readdirSync(directory).filter((name) => name !== "file")
        expect(others.length).toBeLessThanOrEqual(1)
        for (const name of others) expect(name).toMatch(/^\.effect-aio-[0-9a-f]{16}\.tmp$/)
      })
    ),
  60_000 + KILLS * 5000
)

it.live(
  "AioLog: each record that was acknowledged is where it was said to be, and only the end may be cut",
  () =>
    rounds((directory, wait) =>
      Effect.gen(function* () {
        const path = join(directory, "log")
        const lines = yield* killed("log", path, wait)
        const text = readFileSync(path, "utf8")
        for (const line of lines) {
          const [offset, name, length] = line.split(" ")
          const record = text.slice(Number(offset), Number(offset) + Number(length))
          expect([record.split(" ", 1)[0], record.length, record.at(-1)]).toEqual([name, Number(length), "\n"])
        }
        const whole = text.slice(0, text.lastIndexOf("\n")).split("\n")
        for (const record of whole) expect(record).toMatch(/^\d\.\d+ x*$/)
      })
    ),
  60_000 + KILLS * 5000
)
