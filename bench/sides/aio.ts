/** effect-aio through its public API. */

import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Aio, AioBuffer, AioFile, IoUring, KernelAio, PosixAio, ThreadPool } from "effect-aio"
import { engineOf } from "../built.ts"
import { MEBIBYTE, OFFSETS_MASK, offsets, PAGE, SMALL_FILE_SIZE } from "../fixtures.ts"
import { fibers, range } from "../loops.ts"
import { type Side, side } from "../measure.ts"
import { pageBuffers, pageReads, straight } from "../straight.ts"

interface Backend {
  readonly layer: (options?: Pick<IoUring.Options, "inline">) => Layer.Layer<Aio.Aio, unknown>
  /** The `--ioengine` of fio(1) that does the same. */
  readonly fio: string
}

/** A backend is measured by having a line here; what is expected of it stands in targets.ts. */
export const backends = {
  io_uring: { layer: IoUring.layer, fio: "io_uring" },
  kernel: { layer: KernelAio.layer, fio: "libaio" },
  posix: { layer: PosixAio.layer, fio: "posixaio" },
  threads: { layer: ThreadPool.layer, fio: "io_uring" }
} satisfies Record<string, Backend>

export type BackendName = keyof typeof backends

/** Whether what can be answered on the spot is, or all goes through the mechanism. */
export type Way = "on the spot" | "through"

/** The way of all requests of Layers that are built under it, where no way is asked for. Else it is the cheaper one. */
export const decree: FiberRef.FiberRef<Way | undefined> = FiberRef.unsafeMake<Way | undefined>(undefined)

export const layerOf = (backend: BackendName, way?: Way): Layer.Layer<Aio.Aio, unknown> =>
  Layer.unwrapEffect(
    Effect.map(FiberRef.get(decree), (decreed): Layer.Layer<Aio.Aio, unknown> => {
      const { layer } = backends[backend]
      if ((way ?? decreed) === "through") return layer({ inline: false })
      const fix = (way: Way) => (context: Context.Context<Aio.Aio>) =>
        Effect.sync(() => engineOf(Context.get(context, Aio.Aio)).attempts.ways.fix(way))
      return (way ?? decreed) === undefined ? layer() : Layer.tap(layer(), fix("on the spot"))
    })
  )

const sideName = (backend: BackendName, what = ""): string => `effect-aio ${backend}${what}`

const identity = (count: number): number => count

/** Random reads of a page each; every worker has a buffer of its own. */
export const reads = (backend: BackendName, path: string, depth: number, direct: boolean, way?: Way): Side =>
  side(
    sideName(backend),
    PAGE,
    Effect.gen(function* () {
      const context = yield* Layer.build(layerOf(backend, way))
      const file = yield* Effect.provide(AioFile.open(path, { direct }), context)
      const buffers = range(depth).map(() => AioBuffer.aligned(PAGE))
      return (requests: number) =>
        fibers(
          depth,
          requests,
          (index, worker) => file.read(buffers[worker], { offset: offsets[index & OFFSETS_MASK] }),
          identity
        )
    })
  )

/** The same reads with the engine's callbacks, without Effect, and nothing on the spot. */
export const engineReads = (backend: BackendName, path: string, depth: number): Side =>
  side(
    sideName(backend, ", engine"),
    PAGE,
    Effect.gen(function* () {
      const context = yield* Layer.build(layerOf(backend, "through"))
      const engine = engineOf(Context.get(context, Aio.Aio))
      const file = yield* Effect.provide(AioFile.open(path), context)
      const operation = pageReads(file, pageBuffers(depth, AioBuffer.aligned))
      return (requests: number) => straight(engine, depth, requests, operation)
    })
  )

/** Whole small files: one Effect each. */
export const loads = (backend: BackendName, paths: ReadonlyArray<string>, depth: number): Side =>
  side(
    sideName(backend),
    SMALL_FILE_SIZE,
    Effect.map(Layer.build(layerOf(backend)), (context) => (requests: number) => {
      const loop = fibers(
        depth,
        requests,
        (index) => AioFile.readFile(paths[index]),
        (bytes) => bytes.byteLength
      )
      return Effect.provide(loop, context)
    })
  )

/** Small files, each opened, read and closed by an Effect of its own. */
export const openLoads = (backend: BackendName, paths: ReadonlyArray<string>, depth: number): Side =>
  side(
    sideName(backend, ", three calls"),
    SMALL_FILE_SIZE,
    Effect.map(Layer.build(layerOf(backend)), (context) => (requests: number) => {
      const load = (path: string) => AioFile.withFile(path, (file) => file.readAlloc(PAGE, { offset: 0 }))
      const loop = fibers(
        depth,
        requests,
        (index) => load(paths[index]),
        (bytes) => bytes.byteLength
      )
      return Effect.provide(loop, context)
    })
  )

export const stats = (backend: BackendName, paths: ReadonlyArray<string>, depth: number): Side =>
  side(
    sideName(backend),
    SMALL_FILE_SIZE,
    Effect.map(Layer.build(layerOf(backend)), (context) => (requests: number) => {
      const loop = fibers(
        depth,
        requests,
        (index) => Aio.stat(paths[index]),
        (stat) => Number(stat.size)
      )
      return Effect.provide(loop, context)
    })
  )

/** So many mebibytes from the start, in chunks that are lent. */
export const forEachChunk = (backend: BackendName, path: string, chunkSize: number): Side =>
  side(
    sideName(backend, ", forEachChunk"),
    MEBIBYTE,
    Effect.gen(function* () {
      const context = yield* Layer.build(layerOf(backend))
      const file = yield* Effect.provide(AioFile.open(path), context)
      return (mebibytes: number) =>
        Effect.suspend(() => {
          let sum = 0
          const add = (chunk: Uint8Array) => {
            sum += chunk.byteLength
            return Effect.void
          }
          return Effect.map(file.forEachChunk(add, { chunkSize, length: mebibytes * MEBIBYTE }), () => sum)
        })
    })
  )

/** So many mebibytes from the start. */
export const stream = (backend: BackendName, path: string, chunkSize: number): Side =>
  side(
    sideName(backend),
    MEBIBYTE,
    Effect.gen(function* () {
      const context = yield* Layer.build(layerOf(backend))
      const file = yield* Effect.provide(AioFile.open(path), context)
      return (mebibytes: number) =>
        Stream.runFold(
          file.stream({ chunkSize, length: mebibytes * MEBIBYTE }),
          0,
          (sum, bytes) => sum + bytes.byteLength
        )
    })
  )
