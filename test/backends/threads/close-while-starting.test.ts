/** A Layer may close while its threads are still starting: it waits for them, and the process lives on. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, ThreadPool } from "effect-aio"
import { runFixture } from "../../fixtures/child.ts"
import { threadsFromHere } from "./fixtures/pool.ts"

it.live("no thread is left when the Scope is closed", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    yield* Effect.provide(Aio.nop(), ThreadPool.layer({ inline: false, minParallel: 6 }))
    expect(extra()).toBe(0)
  })
)

describe("in a process of its own", () => {
  it.live("at every moment of their start", () =>
    Effect.gen(function* () {
      const { code, signal, stderr, stdout } = yield* Effect.promise(() =>
        runFixture("../backends/threads/fixtures/closeWhileStarting.ts", { timeout: 50_000 })
      )
      expect([code, signal, stderr, stdout]).toEqual([0, null, "", "closed 30 times\n"])
    })
  )
})
