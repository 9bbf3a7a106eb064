/** The path of a file as `fs.realpath` tells it. */
import { resolve } from "node:path"
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import { BadArgument, checkPath, type Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { textOfPath } from "../engine/pathNames.ts"
import { RealPath } from "../task/realPath.ts"
import { fromWrongArgument, type Subject } from "./errors.ts"
import { runSequence } from "./sequence.ts"

export const realPath = (engine: Engine, path: string): Effect.Effect<string, PlatformError> =>
  Effect.suspend(() => {
    try {
      checkPath(path)
    } catch (problem) {
      // Checked here: only a string has a text to resolve.
      return problem instanceof BadArgument ? Effect.fail(fromWrongArgument("realPath", problem)) : Effect.die(problem)
    }
    // By its text, as in Node: `link/..` is the directory in which the link lies, and not the one above its target.
    const whole = resolve(textOfPath(path))
    const about = (part: Path): Subject => ({ method: "realPath", of: path, path: textOfPath(part) })
    return Effect.map(
      runSequence(() => new RealPath(engine, whole, { method: "realPath", about })),
      textOfPath
    )
  })
