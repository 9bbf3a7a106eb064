/** An engine as a service in a Scope. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AioUnavailable } from "../AioError.ts"
import { type Budget, defaultBudget, type Engine } from "./engine/engine.ts"
import { execute } from "./execute.ts"
import type { AioService } from "./service.ts"

/** What every backend's Layer takes. */
export interface EngineOptions {
  /** Completions delivered in one turn of the event loop, at most. Default 1024. */
  readonly maxPollRequests?: number | undefined
  /**
   * How much may be finished without waiting between two turns of the event loop: requests (default 512) and bytes (default
   * 4 MiB). `false` sends every request to the backend.
   */
  readonly inline?: { readonly requests?: number | undefined; readonly bytes?: number | undefined } | false | undefined
}

export const budgetFrom = (options: EngineOptions): Budget => ({
  completions: options.maxPollRequests ?? defaultBudget.completions,
  inlineRequests: options.inline === false ? 0 : (options.inline?.requests ?? defaultBudget.inlineRequests),
  inlineBytes: options.inline === false ? 0 : (options.inline?.bytes ?? defaultBudget.inlineBytes)
})

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
