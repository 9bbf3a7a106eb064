/**
 * The thread pool backend: system calls in worker threads. Works wherever Linux does, io_uring or not.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { AioUnavailable } from "./AioError.ts"
import { notThisPlatform } from "./internal/backend/io_uring/unavailable.ts"
import { ThreadsBackend, type ThreadsOptions } from "./internal/backend/threads/backend.ts"
import { Engine } from "./internal/engine/engine.ts"
import { budgetFrom, type EngineOptions, makeService } from "./internal/layer.ts"
import { unsupported } from "./internal/native/platform.ts"
import { Aio, type AioService } from "./internal/service.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options extends EngineOptions, ThreadsOptions {}

/**
 * The service in a Scope. Closing the Scope cancels what is outstanding, waits for it and ends the threads.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<AioService, AioUnavailable, Scope.Scope> =>
  makeService(
    Effect.suspend(() =>
      unsupported === undefined
        ? Effect.succeed(new Engine((host) => [new ThreadsBackend(host, options)], budgetFrom(options)))
        : Effect.fail(notThisPlatform("threads"))
    )
  )

/**
 * `Aio` on a pool of threads.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Aio, AioUnavailable> => Layer.scoped(Aio, make(options))
