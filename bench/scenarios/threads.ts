/** What the threads of the pool cost when they do nothing; in a process of its own. */
import type * as Effect from "effect/Effect"
import { figuresFrom } from "../child.ts"
import type { Figure } from "../measure.ts"

export const threads = (): Effect.Effect<ReadonlyArray<Figure>, unknown> => figuresFrom("threadsProcess.ts", [])
