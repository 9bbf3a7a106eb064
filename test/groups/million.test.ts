/** A million requests through a group: constant memory, never more than the limit, and timers that fire. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioGroup, AioOperation } from "effect-aio"
import { ioUringBackends } from "../support/backends.ts"
import { byHand } from "../support/engine.ts"
import { residentMebibytes } from "../support/processState.ts"

const MILLION = 1_000_000

function* nops(count: number, each: () => void) {
  const nop = AioOperation.nop()
  for (let i = 0; i < count; i++) {
    each()
    yield nop
  }
}

describe.each(ioUringBackends)("$name", ({ layer, layerWith }) => {
  it.scopedLive("fed: constant memory", () =>
    Effect.gen(function* () {
      const { stats } = yield* byHand
      const group = yield* AioGroup.make({ limit: 64 })
      let most = 0
      let pulled = 0
      // Now and then: a look costs more than a request. That of each pull is in group.test.ts.
      const watch = (): void => {
        // And the one that is given out here.
        if (++pulled % 101 === 0) most = Math.max(most, stats().outstanding + 1)
      }
      yield* group.feed(nops(100_000, watch))
      const before = residentMebibytes()
      let peak = 0
      let count = 0
      const summary = yield* group.feed(
        nops(MILLION, () => {
          watch()
          if (++count % 100_000 === 0) peak = Math.max(peak, residentMebibytes())
        })
      )
      expect(summary).toEqual({ requests: MILLION, failed: 0 })
      expect(most).toBeLessThanOrEqual(64)
      // A million requests kept would be hundreds.
      expect(Math.max(peak, residentMebibytes()) - before).toBeLessThan(60)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("timers fire meanwhile, under maxPollTime", () =>
    Effect.gen(function* () {
      yield* Aio.setLimits({ maxPollTime: "2 millis" })
      const group = yield* AioGroup.make({ limit: 1000 })
      // By the time that this process had a processor: what the machine does beside it says nothing.
      const spent: Array<number> = []
      let last = process.cpuUsage()
      const timer = setInterval(() => {
        const { system, user } = process.cpuUsage(last)
        last = process.cpuUsage()
        spent.push((system + user) / 1000)
      }, 5)
      yield* group.feed(nops(300_000, () => {}))
      clearInterval(timer)
      spent.sort((a, b) => a - b)
      expect(spent.length).toBeGreaterThan(5)
      // The median: a collection may come between two.
      expect(spent[spent.length >> 1]).toBeLessThan(25)
    }).pipe(Effect.provide(layerWith({})))
  )
})
