/**
 * The POSIX AIO backend, as glibc has it: aio(7).
 *
 * glibc runs requests in threads of its own (20 in a process, unless told otherwise), those of one descriptor one after the other. Reads
 * and writes with an offset on regular files and block devices, `fsync` and `fdatasync` go there; everything else runs in a thread
 * pool that starts on first use.
 *
 * A sync covers what was submitted before it on its descriptor: it starts when all of that has ended.
 *
 * Priorities 4 to -4 become `aio_reqprio` 0 to 8: POSIX only knows lower ones than the process's own. On one descriptor, glibc runs the
 * request with the lowest `aio_reqprio` next. Where the process has a real-time policy (sched(7)), glibc's thread runs at the process's
 * priority less `aio_reqprio`: a request of the usual priority 0 at 4 less.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { AioUnavailable } from "./AioError.ts"
import { open } from "./internal/backend/posix_aio/open.ts"
import { checkCount, checkMillis } from "./internal/effect/arguments.ts"
import { type EngineOptions, engineKeys, limitsFrom, makeService } from "./internal/effect/layer.ts"
import { Aio, type AioService } from "./internal/effect/service.ts"
import { optionsReader } from "./internal/engine/options.ts"

/**
 * Of glibc's threads, and of the engine above them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends EngineOptions {
  /**
   * Requests that glibc is given at once, at most 4096; the rest waits in the engine, by priority. glibc searches them one by one, so
   * many are no gain. Default 256.
   */
  readonly requests?: number | undefined
  /**
   * Threads of glibc, for the whole process (aio_init(3)). Only the first request of the process settles it: of several Layers the
   * first that is built, and before it whatever other library uses aio_read(3). Default: glibc's 20.
   */
  readonly threads?: number | undefined
  /** Time after which an idle thread of glibc ends, in whole seconds, for the whole process. Default: glibc's 1 second. */
  readonly idleTimeout?: Duration.DurationInput | undefined
}

const readOptions = optionsReader<Options>({ ...engineKeys, requests: true, threads: true, idleTimeout: true })

/**
 * The service in a Scope. Closing the Scope cancels what is outstanding and waits for it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: Options): Effect.Effect<AioService, AioUnavailable, Scope.Scope> =>
  makeService(
    "posix",
    () => {
      const given = readOptions(options)
      return {
        requests: checkCount("requests", given.requests, 1),
        threads: checkCount("threads", given.threads, 1),
        idleTimeout: checkMillis("idleTimeout", given.idleTimeout),
        limits: limitsFrom(given)
      }
    },
    open
  )

/**
 * `Aio` on POSIX AIO.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<Aio, AioUnavailable> => Layer.scoped(Aio, make(options))
