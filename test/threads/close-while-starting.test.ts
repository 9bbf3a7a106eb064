/** A Layer may close while its threads are still starting: it waits for them, and the process lives on. */
import { Worker } from "node:worker_threads"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, ThreadPool } from "effect-aio"
import { vi } from "vitest"
import { runFixture } from "../fixtures/child.ts"
import { threadsFromHere } from "./fixtures/pool.ts"

it.live("no thread is left when the Scope is closed", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    yield* Effect.provide(Aio.nop(), ThreadPool.layer({ inline: false, minParallel: 6 }))
    expect(extra()).toBe(0)
  })
)

// Node aborts the process when a thread is terminated while it loads native code: once in some thousand times, so that trying does
// not show it.
it.live("threads that are not up yet are not terminated", () =>
  Effect.gen(function* () {
    const original = Worker.prototype.terminate
    const numbers: Array<number> = []
    yield* Effect.gen(function* () {
      const { engine } = yield* Aio.Aio
      yield* Aio.nop()
      const { threads } = engine.backend as any
      const tids: Int32Array = threads.views.tids
      vi.spyOn(Worker.prototype, "terminate").mockImplementation(function (this: Worker) {
        numbers.push(Atomics.load(tids, threads.workers.indexOf(this)))
        return original.call(this)
      })
    }).pipe(Effect.provide(ThreadPool.layer({ inline: false, minParallel: 6 })))
    vi.restoreAllMocks()
    // 0: not up yet.
    expect(numbers).not.toContain(0)
  })
)

describe("in a process of its own", () => {
  it.live("at every moment of their start", () =>
    Effect.gen(function* () {
      const { code, signal, stderr, stdout } = yield* Effect.promise(() =>
        runFixture("../threads/fixtures/close-while-starting.ts", { timeout: 50_000 })
      )
      expect([code, signal, stderr, stdout]).toEqual([0, null, "", "closed 30 times\n"])
    })
  )
})
