/** The end of an open file. */
import * as Effect from "effect/Effect"
import type { Engine } from "../engine/engine.ts"
import type { OpenDescriptor } from "../engine/openDescriptor.ts"
import { closeOpened } from "../operation/descriptors.ts"
import { executeUninterruptibly } from "./execute.ts"

/** Ends the requests that still use the descriptor, then closes it. */
export const release = (engine: Engine, file: OpenDescriptor): Effect.Effect<void> =>
  Effect.suspend(() => {
    const close = Effect.ignore(executeUninterruptibly(engine, closeOpened(file.fd, file.isForWriting)))
    if (!file.isUsed) {
      file.close(() => {})
      return close
    }
    // Fibers that outlive the Scope may have requests under way. The number of these requests must not come to mean another file.
    const unused = Effect.async<void>((resume) => {
      file.close(() => resume(Effect.void))
      engine.cancelUsers(file)
    })
    return Effect.zipRight(unused, close)
  })
