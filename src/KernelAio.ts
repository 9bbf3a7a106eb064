/**
 * The Linux kernel AIO backend: io_submit(2), which libraries know as libaio.
 *
 * For direct I/O (O_DIRECT) where io_uring is forbidden. Transfers on direct files, `fsync`, `fdatasync` and `pollFd` run in the
 * kernel; everything else, buffered transfers included, runs in the thread pool behind it.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { AioUnavailable } from "./AioError.ts"
import { open } from "./internal/backend/kernel_aio/open.ts"
import { checkCount } from "./internal/effect/arguments.ts"
import { type EngineOptions, engineKeys, limitsFrom, makeService } from "./internal/effect/layer.ts"
import { Aio, type AioService } from "./internal/effect/service.ts"
import { optionsReader } from "./internal/engine/options.ts"

/**
 * Of the context in the kernel, and of the engine above it.
 *
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

/**
 * The service in a Scope. Closing the Scope cancels what is outstanding, waits for it and frees the context, which takes the kernel
 * some 30 milliseconds.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: Options): Effect.Effect<AioService, AioUnavailable, Scope.Scope> =>
  makeService(
    "kernel",
    () => {
      const given = readOptions(options)
      return { entries: checkCount("entries", given.entries, 1), limits: limitsFrom(given) }
    },
    open
  )

/**
 * `Aio` on Linux kernel AIO.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<Aio, AioUnavailable> => Layer.scoped(Aio, make(options))
