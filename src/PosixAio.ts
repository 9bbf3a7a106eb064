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
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { AioUnavailable } from "./AioError.ts"
import { PosixAioBackend } from "./internal/backend/posix_aio/backend.ts"
import { Notification } from "./internal/backend/posix_aio/notification.ts"
import { fromPosixAioUnavailable } from "./internal/backend/posix_aio/unavailable.ts"
import { ThreadsBackend } from "./internal/backend/threads/backend.ts"
import { notThisPlatform } from "./internal/backend/unavailable.ts"
import { checkCount, checkMillis, withLayerOptions } from "./internal/effect/arguments.ts"
import { type EngineOptions, engineKeys, limitsFrom, makeService } from "./internal/effect/layer.ts"
import { Aio, type AioService } from "./internal/effect/service.ts"
import { Engine } from "./internal/engine/engine.ts"
import type { Limits } from "./internal/engine/limits.ts"
import { optionsReader } from "./internal/engine/options.ts"
import { errnoMessage, errnoName } from "./internal/native/errno.ts"
import { unsupported, withoutWorkers } from "./internal/native/platform.ts"
import { aioInit, ControlBlocks, PosixAioUnavailable, selfTest } from "./internal/native/posixAio.ts"

/**
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

const MOST_REQUESTS = 4096
const REQUESTS = 256
/** What glibc has without aio_init(3): it takes all of them or none. */
const GLIBC_THREADS = 20

const unavailable = (reason: string, remedy: string, number?: number): AioUnavailable =>
  new AioUnavailable({ backend: "posix", reason, remedy, errno: number })

/** As they were given, and checked. */
interface Checked {
  readonly requests: number | undefined
  readonly threads: number | undefined
  /** Milliseconds. */
  readonly idleTimeout: number | undefined
  readonly limits: Limits
}

const readOptions = optionsReader<Options>({ ...engineKeys, requests: true, threads: true, idleTimeout: true })

const checked = (options: Options | undefined): Checked => {
  const given = readOptions(options)
  return {
    requests: checkCount("requests", given.requests, 1),
    threads: checkCount("threads", given.threads, 1),
    idleTimeout: checkMillis("idleTimeout", given.idleTimeout),
    limits: limitsFrom(given)
  }
}

const makeEngine = (options: Checked): Effect.Effect<Engine, AioUnavailable> =>
  Effect.suspend(() => {
    const refusal = unsupported ?? withoutWorkers
    if (refusal !== undefined) return Effect.fail(notThisPlatform("posix", refusal))
    try {
      const requests = Math.min(options.requests ?? REQUESTS, MOST_REQUESTS)
      const idle = Math.ceil((options.idleTimeout ?? 0) / 1000)
      if (options.threads !== undefined || options.requests !== undefined || idle > 0) {
        aioInit(Math.min(options.threads ?? GLIBC_THREADS, 4096), requests, Math.min(idle, 0x7fffffff))
      }
      selfTest()
      const blocks = new ControlBlocks(requests)
      let failure = 0
      const engine = new Engine((host) => {
        const notification = new Notification(host)
        failure = notification.descriptor
        return [new PosixAioBackend(blocks, notification, host), new ThreadsBackend(host)]
      }, options.limits)
      if (failure >= 0) return Effect.succeed(engine)
      return Effect.zipRight(
        Effect.async<void>((resume) => engine.close(() => resume(Effect.void))),
        Effect.fail(
          unavailable(
            `${errnoMessage(-failure)} (${errnoName(-failure)})`,
            "Raise the limit on open files (ulimit -n).",
            -failure
          )
        )
      )
    } catch (cause) {
      return cause instanceof PosixAioUnavailable ? Effect.fail(fromPosixAioUnavailable(cause)) : Effect.die(cause)
    }
  })

/**
 * The service in a Scope. Closing the Scope cancels what is outstanding and waits for it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: Options): Effect.Effect<AioService, AioUnavailable, Scope.Scope> =>
  withLayerOptions(
    "posix",
    () => checked(options),
    (options) => makeService(makeEngine(options))
  )

/**
 * `Aio` on POSIX AIO.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<Aio, AioUnavailable> => Layer.scoped(Aio, make(options))
