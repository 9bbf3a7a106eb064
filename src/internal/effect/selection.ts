/** Selects the backend of a machine. */
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { AioUnavailable } from "../../AioError.ts"
import * as IoUring from "../../IoUring.ts"
import * as KernelAio from "../../KernelAio.ts"
import * as PosixAio from "../../PosixAio.ts"
import * as ThreadPool from "../../ThreadPool.ts"
import { directBackend } from "../backend/kernel_aio/direct.ts"
import { BadArgument, show } from "../engine/arguments.ts"
import { optionsReader } from "../engine/options.ts"
import { withLayerOptions } from "./arguments.ts"
import { type EngineOptions, engineKeys } from "./layer.ts"
import { type AioService, engineOf } from "./service.ts"

/**
 * What `layer` may be told to use.
 *
 * @since 0.1.0
 * @category layers
 */
export type BackendName = "io_uring" | "kernel" | "posix" | "threads"

/**
 * What a backend has besides the limits of every engine.
 *
 * @since 0.1.0
 * @category layers
 */
export type OwnOptions<Options> = Omit<Options, keyof EngineOptions>

/**
 * How `layer` chooses a backend, the limits of its engine, and what each backend takes of its own if it is the one.
 *
 * @since 0.1.0
 * @category layers
 */
export interface LayerOptions extends EngineOptions {
  /** Forces one. Left out: `AIO_BACKEND`, or else the best of this machine. */
  readonly backend?: BackendName | undefined
  /** Of `IoUring`. */
  readonly io_uring?: OwnOptions<IoUring.Options> | undefined
  /** Of `KernelAio`. */
  readonly kernel?: OwnOptions<KernelAio.Options> | undefined
  /** Of `PosixAio`. */
  readonly posix?: OwnOptions<PosixAio.Options> | undefined
  /** Of `ThreadPool`. */
  readonly threads?: OwnOptions<ThreadPool.Options> | undefined
}

type Made = Effect.Effect<AioService, AioUnavailable, Scope.Scope>

/** How the options of each backend are read, and its service made of them. Reading throws `BadArgument`. */
const backends: Record<BackendName, (limits: EngineOptions, options: any) => () => Made> = {
  io_uring: (limits, options) => {
    const own = optionsReader<OwnOptions<IoUring.Options>>({ entries: true })(options, "io_uring")
    return () => IoUring.make({ ...limits, ...own })
  },
  kernel: (limits, options) => {
    const own = optionsReader<OwnOptions<KernelAio.Options>>({ entries: true })(options, "kernel")
    return () => KernelAio.make({ ...limits, ...own })
  },
  posix: (limits, options) => {
    const keys = { requests: true, threads: true, idleTimeout: true } as const
    const own = optionsReader<OwnOptions<PosixAio.Options>>(keys)(options, "posix")
    return () => PosixAio.make({ ...limits, ...own })
  },
  threads: (limits, options) => {
    const keys = { minParallel: true, maxParallel: true, maxIdle: true, idleTimeout: true } as const
    const own = optionsReader<OwnOptions<ThreadPool.Options>>(keys)(options, "threads")
    return () => ThreadPool.make({ ...limits, ...own })
  }
}

const backendNames = Object.keys(backends) as Array<BackendName>
const names = backendNames.join(", ")

const layerOptions = optionsReader<LayerOptions>({
  ...engineKeys,
  backend: true,
  io_uring: true,
  kernel: true,
  posix: true,
  threads: true
})

/** All of it is looked at, also what is for backends that are not chosen. Throws `BadArgument`. */
const read = (options: LayerOptions | undefined) => {
  const { backend, inline, io_uring, kernel, maxOutstanding, maxPollRequests, maxPollTime, posix, threads } =
    layerOptions(options)
  const limits = { inline, maxOutstanding, maxPollRequests, maxPollTime }
  return {
    backend,
    make: {
      io_uring: backends.io_uring(limits, io_uring),
      kernel: backends.kernel(limits, kernel),
      posix: backends.posix(limits, posix),
      threads: backends.threads(limits, threads)
    } satisfies Record<BackendName, () => Made>
  }
}

type Makers = ReturnType<typeof read>["make"]

