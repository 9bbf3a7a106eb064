/** An engine as a service in a Scope. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AioUnavailable } from "../AioError.ts"
import { checkOptions } from "./counts.ts"
import type { Engine } from "./engine/engine.ts"
import { defaultLimits, type Limits } from "./engine/limits.ts"
import { execute } from "./execute.ts"
import type { AioService } from "./service.ts"

/** What every backend's Layer takes. All but `inline` can be changed later, see `Aio.setLimits`. */
export interface EngineOptions {
  /** Completions delivered in one turn of the event loop, at most. Default 1024. */
  readonly maxPollRequests?: number | undefined
  /** Time after which a turn delivers no more. Default: no limit. */
  readonly maxPollTime?: Duration.DurationInput | undefined
  /** Requests under way at once; further ones wait, by priority, interruptibly. Default: no limit. */
  readonly maxOutstanding?: number | undefined
  /**
   * How much may be finished without waiting between two turns of the event loop: requests (default 256) and bytes (default
   * 4 MiB). `false` sends every request to the backend.
   */
  readonly inline?: { readonly requests?: number | undefined; readonly bytes?: number | undefined } | false | undefined
}

/** Fails with the first limit that is none. */
export const checkLimits = (
  backend: string,
  { inline, maxOutstanding, maxPollRequests }: EngineOptions
): Effect.Effect<void, AioUnavailable> => {
  const budget = inline === false ? undefined : inline
  return Effect.zipRight(
    checkOptions(backend, { maxOutstanding, maxPollRequests }, 1),
    checkOptions(backend, { "inline.requests": budget?.requests, "inline.bytes": budget?.bytes }, 0)
  )
}

export const limitsFrom = (options: EngineOptions): Limits => {
  const limits = defaultLimits()
  if (options.maxPollRequests !== undefined) limits.maxPollRequests = options.maxPollRequests
  if (options.maxPollTime !== undefined) limits.maxPollTime = Duration.toMillis(options.maxPollTime)
  if (options.maxOutstanding !== undefined) limits.maxOutstanding = options.maxOutstanding
  if (options.inline === false) limits.inlineRequests = 0
  else {
    if (options.inline?.requests !== undefined) limits.inlineRequests = options.inline.requests
    if (options.inline?.bytes !== undefined) limits.inlineBytes = options.inline.bytes
  }
  return limits
}

/** Closing the Scope cancels what is outstanding, waits for it, then frees rings, maps and threads. */
export const makeService = (
  acquire: Effect.Effect<Engine, AioUnavailable>
): Effect.Effect<AioService, AioUnavailable, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(acquire, (engine) => Effect.async<void>((resume) => engine.close(() => resume(Effect.void)))),
    (engine): AioService => ({
      backend: engine.backend.name,
      submit: (operation) => execute(engine, operation),
      engine
    })
  )
