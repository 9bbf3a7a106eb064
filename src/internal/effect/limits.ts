/** The limits of an engine, read and changed while it runs. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { AioBadArgument } from "../../AioError.ts"
import { optionsReader } from "../engine/options.ts"
import { checkCount, checkMillis, withArguments } from "./arguments.ts"
import { type Aio, currentEngine, withEngine } from "./service.ts"

/**
 * The limits of the engine, as `setLimits` takes them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limits {
  /** Completions delivered in one turn of the event loop, at most. */
  readonly maxPollRequests: number
  /** Time after which a turn delivers no more. */
  readonly maxPollTime: Duration.Duration
  /** Requests under way at once, at most. */
  readonly maxOutstanding: number
}

/**
 * The limits that hold now.
 *
 * @since 0.1.0
 * @category limits
 */
export const limits: Effect.Effect<Limits, never, Aio> = Effect.map(currentEngine, (engine) => ({
  maxPollRequests: engine.limits.maxPollRequests,
  maxPollTime: Duration.millis(engine.limits.maxPollTime),
  maxOutstanding: engine.limits.maxOutstanding
}))

interface Changes {
  readonly maxPollRequests?: number | undefined
  readonly maxPollTime?: Duration.DurationInput | undefined
  readonly maxOutstanding?: number | undefined
}

const readChanges = optionsReader<Changes>({ maxPollRequests: true, maxPollTime: true, maxOutstanding: true })

/**
 * Changes limits while requests are running.
 *
 * @since 0.1.0
 * @category limits
 */
export const setLimits = (changes: {
  readonly maxPollRequests?: number | undefined
  readonly maxPollTime?: Duration.DurationInput | undefined
  readonly maxOutstanding?: number | undefined
}): Effect.Effect<void, AioBadArgument, Aio> =>
  withEngine((engine) =>
    withArguments(
      "setLimits",
      () => {
        const given = readChanges(changes, "changes")
        return {
          maxPollRequests: checkCount("maxPollRequests", given.maxPollRequests, 1),
          maxPollTime: checkMillis("maxPollTime", given.maxPollTime),
          maxOutstanding: checkCount("maxOutstanding", given.maxOutstanding, 1)
        }
      },
      ({ maxOutstanding, maxPollRequests, maxPollTime }) =>
        Effect.sync(() => {
          const { limits } = engine
          limits.maxPollRequests = maxPollRequests ?? limits.maxPollRequests
          limits.maxOutstanding = maxOutstanding ?? limits.maxOutstanding
          limits.maxPollTime = maxPollTime ?? limits.maxPollTime
          engine.wake()
        })
    )
  )
