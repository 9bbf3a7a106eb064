/** What threads leave behind when they have ended: nothing, however many Layers a process has had. */
import { readFileSync } from "node:fs"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, ThreadPool } from "effect-aio"

const mappings = (): number => readFileSync("/proc/self/maps", "latin1").split("\n").length

it.live("a thousand Layers with threads, one after the other", () =>
  Effect.gen(function* () {
    const use = Effect.provide(
      Effect.forEach([1, 2, 3, 4], () => Aio.nop(), { concurrency: 4, discard: true }),
      ThreadPool.layer({ inline: false, minParallel: 2 })
    )
    // Libraries, and what libc keeps of the stacks of threads for the next ones.
    yield* Effect.repeatN(use, 20)
    const before = mappings()
    yield* Effect.repeatN(use, 1000)
    // The heap of JavaScript grows and shrinks by a few.
    expect(mappings() - before).toBeLessThan(100)
  })
)
