/**
 * The Layers that a test of a promise runs on: whatever this machine has, each with and without the try on the spot. A backend is one
 * line in `candidates`; everything in test/conformance runs on it from then on.
 */

import { Effect, Either, Layer } from "effect"
import { Aio, type AioError, IoUring, KernelAio, MockAio, PosixAio, ThreadPool } from "effect-aio"
import { goingOne, type Way } from "./ways.ts"
import { nodeWorld, ownWorld, type World } from "./world.ts"

/** What a backend's Layer may be told in a test. */
export interface LayerOptions {
  /** Submission entries of a ring. Others have no such limit and ignore it. */
  readonly entries?: number
  /** Completions delivered in one turn. */
  readonly maxPollRequests?: number
  /** Requests under way at once. */
  readonly maxOutstanding?: number
  /** Threads of a pool. Others have as many as they need and ignore it. */
  readonly maxParallel?: number
}

type AioLayer = Layer.Layer<Aio.Aio, AioError.AioUnavailable>

export interface TestBackend {
  readonly name: string
  /** The backend's name, whatever its options. */
  readonly mechanism: string
  /** The default Layer of this backend. */
  readonly layer: AioLayer
  /** The same with options. */
  readonly layerWith: (options: LayerOptions) => AioLayer
  /** Where files are prepared and looked at. */
  readonly world: World
  /** Whether descriptors, paths and processes are those of the operating system. */
  readonly real: boolean
}

type MakeLayer = (options: LayerOptions & { readonly inline: false | undefined }) => AioLayer

/** `WAY="on the spot"`, `"through"` or `"at random"` decrees the way of each request. `SEED` is for the last one. */
const decreed = process.env.WAY as Way | undefined
const seed = Number(process.env.SEED ?? 1)

/** A backend of the operating system, unless it has a world of its own. */
const candidate = (mechanism: string, make: MakeLayer, world: World = nodeWorld): ReadonlyArray<TestBackend> =>
  // Only the operating system has caches to ask.
  (world === nodeWorld ? [undefined, false as const] : [undefined]).map((inline) => ({
    name: inline === false ? `${mechanism}, nothing inline` : mechanism,
    mechanism,
    layer: goingOne(decreed, make({ inline }), seed),
    layerWith: (options) => goingOne(decreed, make({ ...options, inline }), seed),
    world,
    real: world === nodeWorld
  }))

/** Its Layer brings the service along. */
const mockPipe: World["pipe"] = Effect.orDie(
  Effect.flatMap(Effect.flatten(Effect.serviceOption(MockAio.MockAio)), (mock) =>
    Effect.map(
      Effect.acquireRelease(Effect.provideService(MockAio.pipe, MockAio.MockAio, mock), ({ read, write }) =>
        Effect.all([Aio.close(read), Aio.close(write)].map(Effect.ignore), { discard: true })
      ),
      ({ read, write }) => [read, write] as const
    )
  )
)

const candidates: ReadonlyArray<TestBackend> = [
  ...candidate("io_uring", IoUring.layer),
  ...candidate("kernel", KernelAio.layer),
  ...candidate("posix", PosixAio.layer),
  ...candidate("threads", ThreadPool.layer),
  ...candidate("mock", MockAio.layer, ownWorld(mockPipe, "/tmp"))
]

const isAvailable = async ({ layer }: TestBackend): Promise<boolean> => {
  const built = await Effect.runPromise(Effect.either(Effect.scoped(Layer.build(layer))))
  if (Either.isLeft(built)) console.log(`Not tested here: ${built.left.message}`)
  return Either.isRight(built)
}

const available = await Promise.all(candidates.map(isAvailable))

/** Every backend of this machine. Where one is missing a line says so, and the rest is tested. */
export const backends: ReadonlyArray<TestBackend> = candidates.filter((_, index) => available[index])

/** Those for tests that need the operating system: its devices, its processes, its descriptors. */
export const realBackends: ReadonlyArray<TestBackend> = backends.filter(({ real }) => real)

/** The backends on a ring: none where io_uring is missing. */
export const ioUringBackends: ReadonlyArray<TestBackend> = backends.filter(({ mechanism }) => mechanism === "io_uring")
