/** The Layers that a test of a promise runs on: whatever mechanism this machine has, with and without the try on the spot. */

import { Effect, Either, Layer } from "effect"
import { type Aio, type AioError, IoUring, ThreadPool } from "effect-aio"
import * as KernelAio from "effect-aio/KernelAio"

/** What a backend's Layer may be told in a test. */
export interface LayerOptions {
  /** Submission entries of a ring. Threads have no such limit and ignore it. */
  readonly entries?: number
  /** Completions delivered in one turn. */
  readonly maxPollRequests?: number
  /** Requests under way at once. */
  readonly maxOutstanding?: number
}

export interface TestBackend {
  readonly name: string
  readonly mechanism: "io_uring" | "kernel" | "threads"
  /** The default Layer of this backend. */
  readonly layer: Layer.Layer<Aio.Aio, AioError.AioUnavailable>
  /** The same with options. */
  readonly layerWith: (options: LayerOptions) => Layer.Layer<Aio.Aio, AioError.AioUnavailable>
}

const onIoUring = (name: string, inline: false | undefined): TestBackend => ({
  name,
  mechanism: "io_uring",
  layer: IoUring.layer({ inline }),
  layerWith: (options) => IoUring.layer({ inline, ...options })
})

const onKernelAio = (name: string, inline: false | undefined): TestBackend => ({
  name,
  mechanism: "kernel",
  layer: KernelAio.layer({ inline }),
  layerWith: (options) => KernelAio.layer({ inline, ...options })
})

const onThreads = (name: string, inline: false | undefined): TestBackend => ({
  name,
  mechanism: "threads",
  layer: ThreadPool.layer({ inline }),
  layerWith: ({ maxOutstanding, maxPollRequests }) => ThreadPool.layer({ inline, maxOutstanding, maxPollRequests })
})

const isAvailable = async (layer: TestBackend["layer"]): Promise<boolean> => {
  const built = await Effect.runPromise(Effect.either(Effect.scoped(Layer.build(layer))))
  if (Either.isLeft(built)) console.log(`Not tested here: ${built.left.message}`)
  return Either.isRight(built)
}

/** Every backend of this machine. Where one is missing a line says so, and the rest is tested. */
export const backends: ReadonlyArray<TestBackend> = [
  ...((await isAvailable(IoUring.layer()))
    ? [onIoUring("io_uring", undefined), onIoUring("io_uring, nothing inline", false)]
    : []),
  ...((await isAvailable(KernelAio.layer()))
    ? [onKernelAio("kernel AIO", undefined), onKernelAio("kernel AIO, nothing inline", false)]
    : []),
  onThreads("threads", undefined),
  onThreads("threads, nothing inline", false)
]

/** The backends on a ring: none where io_uring is missing. */
export const ioUringBackends: ReadonlyArray<TestBackend> = backends.filter(({ mechanism }) => mechanism === "io_uring")
