/**
 * The thread pool backend: system calls in native threads. Works wherever Linux does, io_uring or not.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type AioBadArgument, AioUnavailable } from "./AioError.ts"
import { poolOf } from "./internal/backend/pool.ts"
import { defaultControls, type ThreadControls, ThreadsBackend } from "./internal/backend/threads/backend.ts"
import { notThisPlatform } from "./internal/backend/unavailable.ts"
import { checkCounts, checkOptions } from "./internal/counts.ts"
import { Engine } from "./internal/engine/engine.ts"
import { checkLimits, type EngineOptions, limitsFrom, makeService } from "./internal/layer.ts"
import { errno, errnoMessage, errnoName } from "./internal/native/errno.ts"
import { unsupported } from "./internal/native/platform.ts"
import { Aio, type AioService } from "./internal/service.ts"

/**
 * How many threads there are, and for how long. The names are IO::AIO's. All can be changed while the pool runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Controls {
  /** Threads that are started with the first request and stay. Default 0. */
  readonly minParallel?: number | undefined
  /**
   * Threads at most, up to 256. Default: the number of cores, at least 4. With 0, threads end when the requests handed to them are
   * done, and new requests wait until there may be threads again.
   */
  readonly maxParallel?: number | undefined
  /** Idle threads that may stay for ever. Default: as `maxParallel`. */
  readonly maxIdle?: number | undefined
  /** Time after which the other idle threads end. Default 10 seconds. */
  readonly idleTimeout?: Duration.DurationInput | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options extends EngineOptions, Controls {}

const controlsFrom = (current: ThreadControls, changes: Controls): ThreadControls => ({
  minParallel: changes.minParallel ?? current.minParallel,
  maxParallel: changes.maxParallel ?? current.maxParallel,
  maxIdle: changes.maxIdle ?? current.maxIdle,
  idleTimeout: changes.idleTimeout === undefined ? current.idleTimeout : Duration.toMillis(changes.idleTimeout)
})

/**
 * The service in a Scope. Closing the Scope cancels what is outstanding, waits for it and ends the threads.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<AioService, AioUnavailable, Scope.Scope> => {
  const { maxIdle, maxParallel, minParallel } = options
  return Effect.zipRight(
    Effect.zipRight(checkOptions("threads", { maxIdle, maxParallel, minParallel }, 0), checkLimits("threads", options)),
    makeService(Effect.suspend(() => makeEngine(options)))
  )
}

const makeEngine = (options: Options): Effect.Effect<Engine, AioUnavailable> => {
  if (unsupported !== undefined) return Effect.fail(notThisPlatform("threads"))
  const engine = new Engine(
    (host) => [new ThreadsBackend(host, controlsFrom(defaultControls(), options))],
    limitsFrom(options)
  )
  const failure = poolOf(engine)!.open()
  return failure === 0
    ? Effect.succeed(engine)
    : Effect.fail(
        new AioUnavailable({
          backend: "threads",
          reason: `${errnoMessage(-failure)} (${errnoName(-failure)})`,
          remedy:
            failure === -errno.EMFILE || failure === -errno.ENFILE
              ? "Raise the limit on open files (ulimit -n)."
              : "Allow this process executable memory of a file (memfd_create), and memory at all.",
          errno: -failure
        })
      )
}

/**
 * `Aio` on a pool of threads.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Aio, AioUnavailable> => Layer.scoped(Aio, make(options))

/** The pool of the service at hand: the backend itself, or io_uring's for what the kernel cannot run. */
const pool: Effect.Effect<ThreadsBackend, never, Aio> = Effect.flatMap(Aio, ({ engine }) => {
  const found = poolOf(engine)
  return found === undefined ? Effect.dieMessage("this backend has no thread pool") : Effect.succeed(found)
})

/**
 * The controls in force. `idleTimeout` in milliseconds.
 *
 * @since 0.1.0
 * @category controls
 */
export const controls: Effect.Effect<Readonly<ThreadControls>, never, Aio> = Effect.map(pool, ({ controls }) => ({
  ...controls
}))

/**
 * Changes controls while the pool runs. A smaller `maxParallel` is in force when this is done: it waits for surplus threads to finish
 * their calls.
 *
 * @since 0.1.0
 * @category controls
 */
export const setControls = (changes: Controls): Effect.Effect<void, AioBadArgument, Aio> =>
  Effect.flatMap(pool, (backend) => {
    const { maxIdle, maxParallel, minParallel } = changes
    return Effect.zipRight(
      checkCounts("setControls", { maxIdle, maxParallel, minParallel }, 0),
      Effect.async<void>((resume) => {
        Object.assign(backend.controls, controlsFrom(backend.controls, changes))
        backend.configure()
        backend.whenAtMost(backend.controls.maxParallel, () => resume(Effect.void))
      })
    )
  })

/**
 * @since 0.1.0
 * @category controls
 */
export const setMinParallel = (threads: number): Effect.Effect<void, AioBadArgument, Aio> =>
  setControls({ minParallel: threads })

/**
 * `setMaxParallel(0)` drains and stops all threads.
 *
 * @since 0.1.0
 * @category controls
 */
export const setMaxParallel = (threads: number): Effect.Effect<void, AioBadArgument, Aio> =>
  setControls({ maxParallel: threads })

/**
 * @since 0.1.0
 * @category controls
 */
export const setMaxIdle = (threads: number): Effect.Effect<void, AioBadArgument, Aio> =>
  setControls({ maxIdle: threads })

/**
 * @since 0.1.0
 * @category controls
 */
export const setIdleTimeout = (timeout: Duration.DurationInput): Effect.Effect<void, AioBadArgument, Aio> =>
  setControls({ idleTimeout: timeout })
