/** Figures that are taken in a process of its own, whose memory, threads and CPU time are nobody else's. */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { type Figure, WrongWork } from "./measure.ts"

/** Runs a file of `scenarios`, which answers with `report`. */
export const figuresFrom = (
  file: string,
  args: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Figure>, WrongWork> =>
  Effect.async((resume) => {
    let figures: ReadonlyArray<Figure> | undefined
    const child = fork(fileURLToPath(new URL(`scenarios/${file}`, import.meta.url)), args)
    child.on("message", (message) => {
      figures = message as ReadonlyArray<Figure>
    })
    child.on("exit", (code, signal) =>
      resume(
        figures !== undefined && code === 0
          ? Effect.succeed(figures)
          : Effect.fail(new WrongWork({ side: file, reason: `its process ended with ${signal ?? code}` }))
      )
    )
    return Effect.sync(() => child.kill())
  })

/** In the child: answers, and lets go of the parent. */
export const report = (figures: ReadonlyArray<Figure>): void => {
  process.send!(figures, () => process.disconnect())
}
