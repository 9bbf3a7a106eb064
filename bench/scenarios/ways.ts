/**
 * The way that the engine takes by itself, beside the same with each way decreed: cached reads of 4 KiB, and stats, so many at once. The
 * first side is to be as fast as the better one of the others.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Aio, AioBuffer, AioFile } from "effect-aio"
import { OFFSETS_MASK, offsets, PAGE } from "../fixtures.ts"
import { fibers, range } from "../loops.ts"
import { type Comparison, type Side, side } from "../measure.ts"
import type { Settings } from "../settings.ts"
import { type BackendName, layerOf, type Way } from "../sides/aio.ts"

export const depths = [1, 8, 64, 256, 1024]

const same = (count: number): number => count

const reads = (backend: BackendName, path: string, depth: number, way: Way | undefined): Side =>
  side(
    `effect-aio ${backend}, ${way ?? "by cost"}`,
    PAGE,
    Effect.gen(function* () {
      const context = yield* Layer.build(layerOf(backend, way))
      const file = yield* Effect.provide(AioFile.open(path), context)
      const buffers = range(depth).map(() => AioBuffer.aligned(PAGE))
      return (requests: number) =>
        fibers(
          depth,
          requests,
          (index, worker) => file.read(buffers[worker], { offset: offsets[index & OFFSETS_MASK] }),
          same
        )
    })
  )

const stats = (backend: BackendName, path: string, depth: number, way: Way | undefined): Side =>
  side(
    `effect-aio ${backend}, ${way ?? "by cost"}`,
    1,
    Effect.map(
      Layer.build(layerOf(backend, way)),
      (context) => (requests: number) =>
        Effect.provide(
          fibers(
            depth,
            requests,
            () => Aio.stat(path),
            () => 1
          ),
          context
        )
    )
  )

const ways: ReadonlyArray<Way | undefined> = [undefined, "on the spot", "through"]

const compared =
  (kind: string, unit: string, make: typeof reads) =>
  ({ backends, fixtures }: Settings, depth: number): Effect.Effect<Comparison> =>
    Effect.map(fixtures.cachedFile, (path) => ({
      name: `ways-${unit}-${depth}`,
      title: `${kind}, ${depth} at a time, by the way that they go`,
      unit,
      // A thousand fibers take a while to get going.
      stretch: depth > 64 ? 4 : 1,
      sides: backends.flatMap((backend) => ways.map((way) => make(backend, path, depth, way)))
    }))

export const ofReads = compared("Cached reads of 4 KiB", "reads", reads)
export const ofStats = compared("Stats of a cached file", "stats", stats)
