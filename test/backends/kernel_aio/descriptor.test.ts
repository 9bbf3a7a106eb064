/** For other event loops: the Layer's descriptor is readable while completions of the kernel's wait, and not after that. */
import { readSync, writeSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioBlocking } from "effect-aio"
import { currentEngine } from "../../../src/internal/effect/service.ts"
import { POLLIN, pollEvents } from "../../../src/internal/native/readiness.ts"
import { settled } from "../../support/processState.ts"
import { kernelLayers, nothingInThreads, pipes } from "./fixtures/support.ts"

const readable = (fd: number): boolean => pollEvents(fd, POLLIN, 0) !== 0

describe.each(kernelLayers)("$name", ({ layer, name }) => {
  it.scopedLive("readable until the last of 8 completions is delivered", () =>
    Effect.gen(function* () {
      yield* Aio.setLimits({ maxPollRequests: 1 })
      const fd = yield* AioBlocking.pollDescriptor
      const made = yield* pipes(4)
      for (let round = 0; round < 50; round++) {
        // Two polls of each.
        const polls = yield* Effect.forEach([...made, ...made], ({ read }) =>
          Effect.fork(Aio.pollFd(read, { readable: true }))
        )
        const engine = yield* currentEngine
        expect(yield* settled(() => engine.places.executing, 8)).toBe(8)
        expect(readable(fd)).toBe(false)
        const rest: Array<readonly [number, boolean]> = yield* Effect.sync(() => {
          // The event loop sees nothing of this.
          for (const { write } of made) writeSync(write, "x")
          return Array.from({ length: 8 }, () => [engine.poll(), readable(fd)] as const)
        })
        expect(rest.slice(0, 7)).toEqual(Array.from({ length: 7 }, () => [1, true]))
        // Asked for one, the kernel does not say whether there is another.
        if (name === "kernel AIO") expect(rest[7]).toEqual([1, false])
        expect(engine.poll(0)).toBe(0)
        yield* Fiber.joinAll(polls)
        for (const { read } of made) readSync(read, Buffer.alloc(9))
      }
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("wait and poll alone: no turn of Node's event loop", () =>
    Effect.gen(function* () {
      const engine = yield* currentEngine
      const made = yield* pipes(10)
      const fibers = yield* Effect.forEach(made, ({ read }) => Effect.fork(Aio.pollFd(read, { readable: true })))
      yield* Effect.yieldNow()
      const ended = yield* Effect.sync(() => {
        engine.poll()
        let waits = 0
        for (const { write } of made) {
          writeSync(write, "x")
          const before = engine.outstanding
          while (engine.outstanding === before && waits < 1000) {
            waits++
            engine.blocking.wait(1000)
            engine.poll()
          }
        }
        return [engine.outstanding, waits < 100]
      })
      expect(ended).toEqual([0, true])
      yield* Fiber.joinAll(fibers)
      yield* nothingInThreads
    }).pipe(Effect.provide(layer()))
  )
})
