/**
 * The io_uring backend (Linux 5.6 and newer): io_uring(7).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { AioUnavailable } from "./AioError.ts"
import { IoUringBackend } from "./internal/backend/io_uring/backend.ts"
import { Ring, RingUnavailable } from "./internal/backend/io_uring/ring.ts"
import { fromRingUnavailable } from "./internal/backend/io_uring/unavailable.ts"
import { ThreadsBackend } from "./internal/backend/threads/backend.ts"
import { notThisPlatform } from "./internal/backend/unavailable.ts"
import { checkCount, withLayerOptions } from "./internal/effect/arguments.ts"
import { type EngineOptions, engineKeys, limitsFrom, makeService } from "./internal/effect/layer.ts"
import { Aio, type AioService } from "./internal/effect/service.ts"
import { Engine } from "./internal/engine/engine.ts"
import type { Limits } from "./internal/engine/limits.ts"
import { optionsReader } from "./internal/engine/options.ts"
import { errno } from "./internal/native/errno.ts"
import { unsupported } from "./internal/native/platform.ts"
import { IORING_SETUP } from "./internal/native/uring.ts"

/**
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

const ENTRIES = 4096

/** COOP_TASKRUN: completions do not interrupt JavaScript, they wait for the next system call. See bench/setup-flags.ts. */
const preferredFlags =
  IORING_SETUP.CLAMP | IORING_SETUP.SUBMIT_ALL | IORING_SETUP.COOP_TASKRUN | IORING_SETUP.TASKRUN_FLAG

const makeRing = (entries: number): Ring => {
  try {
    return new Ring(entries, preferredFlags)
  } catch (cause) {
    // Flags newer than the kernel (5.18, 5.19): EINVAL.
    if (cause instanceof RingUnavailable && cause.errno === errno.EINVAL) return new Ring(entries, IORING_SETUP.CLAMP)
    throw cause
  }
}

const makeEngine = (entries: number, limits: Limits): Effect.Effect<Engine, AioUnavailable> =>
  Effect.suspend(() => {
    if (unsupported !== undefined) return Effect.fail(notThisPlatform("io_uring"))
    try {
      const ring = makeRing(entries)
      return Effect.succeed(new Engine((host) => [new IoUringBackend(ring, host), new ThreadsBackend(host)], limits))
    } catch (cause) {
      return cause instanceof RingUnavailable ? Effect.fail(fromRingUnavailable(cause)) : Effect.die(cause)
    }
  })

/**
 * The service in a Scope. Closing the Scope cancels what is outstanding, waits for it and frees the ring.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: Options): Effect.Effect<AioService, AioUnavailable, Scope.Scope> =>
  withLayerOptions(
    "io_uring",
    () => {
      const given = readOptions(options)
      return { entries: checkCount("entries", given.entries, 1) ?? ENTRIES, limits: limitsFrom(given) }
    },
    ({ entries, limits }) => makeService(makeEngine(entries, limits))
  )

/**
 * `Aio` on io_uring.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<Aio, AioUnavailable> => Layer.scoped(Aio, make(options))
