/** What few tries on the spot have answered lately is seldom tried, and a change is followed within sixteen requests. */
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { execute } from "../../../src/internal/effect/execute.ts"
import { currentEngine } from "../../../src/internal/effect/service.ts"
import { PROBE } from "../../../src/internal/engine/habits.ts"
import { type Operation, PENDING, UNFIT } from "../../../src/internal/engine/operation.ts"
import { nop } from "../../../src/internal/operation/catalogue.ts"
import { realBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

/** Requests in vain before a kind is given up. */
const PATIENCE = 16
const REQUESTS = 400

const backends = realBackends.filter(({ name, mechanism }) => name === mechanism)

/** Runs requests of a kind of its own, whose tries end as `answer` says; how many were tried. */
const kind = () => {
  const state = { answer: 0, tries: 0 }
  const operation: Operation<void> = {
    entry: {
      ...nop.entry,
      inline: () => {
        state.tries++
        return state.answer
      }
    },
    input: {}
  }
  const triesOf = (answer: number, requests = REQUESTS, concurrency = 1) =>
    Effect.gen(function* () {
      const engine = yield* currentEngine
      state.answer = answer
      state.tries = 0
      const { completed } = engine.counters
      yield* Effect.forEach(Array.from({ length: requests }), () => execute(engine, operation), { concurrency })
      expect(engine.counters.completed - completed).toBe(requests)
      return state.tries
    })
  return triesOf
}

describe.each(backends)("$name", ({ layer }) => {
  it.scopedLive("tries in vain are given up, and each change is noticed", () =>
    Effect.gen(function* () {
      const triesOf = kind()
      expect(yield* triesOf(0)).toBe(REQUESTS)
      for (let round = 0; round < 3; round++) {
        const inVain = yield* triesOf(PENDING)
        expect(inVain).toBeGreaterThanOrEqual(Math.floor(REQUESTS / PROBE))
        expect(inVain).toBeLessThan(REQUESTS / PROBE + PATIENCE)
        expect(yield* triesOf(0)).toBeGreaterThan(REQUESTS - PROBE)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("also of many at once, each of which is tried once at most", () =>
    Effect.gen(function* () {
      const triesOf = kind()
      expect(yield* triesOf(PENDING, REQUESTS, 64)).toBeLessThan(REQUESTS / 4)
      expect(yield* triesOf(0, REQUESTS, 64)).toBeGreaterThan(REQUESTS / 2)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("one kind's failures say nothing of another, nor does an input that is not for a try", () =>
    Effect.gen(function* () {
      const triesOf = kind()
      yield* kind()(PENDING)
      expect(yield* triesOf(0)).toBe(REQUESTS)
      expect(yield* triesOf(UNFIT)).toBe(REQUESTS)
      expect(yield* triesOf(0)).toBe(REQUESTS)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("names that do not exist are in no cache: stats tells of the tries", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const before = yield* Aio.stats
      for (let i = 0; i < REQUESTS; i++) yield* Effect.flip(Aio.stat(join(directory, `${i}`)))
      const { inline, missed, untried } = yield* Aio.stats
      expect(inline).toBe(before.inline)
      expect(missed - before.missed + untried - before.untried).toBe(REQUESTS)
      expect(missed - before.missed).toBeLessThan(REQUESTS / PROBE + PATIENCE)
      yield* Aio.stat(directory)
      for (let i = 0; i < REQUESTS; i++) yield* Aio.stat(directory)
      expect((yield* Aio.stats).inline - inline).toBeGreaterThan(REQUESTS - PROBE)
    }).pipe(Effect.provide(layer))
  )
})
