/**
 * The engine without Effect: `npx tsx bench/engine.ts`, after a build.
 *
 * Straight callbacks at several depths, with and without the attempt to answer on the spot; then what the limit of a turn does:
 * more in it is faster, and makes everybody else in the event loop wait longer.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { AioBuffer, AioFile, IoUring } from "effect-aio"
import { defaultLimits, type Limits } from "./built.ts"
import { makeFixtures, PAGE } from "./fixtures.ts"
import { fibers } from "./loops.ts"
import { compare, median, type Side, side } from "./measure.ts"
import { comparisonText, number, table } from "./report.ts"
import { defaultFlags, engineWith, pageBuffers, pageReads, straight } from "./straight.ts"

const ringOnly: Limits = { ...defaultLimits(), inlineRequests: 0 }
const effort = { rounds: 7, interval: 0.25 }

const reads = (name: string, path: string, depth: number, limits: Limits): Side =>
  side(
    name,
    PAGE,
    Effect.gen(function* () {
      const engine = yield* engineWith(defaultFlags, limits)
      const file = yield* Effect.provide(AioFile.open(path), IoUring.layer())
      const operation = pageReads(file, pageBuffers(depth, AioBuffer.aligned))
      return (requests: number) => straight(engine, depth, requests, operation)
    })
  )

/** The length of every turn of the event loop while an effect runs, in milliseconds: what a timer or a socket has to wait. */
const turns = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<number>, E, R> =>
  Effect.suspend(() => {
    const lengths: Array<number> = []
    let watching = true
    let last = performance.now()
    const watch = (): void => {
      const now = performance.now()
      lengths.push(now - last)
      last = now
      if (watching) setImmediate(watch)
    }
    setImmediate(watch)
    return Effect.map(effect, () => {
      watching = false
      return lengths.sort((a, b) => a - b)
    })
  })

const DEPTH = 64
const REQUESTS = 200_000

/** Cached reads by fibers, as programs make them, under one limit. */
const underLimit = (path: string, inlineRequests: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const file = yield* AioFile.open(path)
      const buffers = pageBuffers(DEPTH, AioBuffer.aligned)
      const read = fibers(
        DEPTH,
        REQUESTS,
        (index, worker) => file.read(buffers[worker], { offset: (index & 16383) * PAGE }),
        (count) => count
      )
      yield* read
      const rates: Array<number> = []
      const lengths: Array<number> = []
      for (let round = 0; round < effort.rounds; round++) {
        const start = performance.now()
        const measured = yield* turns(read)
        rates.push((REQUESTS * 1000) / (performance.now() - start))
        for (const length of measured) lengths.push(length)
      }
      lengths.sort((a, b) => a - b)
      const at = (part: number): string => lengths[Math.floor((lengths.length - 1) * part)].toFixed(3)
      return [String(inlineRequests), number(median(rates)), at(0.5), at(0.99), at(1)]
    })
  ).pipe(Effect.provide(IoUring.layer({ inline: { requests: inlineRequests, bytes: 1 << 30 } })))

const program = Effect.gen(function* () {
  const path = yield* (yield* makeFixtures({ smallFiles: 0, bigFile: 0 })).cachedFile
  for (const depth of [1, 8, 64, 256]) {
    const result = yield* compare(
      {
        name: "engine",
        title: `Cached reads of 4 KiB, straight callbacks, depth ${depth}`,
        unit: "reads",
        sides: [reads("on the spot", path, depth, defaultLimits()), reads("through the ring", path, depth, ringOnly)]
      },
      effort
    )
    yield* Console.log(comparisonText(result))
  }
  const rows = yield* Effect.forEach([0, 64, 256, 512, 1024, 4096], (requests) => underLimit(path, requests))
  yield* Console.log(
    `Reads on the spot in a turn, depth ${DEPTH}, with Effect: their rate, and how long a turn of the event loop takes`
  )
  yield* Console.log(table([["inline.requests", "reads/s", "median ms", "99% ms", "longest ms"], ...rows]))
})

NodeRuntime.runMain(Effect.scoped(program))
