/** When nothing completes, the event loop sleeps: no descriptor stays readable, no turn follows a turn. */

import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioFile } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { idlePipes } from "../../support/fifo.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const BUSY = 0.8

/** Of a spinning loop, also where others want the processor. A loop that is not let run at all does not sleep either, and uses none. */
const CPU = 0.25

/** Whether the event loop neither sleeps nor stands still for so many milliseconds. */
const spins = (milliseconds: number): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    const loop = performance.eventLoopUtilization()
    const cpu = process.cpuUsage()
    const start = performance.now()
    yield* Effect.sleep(milliseconds)
    const { system, user } = process.cpuUsage(cpu)
    const elapsed = (performance.now() - start) * 1000
    return performance.eventLoopUtilization(loop).utilization > BUSY && (user + system) / elapsed > CPU
  })

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("after bursts of requests, and while reads wait", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      writeFileSync(path, new Uint8Array(65536))
      const file = yield* AioFile.open(path)
      const pipes = yield* idlePipes(2)
      const waiting = yield* Effect.forEach(pipes, (fd) => Effect.fork(Aio.read(fd, new Uint8Array(8))))
      let spinning = 0
      for (let burst = 0; burst < 30; burst++) {
        // Different lengths, so that the last completion comes at all moments of a turn.
        yield* Effect.forEach(Array.from({ length: 1 + burst }), () => Effect.zip(file.sync, Aio.statvfs(path)), {
          concurrency: 16,
          discard: true
        })
        // A loop that spins does so until something completes. One that was late, or collected garbage, does not.
        if ((yield* spins(5)) && (yield* spins(150)) && (yield* spins(600))) spinning++
      }
      expect(spinning).toBe(0)
      yield* Fiber.interruptAll(waiting)
      expect(yield* spins(100)).toBe(false)
    }).pipe(Effect.provide(layer))
  )
})
