/**
 * The way of each request: what few tries on the spot have answered lately is seldom tried, a change is followed within sixteen requests, and of
 * the spot and the mechanism the cheaper one is taken.
 */
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { execute } from "../../../src/internal/effect/execute.ts"
import { currentEngine } from "../../../src/internal/effect/service.ts"
import { PROBE } from "../../../src/internal/engine/habits.ts"
import { type Operation, PENDING, UNFIT } from "../../../src/internal/engine/operation.ts"
import { Ways } from "../../../src/internal/engine/ways.ts"
import { nop, stat } from "../../../src/internal/operation/catalogue.ts"
import { realBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { choosing, goingOne } from "../../support/ways.ts"

/** Requests in vain before a kind is given up. */
const PATIENCE = 16
const REQUESTS = 400

const backends = realBackends
  .filter(({ name, mechanism }) => name === mechanism)
  .map(({ layer, name }) => ({ name, layer: choosing(layer) }))

/** Runs requests of a kind of its own, whose tries end as `answer` says; how many were tried. */
const kind = (moves?: () => number) => {
  const state = { answer: 0, tries: 0 }
  const operation: Operation<void> = {
    entry: {
      ...nop.entry,
      ...(moves === undefined ? {} : { moves }),
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

  it.scopedLive("also of many at once", () =>
    Effect.gen(function* () {
      const triesOf = kind()
      expect(yield* triesOf(PENDING, REQUESTS, 64)).toBeLessThan(REQUESTS / 4)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a way that is decreed is everybody's", () =>
    Effect.gen(function* () {
      const triesOf = kind()
      expect(yield* triesOf(PENDING, REQUESTS, 64)).toBe(REQUESTS)
      expect(yield* triesOf(0, REQUESTS, 1)).toBe(REQUESTS)
    }).pipe(Effect.provide(goingOne("on the spot", layer)))
  )

  it.scopedLive("nothing is tried where all goes through", () =>
    Effect.gen(function* () {
      const triesOf = kind()
      expect(yield* triesOf(0, REQUESTS, 64)).toBe(0)
      expect(yield* triesOf(0)).toBe(0)
      expect((yield* Aio.stats).untried).toBe(2 * REQUESTS)
    }).pipe(Effect.provide(goingOne("through", layer)))
  )

  it.scopedLive("chance takes both", () =>
    Effect.gen(function* () {
      const tries = yield* kind()(0, REQUESTS, 64)
      expect(tries).toBeGreaterThan(0)
      expect(tries).toBeLessThan(REQUESTS)
    }).pipe(Effect.provide(goingOne("at random", layer)))
  )

  it.scopedLive("what moves bytes is tried each time", () =>
    Effect.gen(function* () {
      expect(yield* kind(() => 0)(PENDING)).toBe(REQUESTS)
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

describe("of the spot and the mechanism the cheaper one is taken", () => {
  /** Requests, `crowd` of them at a time, in a time of our own: so many microseconds each, on the spot and through. */
  const load = (crowd: number) => {
    const ways = new Ways()
    const { entry } = stat
    let time = 0
    let completed = 0
    let left = 0
    const run = (requests: number, spot: number, through: number) => {
      const start = time
      let spent = 0
      let ofSpot = 0
      let differences = 0
      for (left += requests; left > 0; ) {
        ways.beginTurn(time / 1000, completed)
        ways.beginDispatch(crowd)
        const isOnTheSpot = ways.isOnTheSpot(entry)
        if (ways.mayTry(entry) !== isOnTheSpot) differences++
        // The spot has 256 a turn, and the mechanism what there is.
        const count = isOnTheSpot ? 256 : crowd
        time += count * (isOnTheSpot ? spot : through)
        completed += count
        left -= count
        spent += count
        if (isOnTheSpot) ofSpot += count
      }
      // What has just been made goes the way of what waits.
      expect(differences).toBe(0)
      return { each: (time - start) / spent, ofSpot: ofSpot / spent }
    }
    /** Another turn of the loop takes so long, and nothing ends in it. */
    const pause = (microseconds: number) => {
      ways.beginTurn(time / 1000, completed)
      ways.beginDispatch(crowd)
      ways.isOnTheSpot(entry)
      time += microseconds
    }
    return { pause, run }
  }

  const crowds = [8, 16, 64, 256, 1024]
  const prices = [
    [2, 40],
    [2, 4],
    [4, 5],
    [5, 5],
    [5, 4],
    [4, 2],
    [40, 2]
  ] as const

  it("and both together cost five percent more at most", () => {
    for (const crowd of crowds) {
      for (const [spot, through] of prices) {
        const { run } = load(crowd)
        run(300_000, spot, through)
        expect(run(1_000_000, spot, through).each / Math.min(spot, through)).toBeLessThan(1.05)
      }
    }
  })

  it("by the crowd: one or two do not wait for each other, whatever the other way costs", () => {
    for (const crowd of [1, 2]) expect(load(crowd).run(100_000, 40, 2).ofSpot).toBe(1)
  })

  it("a change is followed, in either direction", () => {
    for (const crowd of [8, 64, 256]) {
      const { run } = load(crowd)
      run(100_000, 4, 3)
      expect(run(50_000, 4, 3).ofSpot).toBeLessThan(0.2)
      // The way in use has become dear: a few measurements later it is left.
      run(crowd * 24, 4, 12)
      expect(run(50_000, 4, 12).ofSpot).toBeGreaterThan(0.8)
    }
  })

  it("a turn in which the program, or the system, does something else tells nothing", () => {
    const { pause, run } = load(64)
    run(100_000, 3, 4)
    for (let i = 0; i < 50; i++) {
      pause(1_000_000)
      expect(run(20_000, 3, 4).ofSpot).toBeGreaterThan(0.8)
    }
  })

  it("a probe that cannot be measured ends", () => {
    const { pause, run } = load(64)
    // Up to the first request that is sent the other way.
    while (run(256, 3, 4).ofSpot === 1);
    for (let i = 0; i < 8; i++) pause(1_000_000)
    expect(run(10_000, 3, 4).ofSpot).toBeGreaterThan(0.5)
    const still = load(64)
    while (still.run(256, 3, 4).ofSpot === 1);
    for (let i = 0; i < 50; i++) still.pause(1_000_000)
    expect(still.run(1, 3, 4).ofSpot).toBe(1)
  })

  it("each size of a crowd has its own", () => {
    const ways = new Ways()
    const { entry } = stat
    let time = 0
    let completed = 0
    const spotOf = { 8: 0, 256: 0 }
    for (let i = 0; i < 20_000; i++) {
      const crowd = i % 100 < 50 ? 8 : 256
      ways.beginTurn(time, completed)
      ways.beginDispatch(crowd)
      const isOnTheSpot = ways.isOnTheSpot(entry)
      if (i > 10_000 && isOnTheSpot) spotOf[crowd]++
      completed += crowd
      time += (crowd * (isOnTheSpot ? 3 : crowd === 8 ? 6 : 2)) / 1000
    }
    expect(spotOf[8]).toBeGreaterThan(4000)
    expect(spotOf[256]).toBeLessThan(1000)
  })
})
