/** When nothing completes, the event loop sleeps: no descriptor stays readable, no turn follows a turn. */

import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioFile } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { idlePipes } from "../support/fifo.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const BUSY = 0.8

/** The share of `milliseconds` in which the event loop did not sleep. */
const busyShare = (milliseconds: number): Effect.Effect<number> =>
  Effect.gen(function* () {
    const before = performance.eventLoopUtilization()
    yield* Effect.sleep(milliseconds)
    return performance.eventLoopUtilization(before).utilization
  })

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("after bursts of requests, and while reads wait", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      writeFileSync(path, new Uint8Array(65536))
      const file = yield* AioFile.open(path)
      const pipes = yield* idlePipes(2)
      const waiting = yield* Effect.forEach(pipes, (fd) => Effect.fork(Aio.read(fd, new Uint8Array(8))))
      const shares: Array<number> = []
      for (let burst = 0; burst < 60; burst++) {
        // Different lengths, so that the last completion comes at all moments of a turn.
        yield* Effect.forEach(Array.from({ length: 1 + burst }), () => Effect.zip(file.sync, Aio.statvfs(path)), {
          concurrency: 16,
          discard: true
        })
        const share = yield* busyShare(20)
        // A loop that spins does so until something completes; a loop that was only late does not.
        if (share > BUSY) shares.push(yield* busyShare(150))
      }
      expect(shares.filter((share) => share > BUSY)).toEqual([])
      yield* Fiber.interruptAll(waiting)
      expect(yield* busyShare(100)).toBeLessThan(BUSY)
    }).pipe(Effect.provide(layer))
  )
})
