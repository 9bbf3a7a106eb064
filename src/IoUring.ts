/**
 * The io_uring backend (Linux 5.6 and newer): io_uring(7).
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { AioUnavailable } from "./AioError.ts"
import { open } from "./internal/backend/io_uring/open.ts"
import { checkCount } from "./internal/effect/arguments.ts"
import { type EngineOptions, engineKeys, limitsFrom, makeService } from "./internal/effect/layer.ts"
import { Aio, type AioService } from "./internal/effect/service.ts"
import { optionsReader } from "./internal/engine/options.ts"

/**
 * Of the ring, and of the engine above it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends EngineOptions {
  /**
   * Submission entries of the ring: what one call can hand to the kernel. Rounded up to a power of two. Twice as many requests
   * may be in flight; the rest waits in the engine, by priority. Default 4096.
   */
  readonly entries?: number | undefined
}

const readOptions = optionsReader<Options>({ ...engineKeys, entries: true })

/**
 * The service in a Scope. Closing the Scope cancels what is outstanding, waits for it and frees the ring.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: Options): Effect.Effect<AioService, AioUnavailable, Scope.Scope> =>
  makeService(
    "io_uring",
    () => {
      const given = readOptions(options)
      return { entries: checkCount("entries", given.entries, 1), limits: limitsFrom(given) }
    },
    open
  )

/**
 * `Aio` on io_uring.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<Aio, AioUnavailable> => Layer.scoped(Aio, make(options))
