/** What several requests at once cost, beside a fiber for each and beside the engine's own callbacks. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Aio, AioBuffer, AioFile, IoUring } from "effect-aio"
import { defaultLimits } from "../built.ts"
import { PAGE } from "../fixtures.ts"
import { fibers } from "../loops.ts"
import { type Comparison, type Side, side } from "../measure.ts"
import type { Settings } from "../settings.ts"
import { defaultFlags, engineWith, pageBuffers, pageReads, straight } from "../straight.ts"

const BATCH = 256

/** A file on io_uring, and random reads of its pages as values that know the file. */
const opened = (path: string, depth: number) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(IoUring.layer())
    const file = yield* Effect.provide(AioFile.open(path), context)
    const buffers = pageBuffers(depth, AioBuffer.aligned)
    return { buffers, context, file, operation: pageReads(file, buffers) as (index: number) => Aio.Operation<number> }
  })

const sum = (counts: ReadonlyArray<number>): number => counts.reduce((total, count) => total + count, 0)

/** Batches of 256 one after the other, `requests` rounded down to whole ones and the rest at last. */
const inBatches = (path: string): Side =>
  side(
    "submitAll",
    PAGE,
    Effect.map(opened(path, BATCH), ({ context, operation }) => (requests: number) => {
      let next = 0
      let total = 0
      const batch = Effect.suspend(() => {
        const size = Math.min(BATCH, requests - next)
        const operations = new Array<Aio.Operation<number>>(size)
        for (let i = 0; i < size; i++) operations[i] = operation(next++)
        return Aio.submitAll(operations)
      })
      const loop = Effect.whileLoop({
        while: () => next < requests,
        body: () => batch,
        step: (counts) => {
          total += sum(counts)
        }
      })
      return Effect.provide(
        Effect.map(loop, () => total),
        context
      )
    })
  )

/** The same 256 reads by a fiber each. */
const aFiberEach = (path: string): Side =>
  side(
    "a fiber each",
    PAGE,
    Effect.map(opened(path, BATCH), ({ context, operation }) => (requests: number) => {
      let next = 0
      let total = 0
      const batch = Effect.suspend(() => {
        const size = Math.min(BATCH, requests - next)
        const operations = new Array<Aio.Operation<number>>(size)
        for (let i = 0; i < size; i++) operations[i] = operation(next++)
        return Effect.forEach(operations, Aio.submit, { concurrency: "unbounded" })
      })
      const loop = Effect.whileLoop({
        while: () => next < requests,
        body: () => batch,
        step: (counts) => {
          total += sum(counts)
        }
      })
      return Effect.provide(
        Effect.map(loop, () => total),
        context
      )
    })
  )

/** 256 fibers that live as long as the run: no fiber is started for a read. */
const loopingFibers = (path: string): Side =>
  side(
    "256 looping fibers",
    PAGE,
    Effect.map(
      opened(path, BATCH),
      ({ context, operation }) =>
        (requests: number) =>
          Effect.provide(
            fibers(
              BATCH,
              requests,
              (index) => Aio.submit(operation(index)),
              (count) => count
            ),
            context
          )
    )
  )

const callbacks = (path: string): Side =>
  side(
    "straight callbacks",
    PAGE,
    Effect.gen(function* () {
      const engine = yield* engineWith(defaultFlags, defaultLimits())
      const { operation } = yield* opened(path, BATCH)
      return (requests: number) => straight(engine, BATCH, requests, operation)
    })
  )

export const batches = ({ fixtures }: Settings): Effect.Effect<Comparison> =>
  Effect.map(fixtures.cachedFile, (path) => ({
    name: "group-batch",
    title: "Cached reads of 4 KiB, 256 at a time",
    unit: "reads",
    sides: [inBatches(path), aFiberEach(path), loopingFibers(path), callbacks(path)]
  }))
