/**
 * The thread pool backend: system calls in native threads. Works wherever Linux does, io_uring or not.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { AioBadArgument, AioUnavailable } from "./AioError.ts"
import { poolOf } from "./internal/backend/pool.ts"
import { defaultControls, type ThreadControls } from "./internal/backend/threads/backend.ts"
import { open } from "./internal/backend/threads/open.ts"
import { checkCount, checkMillis, withArguments } from "./internal/effect/arguments.ts"
import { type EngineOptions, engineKeys, limitsFrom, makeService } from "./internal/effect/layer.ts"
import { Aio, type AioService, currentEngine, withEngine } from "./internal/effect/service.ts"
import type { Engine } from "./internal/engine/engine.ts"
import { optionsReader } from "./internal/engine/options.ts"

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
 * Of the pool, and of the engine above it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends EngineOptions, Controls {}

const controlKeys = { minParallel: true, maxParallel: true, maxIdle: true, idleTimeout: true } as const

const readOptions = optionsReader<Options>({ ...engineKeys, ...controlKeys })
const readControls = optionsReader<Controls>(controlKeys)

/** Of options that have been read: those that are left out stay out. Throws `BadArgument`. */
const changesFrom = (controls: Controls): Partial<ThreadControls> => {
  const changes = {
    minParallel: checkCount("minParallel", controls.minParallel, 0),
    maxParallel: checkCount("maxParallel", controls.maxParallel, 0),
    maxIdle: checkCount("maxIdle", controls.maxIdle, 0),
    idleTimeout: checkMillis("idleTimeout", controls.idleTimeout)
  }
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
}

/**
 * The service in a Scope. Closing the Scope cancels what is outstanding, waits for it and ends the threads.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: Options): Effect.Effect<AioService, AioUnavailable, Scope.Scope> =>
  makeService(
    "threads",
    () => {
      const given = readOptions(options)
      return { controls: { ...defaultControls(), ...changesFrom(given) }, limits: limitsFrom(given) }
    },
    open
  )

/**
 * `Aio` on a pool of threads.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<Aio, AioUnavailable> => Layer.scoped(Aio, make(options))

/** The controls of services that have no pool: of a mock, whose programs may set them all the same. */
const withoutPool = new WeakMap<Engine, ThreadControls>()

const controlsOf = (engine: Engine): ThreadControls => {
  const found = poolOf(engine)?.controls ?? withoutPool.get(engine)
  if (found !== undefined) return found
  const initial = defaultControls()
  withoutPool.set(engine, initial)
  return initial
}

/**
 * The controls in force. `idleTimeout` in milliseconds. A mock has no threads, and remembers what is set.
 *
 * @since 0.1.0
 * @category controls
 */
export const controls: Effect.Effect<Readonly<ThreadControls>, never, Aio> = Effect.map(currentEngine, (engine) => ({
  ...controlsOf(engine)
}))

/**
 * Changes controls while the pool runs: the backend itself, or that of another backend for what the kernel cannot run. A smaller
 * `maxParallel` is in force when this is done: it waits for surplus threads to finish their calls.
 *
 * @since 0.1.0
 * @category controls
 */
export const setControls = (changes: Controls): Effect.Effect<void, AioBadArgument, Aio> =>
  withEngine((engine) =>
    withArguments(
      "setControls",
      () => changesFrom(readControls(changes, "changes")),
      (changes) =>
        Effect.async<void>((resume) => {
          const controls = Object.assign(controlsOf(engine), changes)
          const pool = poolOf(engine)
          if (pool === undefined) return resume(Effect.void)
          pool.configure()
          pool.whenAtMost(controls.maxParallel, () => resume(Effect.void))
        })
    )
  )

/**
 * Threads that are kept, however idle: `setControls({ minParallel: threads })`.
 *
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
 * Idle threads that are kept, at most: `setControls({ maxIdle: threads })`.
 *
 * @since 0.1.0
 * @category controls
 */
export const setMaxIdle = (threads: number): Effect.Effect<void, AioBadArgument, Aio> =>
  setControls({ maxIdle: threads })

/**
 * How long a thread stays idle before it ends: `setControls({ idleTimeout: timeout })`.
 *
 * @since 0.1.0
 * @category controls
 */
export const setIdleTimeout = (timeout: Duration.DurationInput): Effect.Effect<void, AioBadArgument, Aio> =>
  setControls({ idleTimeout: timeout })
