/**
 * The Linux kernel AIO backend: io_submit(2), which libraries know as libaio.
 *
 * For direct I/O (O_DIRECT) where io_uring is forbidden. Transfers on direct files, `fsync`, `fdatasync` and `pollFd` run in the
 * kernel; everything else, buffered transfers included, runs in the thread pool behind it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { AioUnavailable } from "./AioError.ts"
import { KernelAioBackend } from "./internal/backend/kernel_aio/backend.ts"
import { Context, ContextUnavailable } from "./internal/backend/kernel_aio/context.ts"
import { ENTRIES } from "./internal/backend/kernel_aio/direct.ts"
import { fromContextUnavailable } from "./internal/backend/kernel_aio/unavailable.ts"
import { ThreadsBackend } from "./internal/backend/threads/backend.ts"
import { notThisPlatform } from "./internal/backend/unavailable.ts"
import { checkCount, withLayerOptions } from "./internal/effect/arguments.ts"
import { type EngineOptions, engineKeys, limitsFrom, makeService } from "./internal/effect/layer.ts"
import { Aio, type AioService } from "./internal/effect/service.ts"
import { Engine } from "./internal/engine/engine.ts"
import type { Limits } from "./internal/engine/limits.ts"
import { optionsReader } from "./internal/engine/options.ts"
import { unsupported } from "./internal/native/platform.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options extends EngineOptions {
  /**
   * Requests in the kernel at once; the rest waits in the engine, by priority. Taken from the system's `fs.aio-max-nr` (65536 unless
   * somebody set it) while the Layer is open. Default 256, what a disk's own queue holds: io_submit(2) waits for room in that.
   */
  readonly entries?: number | undefined
}

const readOptions = optionsReader<Options>({ ...engineKeys, entries: true })

/** What io_setup(2) can be asked at all. */
const MOST_ENTRIES = 0x7fffffff

const makeEngine = (wanted: number, limits: Limits): Effect.Effect<Engine, AioUnavailable> =>
  Effect.suspend(() => {
    if (unsupported !== undefined) return Effect.fail(notThisPlatform("kernel"))
    const entries = Math.min(wanted, MOST_ENTRIES)
    try {
      const context = new Context(entries)
      return Effect.succeed(
        new Engine((host) => [new KernelAioBackend(context, host), new ThreadsBackend(host)], limits)
      )
    } catch (cause) {
      return cause instanceof ContextUnavailable
        ? Effect.fail(fromContextUnavailable(cause, entries))
        : Effect.die(cause)
    }
  })

/**
 * The service in a Scope. Closing the Scope cancels what is outstanding, waits for it and frees the context, which takes the kernel
 * some 30 milliseconds.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: Options): Effect.Effect<AioService, AioUnavailable, Scope.Scope> =>
  withLayerOptions(
    "kernel",
    () => {
      const given = readOptions(options)
      return { entries: checkCount("entries", given.entries, 1) ?? ENTRIES, limits: limitsFrom(given) }
    },
    ({ entries, limits }) => makeService(makeEngine(entries, limits))
  )

/**
 * `Aio` on Linux kernel AIO.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<Aio, AioUnavailable> => Layer.scoped(Aio, make(options))
