/** More completions at once than the completion ring holds: none is lost. */

import { writeSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { idlePipes } from "../../support/fifo.ts"

const PIPES = 400

describe.each(realBackends)("$name", ({ layerWith, mechanism }) => {
  for (const maxPollRequests of [1024, 7]) {
    it.scopedLive(`${PIPES} pipes made ready in one turn, ${maxPollRequests} completions a turn`, () =>
      Effect.gen(function* () {
        const pipes = yield* idlePipes(PIPES)
        for (let round = 0; round < 3; round++) {
          const fibers = yield* Effect.forEach(pipes, (fd, index) =>
            Effect.fork(
              Effect.gen(function* () {
                const buffer = new Uint32Array(2)
                expect(yield* Aio.read(fd, new Uint8Array(buffer.buffer))).toBe(8)
                expect(Array.from(buffer)).toEqual([index, round])
              })
            )
          )
          // All of them in the kernel: the limit on a small ring has to grow for it. Threads take them four at a time.
          yield* Effect.sleep(mechanism === "io_uring" ? 500 : 20)
          pipes.forEach((fd, index) => {
            writeSync(fd, new Uint32Array([index, round]))
          })
          for (const fiber of fibers) yield* Fiber.join(fiber)
        }
        expect((yield* Aio.stats).outstanding).toBe(0)
      }).pipe(Effect.timeout("45 seconds"), Effect.provide(layerWith({ entries: 8, maxPollRequests })))
    )
  }
})
