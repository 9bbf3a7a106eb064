/** A million requests outstanding at once; in a process of its own, whose memory holds nothing else. */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { type Figure, WrongWork } from "../measure.ts"
import type { Settings } from "../settings.ts"

export const million = ({ effort, fixtures }: Settings): Effect.Effect<ReadonlyArray<Figure>, unknown> =>
  Effect.flatMap(fixtures.cachedFile, (path) =>
    Effect.async<ReadonlyArray<Figure>, WrongWork>((resume) => {
      let figures: ReadonlyArray<Figure> | undefined
      // A million at a time is a long interval already: three rounds of it are enough.
      const rounds = Math.min(effort.rounds, 3)
      const child = fork(fileURLToPath(new URL("millionProcess.ts", import.meta.url)), [path, String(rounds)])
      child.on("message", (message) => {
        figures = message as ReadonlyArray<Figure>
      })
      child.on("exit", (code, signal) =>
        resume(
          figures !== undefined && code === 0
            ? Effect.succeed(figures)
            : Effect.fail(new WrongWork({ side: "million", reason: `its process ended with ${signal ?? code}` }))
        )
      )
      return Effect.sync(() => child.kill())
    })
  )
