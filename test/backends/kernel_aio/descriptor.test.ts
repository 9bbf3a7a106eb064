/** For other event loops: the Layer's descriptor is readable while completions of the kernel's wait, and not after that. */
import { readSync, writeSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioBlocking } from "effect-aio"
import { byHand, statsReach } from "../../support/engine.ts"
import { isReadable as readable } from "../../support/systemCalls.ts"
import { kernelLayers, nothingInThreads, pipes } from "./fixtures/support.ts"

describe.each(kernelLayers)("$name", ({ layer, name }) => {
  it.scopedLive("readable until the last of 8 completions is delivered", () =>
    Effect.gen(function* () {
      yield* Aio.setLimits({ maxPollRequests: 1 })
      const hand = yield* byHand
      const fd = yield* AioBlocking.pollDescriptor
      const made = yield* pipes(4)
      for (let round = 0; round < 50; round++) {
        // Two polls of each.
        const polls = yield* Effect.forEach([...made, ...made], ({ read }) =>
          Effect.fork(Aio.pollFd(read, { readable: true }))
        )
        yield* statsReach({ executing: 8 })
        expect(readable(fd)).toBe(false)
        const rest: Array<readonly [number, boolean]> = yield* Effect.sync(() => {
          // The event loop sees nothing of this.
          for (const { write } of made) writeSync(write, "x")
          return Array.from({ length: 8 }, () => [hand.poll(), readable(fd)] as const)
        })
        expect(rest.slice(0, 7)).toEqual(Array.from({ length: 7 }, () => [1, true]))
        // Asked for one, the kernel does not say whether there is another.
        if (name === "kernel AIO") expect(rest[7]).toEqual([1, false])
        expect(hand.poll()).toBe(0)
        yield* Fiber.joinAll(polls)
        for (const { read } of made) readSync(read, Buffer.alloc(9))
      }
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("wait and poll alone: no turn of Node's event loop", () =>
    Effect.gen(function* () {
      const hand = yield* byHand
      const made = yield* pipes(10)
      const fibers = yield* Effect.forEach(made, ({ read }) => Effect.fork(Aio.pollFd(read, { readable: true })))
      yield* Effect.yieldNow()
      const ended = yield* Effect.sync(() => {
        hand.poll()
        let waits = 0
        for (const { write } of made) {
          writeSync(write, "x")
          const before = hand.stats().outstanding
          while (hand.stats().outstanding === before && waits < 1000) {
            waits++
            hand.wait(1000)
            hand.poll()
          }
        }
        return [hand.stats().outstanding, waits < 100]
      })
      expect(ended).toEqual([0, true])
      yield* Fiber.joinAll(fibers)
      yield* nothingInThreads
    }).pipe(Effect.provide(layer()))
  )
})