const chosen = (backend: string, reason: string) => Effect.logDebug(`effect-aio: backend ${backend}: ${reason}`)

/** The backend that `layer` was told to use, by a name that may come from anywhere: a command line, say. */
const named = (backend: BackendName, make: Makers): Made =>
  typeof backend === "string" && Object.hasOwn(make, backend)
    ? Effect.zipLeft(make[backend](), chosen(backend, "its option says so"))
    : Effect.fail(
        new AioUnavailable({
          backend: typeof backend === "string" ? backend : show(backend),
          reason: "there is no backend of that name",
          remedy: `The option backend is one of ${names}.`
        })
      )

/** Threads, with kernel AIO from the first file on that is opened for direct I/O. */
const threadsAndDirect = (make: Makers): Made =>
  Effect.tap(make.threads(), (service) =>
    Effect.sync(() => {
      engineOf(service).makeDirect = directBackend
    })
  )

const best = (make: Makers): Made =>
  Effect.matchEffect(make.io_uring(), {
    onSuccess: (service) => Effect.as(chosen("io_uring", "this machine has it"), service),
    onFailure: (error) => Effect.zipRight(chosen("threads", error.message), threadsAndDirect(make))
  })

const forcedBackend = Config.option(Config.literal("io_uring", "kernel", "posix", "threads")("AIO_BACKEND"))

/** `AIO_BACKEND`, or the best. */
const ofEnvironment = (make: Makers): Made =>
  Effect.gen(function* () {
    const forced = yield* Effect.mapError(
      forcedBackend,
      (error) =>
        new AioUnavailable({
          backend: "AIO_BACKEND",
          reason: error.message,
          remedy: `Set AIO_BACKEND to one of ${names}, or not at all.`
        })
    )
    if (Option.isNone(forced)) return yield* best(make)
    return yield* Effect.zipLeft(make[forced.value](), chosen(forced.value, "AIO_BACKEND says so"))
  })

/** The service that the options ask for. */
export const select = (options: LayerOptions | undefined): Made =>
  withLayerOptions(
    "Aio.layer",
    () => read(options),
    ({ backend, make }) => (backend === undefined ? ofEnvironment(make) : named(backend, make))
  )

/** The same by a `Config` of the options. */
export const selectBy = (
  options: Config.Config.Wrap<LayerOptions>
): Effect.Effect<AioService, AioUnavailable | ConfigError, Scope.Scope> =>
  withLayerOptions(
    "Aio.layerConfig",
    () => unwrap(options),
    (config) => Effect.flatMap(config, select)
  )

/** Throws `BadArgument`: Effect throws anything for what has no Configs in it, down to the end of the stack. */
const unwrap = (options: Config.Config.Wrap<LayerOptions>): Config.Config<LayerOptions> => {
  try {
    return Config.unwrap(options)
  } catch {
    throw new BadArgument("options", `must be a Config, or options whose values are, not ${show(options)}`)
  }
}

const count = (name: string, least: number) =>
  Config.validate(Config.integer(name), {
    message: `a whole number from ${least} on`,
    validation: (value: number) => value >= least
  })

const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> => Config.withDefault(config, undefined)

const ring = Config.all({ entries: optional(count("AIO_ENTRIES", 1)) })

/** What stands in the environment, as options. */
export const environment: Config.Config<LayerOptions> = Config.all({
  backend: Config.map(forcedBackend, Option.getOrUndefined),
  maxPollRequests: optional(count("AIO_MAX_POLL_REQUESTS", 1)),
  maxPollTime: optional(Config.duration("AIO_MAX_POLL_TIME")),
  maxOutstanding: optional(count("AIO_MAX_OUTSTANDING", 1)),
  inline: optional(Config.map(Config.boolean("AIO_INLINE"), (yes) => (yes ? {} : (false as const)))),
  io_uring: ring,
  kernel: ring,
  threads: Config.all({
    minParallel: optional(count("AIO_MIN_PARALLEL", 0)),
    maxParallel: optional(count("AIO_MAX_PARALLEL", 0)),
    maxIdle: optional(count("AIO_MAX_IDLE", 0)),
    idleTimeout: optional(Config.duration("AIO_IDLE_TIMEOUT"))
  })
})
