/** Sides that are programs of their own: they measure themselves, and print what they found. */
import { execFile } from "node:child_process"
import * as Effect from "effect/Effect"
import { type Sample, type Side, WrongWork } from "../measure.ts"

export const program = (
  name: string,
  command: string,
  options: ReadonlyArray<string>,
  directory: string,
  /** What it printed as a sample; throws where it is none. */
  read: (output: string) => Sample
): Side => ({
  name,
  external: true,
  open: Effect.succeed(() =>
    Effect.async<Sample, WrongWork>((resume) => {
      const child = execFile(command, options, { cwd: directory }, (error, stdout) => {
        if (error !== null) return resume(Effect.fail(new WrongWork({ side: name, reason: error.message })))
        resume(
          Effect.try({
            try: () => read(stdout),
            catch: (cause) => new WrongWork({ side: name, reason: `output not understood: ${cause}` })
          })
        )
      })
      return Effect.sync(() => child.kill())
    })
  )
})
