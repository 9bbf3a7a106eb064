/** Selects the backend of a machine. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { AioUnavailable } from "../../AioError.ts"
import * as IoUring from "../../IoUring.ts"
import * as KernelAio from "../../KernelAio.ts"
import * as PosixAio from "../../PosixAio.ts"
import * as ThreadPool from "../../ThreadPool.ts"
import { directBackend } from "../backend/kernel_aio/direct.ts"
import { show } from "../engine/arguments.ts"
import { optionsReader } from "../engine/options.ts"
import { withLayerOptions } from "./arguments.ts"
import { Aio, type AioService, engineOf } from "./service.ts"

/**
 * What `layer` may be told to use.
 *
 * @since 0.1.0
 * @category layers
 */
export type BackendName = "io_uring" | "kernel" | "posix" | "threads"

/**
 * The environment variable `AIO_BACKEND` (`io_uring`, `kernel`, `posix` or `threads`), as a `Config`.
 *
 * @since 0.1.0
 * @category config
 */
export const backendConfig: Config.Config<Option.Option<BackendName>> = Config.option(
  Config.literal("io_uring", "kernel", "posix", "threads")("AIO_BACKEND")
)

const byName: Record<BackendName, Effect.Effect<AioService, AioUnavailable, Scope.Scope>> = {
  io_uring: IoUring.make(),
  kernel: KernelAio.make(),
  posix: PosixAio.make(),
  threads: ThreadPool.make()
}

const names = Object.keys(byName).join(", ")

const chosen = (backend: string, reason: string) => Effect.logDebug(`effect-aio: backend ${backend}: ${reason}`)

/** The backend that `layer` was told to use, by a name that may come from anywhere: a command line, say. */
const named = (backend: BackendName): Effect.Effect<AioService, AioUnavailable, Scope.Scope> =>
  typeof backend === "string" && Object.hasOwn(byName, backend)
    ? Effect.zipLeft(byName[backend], chosen(backend, "its option says so"))
    : Effect.fail(
        new AioUnavailable({
          backend: typeof backend === "string" ? backend : show(backend),
          reason: "there is no backend of that name",
          remedy: `The option backend is one of ${names}.`
        })
      )

/** Threads, with kernel AIO from the first file on that is opened for direct I/O. */
const threadsAndDirect = Effect.tap(byName.threads, (service) =>
  Effect.sync(() => {
    engineOf(service).makeDirect = directBackend
  })
)

const best: Effect.Effect<AioService, AioUnavailable, Scope.Scope> = Effect.matchEffect(byName.io_uring, {
  onSuccess: (service) => Effect.as(chosen("io_uring", "this machine has it"), service),
  onFailure: (error) => Effect.zipRight(chosen("threads", error.message), threadsAndDirect)
})

const layerOptions = optionsReader<{ readonly backend?: BackendName | undefined }>({ backend: true })

/** The backend of `AIO_BACKEND`, or the best. */
const ofEnvironment: Effect.Effect<AioService, AioUnavailable, Scope.Scope> = Effect.gen(function* () {
  const forced = yield* Effect.mapError(
    backendConfig,
    (error) =>
      new AioUnavailable({
        backend: "AIO_BACKEND",
        reason: error.message,
        remedy: `Set AIO_BACKEND to one of ${names}, or not at all.`
      })
  )
  if (Option.isNone(forced)) return yield* best
  return yield* Effect.zipLeft(byName[forced.value], chosen(forced.value, "AIO_BACKEND says so"))
})

/**
 * The best backend of this machine: io_uring, or else the thread pool, with kernel AIO for files opened with `direct`. `backend`, or
 * else `AIO_BACKEND`, forces one. The choice and its reason are logged at debug level.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: { readonly backend?: BackendName | undefined }): Layer.Layer<Aio, AioUnavailable> =>
  Layer.scoped(
    Aio,
    withLayerOptions(
      "Aio.layer",
      () => layerOptions(options).backend,
      (backend) => (backend === undefined ? ofEnvironment : named(backend))
    )
  )
