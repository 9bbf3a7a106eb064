/** Where the system refuses threads (`ulimit -u`, the pids limit of a container): an error for the request, and none for the process. */
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { runFixture } from "../../fixtures/child.ts"

it.live("a typed error; and when threads can be had again, it goes on", () =>
  Effect.gen(function* () {
    const { code, stderr, stdout } = yield* Effect.promise(() =>
      runFixture("../backends/threads/fixtures/noThreads.ts")
    )
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout.trim().split("\n")).toEqual(["AioError EAGAIN", "ok"])
  })
)
