/** Checks of the arguments of public functions, before any work is done. A wrong argument is a failure of the Effect, and never thrown. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { AioBadArgument, AioUnavailable } from "../../AioError.ts"
import { BadArgument, show } from "../engine/arguments.ts"

/** A whole number from `least` on, or Infinity. `undefined` is accepted. Throws `BadArgument`. */
export const checkCount = (argument: string, value: number | undefined, least: number): number | undefined => {
  if (value === undefined || value === Number.POSITIVE_INFINITY) return value
  if (Number.isInteger(value) && value >= least) return value
  throw new BadArgument(argument, `must be a whole number from ${least} on, not ${show(value)}`)
}

/** Effect's own reading of a duration. It throws, or returns nothing, for a value that is not a duration. */
export const durationFrom = (value: unknown): Duration.Duration | undefined => {
  if (typeof value === "number" && Number.isNaN(value)) return undefined
  try {
    return Duration.decode(value as Duration.DurationInput)
  } catch {
    return undefined
  }
}

/** A duration. Throws `BadArgument`. */
export const checkDuration = (argument: string, value: unknown): Duration.Duration => {
  const duration = durationFrom(value)
  if (duration !== undefined) return duration
  throw new BadArgument(argument, `must be a duration, such as 100 (milliseconds) or "2 seconds", not ${show(value)}`)
}

/** The milliseconds of a duration; `undefined` is accepted. Throws `BadArgument`. */
export const checkMillis = (argument: string, value: unknown): number | undefined =>
  value === undefined ? undefined : Duration.toMillis(checkDuration(argument, value))

/** One of some words. Throws `BadArgument`. */
export const checkWord = <Word extends string>(argument: string, value: Word, words: ReadonlyArray<Word>): Word => {
  if (words.includes(value)) return value
  throw new BadArgument(argument, `one of ${words.join(", ")}, not ${show(value)}`)
}

/** A function. Throws `BadArgument`. */
export const checkFunction = (argument: string, value: unknown): void => {
  if (typeof value !== "function") throw new BadArgument(argument, `must be a function, not ${show(value)}`)
}

/** Whether a value has the mark of one of Effect's own types. False where looking at it throws. */
export const hasMark = (value: unknown, mark: symbol): boolean => {
  try {
    return typeof value === "object" && value !== null && mark in value
  } catch {
    return false
  }
}

/** An iterable. Throws `BadArgument`. */
export const checkIterable = (operations: unknown): void => {
  let isIterable = false
  try {
    isIterable = typeof (operations as Iterable<unknown> | undefined)?.[Symbol.iterator] === "function"
  } catch {
    // The iterable cannot be used.
  }
  if (!isIterable) throw new BadArgument("operations", `must be an iterable of operations, not ${show(operations)}`)
}

/**
 * Reads arguments each time the Effect runs, and goes on with the result of `read`. A `BadArgument` that `read` throws is the failure.
 */
export const withArguments = <T, A, E, R>(
  operation: string,
  read: () => T,
  use: (read: T) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | AioBadArgument, R> =>
  Effect.suspend((): Effect.Effect<A, E | AioBadArgument, R> => {
    let given: T
    try {
      given = read()
    } catch (problem) {
      if (!(problem instanceof BadArgument)) return Effect.die(problem)
      return Effect.fail(
        new AioBadArgument({ operation, argument: problem.argument, description: problem.description })
      )
    }
    return use(given)
  })

/** The same for the options of a Layer: with a wrong option the Layer cannot be built. */
export const withLayerOptions = <T, A, E, R>(
  backend: string,
  read: () => T,
  use: (read: T) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | AioUnavailable, R> =>
  Effect.suspend((): Effect.Effect<A, E | AioUnavailable, R> => {
    let given: T
    try {
      given = read()
    } catch (problem) {
      if (!(problem instanceof BadArgument)) return Effect.die(problem)
      const reason = `its option ${problem.argument} ${problem.description}`
      return Effect.fail(new AioUnavailable({ backend, reason, remedy: "Correct the options of the Layer." }))
    }
    return use(given)
  })

/** Reads now, and returns a function that gives the result or throws. */
export const attempt = <T>(read: () => T): (() => T) & { readonly value: T | undefined } => {
  try {
    const value = read()
    return Object.assign(() => value, { value })
  } catch (problem) {
    const fail = (): never => {
      throw problem
    }
    return Object.assign(fail, { value: undefined })
  }
}
