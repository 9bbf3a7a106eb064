/** Ten thousand fibers that wait for something to be readable, and what they cost meanwhile; in a process of its own. */
import type * as Effect from "effect/Effect"
import { figuresFrom } from "../child.ts"
import type { Figure } from "../measure.ts"
import type { Settings } from "../settings.ts"

export const waits = ({ backends, fixtures }: Settings): Effect.Effect<ReadonlyArray<Figure>, unknown> =>
  figuresFrom("waitsProcess.ts", [backends[0], fixtures.directory])
