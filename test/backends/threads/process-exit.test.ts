/** A process whose threads are idle ends by itself; one that waits for them stays. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { runFixture } from "../../fixtures/child.ts"
import { ioUringBackends } from "../../support/backends.ts"

/** Milliseconds: idle threads that kept the process would do so for an hour. */
const SOON = 15_000

const run = (mode: string) =>
  Effect.promise(() => runFixture("../backends/threads/fixtures/idleExit.ts", { args: [mode] }))

describe("a program that has done its work", () => {
  it.live("with idle threads in an open Scope", () =>
    Effect.gen(function* () {
      const { code, lasted, stderr, stdout } = yield* run("threads")
      expect([code, stderr]).toEqual([0, ""])
      expect(Number(stdout.split(" ")[1])).toBeGreaterThanOrEqual(3)
      expect(lasted).toBeLessThan(SOON)
    })
  )

  it.live.skipIf(ioUringBackends.length === 0)("with idle threads of io_uring's pool", () =>
    Effect.gen(function* () {
      const { code, lasted, stderr, stdout } = yield* run("io_uring")
      expect([code, stderr]).toEqual([0, ""])
      expect(Number(stdout.split(" ")[1])).toBeGreaterThanOrEqual(1)
      expect(lasted).toBeLessThan(SOON)
    })
  )

  // Waiting for threads to end is something to do: the process stays until they have.
  it.live("that stops all threads before it ends", () =>
    Effect.gen(function* () {
      expect(yield* run("none")).toMatchObject({ code: 0, stderr: "", stdout: "idle 0\n" })
    })
  )
})
