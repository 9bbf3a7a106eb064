/** What several requests at once cost, beside a fiber for each and beside the engine's own callbacks. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Aio, AioBuffer, AioEvents, AioFile, AioGroup, AioMetrics, AioOperation } from "effect-aio"
import { describedBy, engineOf, Submission } from "../built.ts"
import { OFFSETS_MASK, offsets, PAGE } from "../fixtures.ts"
import { fibers } from "../loops.ts"
import { type Comparison, type Side, side } from "../measure.ts"
import type { Settings } from "../settings.ts"
import { type BackendName, layerOf, type Way } from "../sides/aio.ts"
import { pageBuffers, pageReads, straight } from "../straight.ts"

const BATCH = 256

/** A file, and random reads of its pages as values that know it. */
const opened = (backend: BackendName, path: string, depth: number, way?: Way) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(layerOf(backend, way))
    const file = yield* Effect.provide(AioFile.open(path), context)
    const buffers = pageBuffers(depth, AioBuffer.aligned)
    return {
      buffers,
      context,
      file,
      operation: pageReads(file, buffers) as (index: number) => AioOperation.AioOperation<number>
    }
  })

const sum = (counts: ReadonlyArray<number>): number => counts.reduce((total, count) => total + count, 0)

/** Batches of 256 one after the other, `requests` rounded down to whole ones and the rest at last. */
const inBatches = (backend: BackendName, path: string): Side =>
  side(
    "submitAll",
    PAGE,
    Effect.map(opened(backend, path, BATCH), ({ context, operation }) => (requests: number) => {
      let next = 0
      let total = 0
      const batch = Effect.suspend(() => {
        const size = Math.min(BATCH, requests - next)
        const operations = new Array<AioOperation.AioOperation<number>>(size)
        for (let i = 0; i < size; i++) operations[i] = operation(next++)
        return AioOperation.submitAll(operations)
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
const aFiberEach = (backend: BackendName, path: string): Side =>
  side(
    "a fiber each",
    PAGE,
    Effect.map(opened(backend, path, BATCH), ({ context, operation }) => (requests: number) => {
      let next = 0
      let total = 0
      const batch = Effect.suspend(() => {
        const size = Math.min(BATCH, requests - next)
        const operations = new Array<AioOperation.AioOperation<number>>(size)
        for (let i = 0; i < size; i++) operations[i] = operation(next++)
        return Effect.forEach(operations, AioOperation.submit, { concurrency: "unbounded" })
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
const loopingFibers = (backend: BackendName, path: string): Side =>
  side(
    "256 looping fibers",
    PAGE,
    Effect.map(
      opened(backend, path, BATCH),
      ({ context, operation }) =>
        (requests: number) =>
          Effect.provide(
            fibers(
              BATCH,
              requests,
              (index) => AioOperation.submit(operation(index)),
              (count) => count
            ),
            context
          )
    )
  )

const callbacks = (backend: BackendName, path: string): Side =>
  side(
    "straight callbacks",
    PAGE,
    Effect.gen(function* () {
      const { context, operation } = yield* opened(backend, path, BATCH)
      const engine = engineOf(Context.get(context, Aio.Aio))
      return (requests: number) => straight(engine, BATCH, requests, operation)
    })
  )

export const batches = ({ backends, fixtures }: Settings): Effect.Effect<Comparison> =>
  Effect.map(fixtures.cachedFile, (path) => ({
    name: "group-batch",
    title: "Cached reads of 4 KiB, 256 at a time",
    unit: "reads",
    sides: [
      inBatches(backends[0], path),
      aFiberEach(backends[0], path),
      loopingFibers(backends[0], path),
      callbacks(backends[0], path)
    ]
  }))

/** One read after the other: nothing but what one costs. */
const oneByOne = (
  name: string,
  backend: BackendName,
  path: string,
  read: (file: Opened) => Effect.Effect<() => Effect.Effect<number, unknown>>
) =>
  side(
    name,
    PAGE,
    Effect.gen(function* () {
      const file = yield* opened(backend, path, 1)
      const once = yield* read(file)
      return (requests: number) => Effect.provide(fibers(1, requests, once, identity), file.context)
    })
  )

type Opened = Effect.Effect.Success<ReturnType<typeof opened>>

const identity = (count: number): number => count

/** One page again and again: encoded each time, or once. */
export const prepared = ({ backends, fixtures }: Settings): Effect.Effect<Comparison> =>
  Effect.map(fixtures.cachedFile, (path) => ({
    name: "group-prepared",
    title: "One cached page again and again, depth 1",
    unit: "reads",
    sides: [
      oneByOne("prepared.run", backends[0], path, ({ context, operation }) =>
        Effect.provide(
          Effect.map(
            AioOperation.prepare(operation(0)),
            ({ run }) =>
              () =>
                run
          ),
          context
        ).pipe(Effect.orDie)
      ),
      oneByOne("file.read", backends[0], path, ({ buffers, file }) =>
        Effect.succeed(() => file.read(buffers[0], { offset: 0 }))
      ),
      oneByOne("preadv2 itself", backends[0], path, ({ file, operation }) =>
        Effect.sync(() => {
          const submission = new Submission()
          const { entry, input } = describedBy(operation(0))
          submission.encode(entry, input)
          const call = Effect.sync(() => entry.inline!(submission, input))
          return () => Effect.as(call, file.fd >= 0 ? PAGE : 0)
        })
      )
    ]
  }))

/** The same reads, with and without somebody who listens. */
export const observed = ({ backends, fixtures }: Settings): Effect.Effect<Comparison> =>
  Effect.map(fixtures.cachedFile, (path) => {
    const reads = (name: string, listen: Effect.Effect<unknown, unknown, Aio.Aio | Scope.Scope>) =>
      side(
        name,
        PAGE,
        Effect.gen(function* () {
          const { buffers, context, file } = yield* opened(backends[0], path, 64)
          yield* Effect.provide(listen, context)
          return (requests: number) =>
            fibers(
              64,
              requests,
              (index, worker) => file.read(buffers[worker], { offset: offsets[index & OFFSETS_MASK] }),
              identity
            )
        })
      )
    return {
      name: "group-observed",
      title: "Cached reads of 4 KiB, depth 64, observed",
      unit: "reads",
      sides: [
        reads("nobody listens", Effect.void),
        reads("completions", Effect.forkScoped(Stream.runForEachChunk(AioEvents.completions(), () => Effect.void))),
        reads("metrics", Layer.build(AioMetrics.layer()))
      ]
    }
  })

/** Requests that do nothing, 64 under way: as fibers, and fed to a group. */
export const feeds = ({ backends }: Settings): Effect.Effect<Comparison> =>
  Effect.succeed({
    name: "group-feed",
    title: "Requests that do nothing, 64 at a time",
    unit: "requests",
    sides: [
      side(
        "group.feed",
        1,
        Effect.gen(function* () {
          const context = yield* Layer.build(layerOf(backends[0]))
          const group = yield* Effect.provide(AioGroup.make({ limit: 64 }), context)
          return (requests: number) => Effect.map(group.feed(nops(requests)), ({ requests }) => requests)
        })
      ),
      side(
        "AioOperation.asCompleted",
        1,
        Effect.map(
          Layer.build(layerOf(backends[0])),
          (context) => (requests: number) =>
            Stream.runCount(AioOperation.asCompleted(nops(requests), { concurrency: 64 })).pipe(Effect.provide(context))
        )
      ),
      side(
        "64 looping fibers",
        1,
        Effect.map(
          Layer.build(layerOf(backends[0])),
          (context) => (requests: number) =>
            Effect.provide(
              fibers(
                64,
                requests,
                () => Aio.nop(),
                () => 1
              ),
              context
            )
        )
      )
    ]
  })

function* nops(count: number) {
  const nop = AioOperation.nop()
  for (let i = 0; i < count; i++) yield nop
}

/** Eight reads in order: a chain, or one after the other. */
export const chains = ({ backends, fixtures }: Settings): Effect.Effect<Comparison> =>
  Effect.map(fixtures.cachedFile, (path) => {
    const LENGTH = 8
    const run = (
      name: string,
      eight: (operations: ReadonlyArray<AioOperation.AioOperation<number>>) => Effect.Effect<number, unknown, Aio.Aio>
    ) =>
      side(
        name,
        LENGTH * PAGE,
        Effect.map(opened(backends[0], path, LENGTH, "through"), ({ context, operation }) => (requests: number) => {
          const operations = Array.from({ length: LENGTH }, (_, i) => operation(i))
          return Effect.provide(
            fibers(1, requests, () => eight(operations), identity),
            context
          )
        })
      )
    return {
      name: "group-linked",
      title: "Eight reads through the mechanism, each behind the one before",
      unit: "chains",
      sides: [
        run("linked", (operations) => Effect.map(AioOperation.linked(operations), sum)),
        run("one after the other", (operations) => Effect.map(Effect.forEach(operations, AioOperation.submit), sum))
      ]
    }
  })
