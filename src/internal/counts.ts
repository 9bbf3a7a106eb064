/** Checks of options that count things. */
import * as Effect from "effect/Effect"
import { AioBadArgument, AioUnavailable } from "../AioError.ts"

type Counts = Readonly<Record<string, number | undefined>>

/** The first that is neither a whole number from `least` on nor Infinity, and why. Those left out are fine. */
const wrongCount = (counts: Counts, least: number): { argument: string; description: string } | undefined => {
  for (const [argument, value] of Object.entries(counts)) {
    if (value === undefined || value === Number.POSITIVE_INFINITY) continue
    if (!Number.isInteger(value) || value < least) {
      return { argument, description: `must be a whole number from ${least} on, not ${value}` }
    }
  }
  return undefined
}

/** Fails with the first that is wrong. */
export const checkCounts = (operation: string, counts: Counts, least: number): Effect.Effect<void, AioBadArgument> => {
  const wrong = wrongCount(counts, least)
  return wrong === undefined ? Effect.void : Effect.fail(new AioBadArgument({ operation, ...wrong }))
}

/** The same for the options of a Layer, which then cannot be built. */
export const checkOptions = (backend: string, counts: Counts, least: number): Effect.Effect<void, AioUnavailable> => {
  const wrong = wrongCount(counts, least)
  return wrong === undefined
    ? Effect.void
    : Effect.fail(
        new AioUnavailable({
          backend,
          reason: `its option ${wrong.argument} ${wrong.description}`,
          remedy: "Correct the options of the Layer."
        })
      )
}
