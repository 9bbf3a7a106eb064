/** An engine as a service in a Scope. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AioUnavailable } from "../../AioError.ts"
import type { Backend, Host } from "../engine/backend.ts"
import { Engine } from "../engine/engine.ts"
import { defaultLimits, type Limits } from "../engine/limits.ts"
import { optionsReader } from "../engine/options.ts"
import { checkCount, checkMillis, withLayerOptions } from "./arguments.ts"
import { notOpened } from "./exits.ts"
import { type AioService, serviceOf } from "./service.ts"

/** The options of every backend's Layer. All but `inline` can be changed later, see `Aio.setLimits`. */
export interface EngineOptions {
  /** Completions delivered in one turn of the event loop, at most. Default 1024. */
  readonly maxPollRequests?: number | undefined
  /** Time after which a turn delivers no more. Default: no limit. */
  readonly maxPollTime?: Duration.DurationInput | undefined
  /** Requests under way at once; further ones wait, by priority, interruptibly. Default: no limit. */
  readonly maxOutstanding?: number | undefined
  /**
   * How much may be finished without waiting between two turns of the event loop: requests (default 256) and bytes (default
   * 4 MiB). Where the backend is found to be faster it gets the requests all the same; `false` sends it every one.
   */
  readonly inline?: { readonly requests?: number | undefined; readonly bytes?: number | undefined } | false | undefined
}

/** The keys of `EngineOptions`, for the readers of the Layers' own options. */
export const engineKeys = { maxPollRequests: true, maxPollTime: true, maxOutstanding: true, inline: true } as const

const inlineOptions = optionsReader<Exclude<EngineOptions["inline"], false | undefined>>({
  requests: true,
  bytes: true
})

/** The limits among options that have been read. Throws `BadArgument` for the first wrong one. */
export const limitsFrom = (options: EngineOptions): Limits => {
  const { inlineBytes, inlineRequests, maxOutstanding, maxPollRequests, maxPollTime } = defaultLimits()
  const budget = options.inline === false ? { requests: 0, bytes: undefined } : inlineOptions(options.inline, "inline")
  return {
    maxPollRequests: checkCount("maxPollRequests", options.maxPollRequests, 1) ?? maxPollRequests,
    maxPollTime: checkMillis("maxPollTime", options.maxPollTime) ?? maxPollTime,
    maxOutstanding: checkCount("maxOutstanding", options.maxOutstanding, 1) ?? maxOutstanding,
    inlineRequests: checkCount("inline.requests", budget.requests, 0) ?? inlineRequests,
    inlineBytes: checkCount("inline.bytes", budget.bytes, 0) ?? inlineBytes
  }
}

/** Closing cancels what is outstanding, waits for it, then frees rings, maps and threads. */
const close = (engine: Engine): Effect.Effect<void> => Effect.async((resume) => engine.close(() => resume(Effect.void)))

/**
 * The service of a backend in a Scope: reads the options of its Layer, which may throw `BadArgument`, and opens it, which may throw
 * `Unavailable`.
 */
export const makeService = <Options extends { readonly limits: Limits }>(
  backend: string,
  read: () => Options,
  open: (host: Host, options: Options) => ReadonlyArray<Backend>
): Effect.Effect<AioService, AioUnavailable, Scope.Scope> =>
  withLayerOptions(backend, read, (options) =>
    Effect.map(
      Effect.acquireRelease(
        opened((host) => open(host, options), options.limits),
        close
      ),
      serviceOf
    )
  )

const opened = (
  makeBackends: (host: Host) => ReadonlyArray<Backend>,
  limits: Limits
): Effect.Effect<Engine, AioUnavailable> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(new Engine(makeBackends, limits))
    } catch (problem) {
      return notOpened(problem)
    }
  })
