/** A million requests outstanding at once; in a process of its own, whose memory holds nothing else. */
import * as Effect from "effect/Effect"
import { figuresFrom } from "../child.ts"
import type { Figure } from "../measure.ts"
import type { Settings } from "../settings.ts"

export const million = ({ effort, fixtures }: Settings): Effect.Effect<ReadonlyArray<Figure>, unknown> =>
  // A million at a time is a long interval already: three rounds of it are enough.
  Effect.flatMap(fixtures.cachedFile, (path) =>
    figuresFrom("millionProcess.ts", [path, String(Math.min(effort.rounds, 3))])
  )
