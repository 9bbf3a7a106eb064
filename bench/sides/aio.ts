/** effect-aio through its public API. */

import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Aio, AioBuffer, AioFile, IoUring, ThreadPool } from "effect-aio"
import { MEBIBYTE, OFFSETS_MASK, offsets, PAGE, SMALL_FILE_SIZE } from "../fixtures.ts"
import { fibers, range } from "../loops.ts"
import { type Side, side } from "../measure.ts"

export const layers = { io_uring: IoUring.layer(), threads: ThreadPool.layer() }

export type BackendName = keyof typeof layers

const sideName = (backend: BackendName, what = ""): string => `effect-aio ${backend}${what}`

const identity = (count: number): number => count

/** Random reads of a page each; every worker has a buffer of its own. */
export const reads = (backend: BackendName, path: string, depth: number, direct: boolean): Side =>
  side(
    sideName(backend),
    PAGE,
    Effect.gen(function* () {
      const context = yield* Layer.build(layers[backend])
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

/** Whole small files: one Effect each. */
export const loads = (backend: BackendName, paths: ReadonlyArray<string>, depth: number): Side =>
  side(
    sideName(backend),
    SMALL_FILE_SIZE,
    Effect.map(Layer.build(layers[backend]), (context) => (requests: number) => {
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
    Effect.map(Layer.build(layers[backend]), (context) => (requests: number) => {
      const load = (path: string) => AioFile.withFile(path, {}, (file) => file.readAlloc(PAGE, { offset: 0 }))
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
    Effect.map(Layer.build(layers[backend]), (context) => (requests: number) => {
      const loop = fibers(
        depth,
        requests,
        (index) => Aio.stat(paths[index]),
        (stat) => Number(stat.size)
      )
      return Effect.provide(loop, context)
    })
  )

/** So many mebibytes from the start. */
export const stream = (backend: BackendName, path: string, chunkSize: number): Side =>
  side(
    sideName(backend),
    MEBIBYTE,
    Effect.gen(function* () {
      const context = yield* Layer.build(layers[backend])
      const file = yield* Effect.provide(AioFile.open(path), context)
      return (mebibytes: number) =>
        Stream.runFold(
          file.stream({ chunkSize, length: mebibytes * MEBIBYTE }),
          0,
          (sum, bytes) => sum + bytes.byteLength
        )
    })
  )
