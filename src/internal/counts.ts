/** Checks of options that count things. */
import * as Effect from "effect/Effect"
import { AioBadArgument } from "../AioError.ts"

/** Fails with the first that is neither a whole number from `least` on nor Infinity. Those left out are fine. */
export const checkCounts = (
  operation: string,
  counts: Readonly<Record<string, number | undefined>>,
  least: number
): Effect.Effect<void, AioBadArgument> => {
  for (const [argument, value] of Object.entries(counts)) {
    if (value === undefined || value === Number.POSITIVE_INFINITY) continue
    if (!Number.isInteger(value) || value < least) {
      const description = `must be a whole number from ${least} on, not ${value}`
      return Effect.fail(new AioBadArgument({ operation, argument, description }))
    }
  }
  return Effect.void
}
