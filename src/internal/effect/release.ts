/** The end of an open file, whoever opened it. */
import * as Effect from "effect/Effect"
import type { Engine } from "../engine/engine.ts"
import type { FileState } from "../engine/openDescriptor.ts"
import * as catalogue from "../operation/catalogue.ts"
import { executeUninterruptibly } from "./execute.ts"

/** Ends the requests that still use the descriptor, then closes it. */
export const release = (engine: Engine, fd: number, state: FileState): Effect.Effect<void> =>
  Effect.suspend(() => {
    state.closed = true
    const close = Effect.ignore(executeUninterruptibly(engine, catalogue.close(fd)))
    // Fibers that outlive the Scope may have requests under way. Their number must not become another file's under them.
    return state.users === 0 ? close : Effect.zipRight(unused(engine, state), close)
  })

const unused = (engine: Engine, state: FileState): Effect.Effect<void> =>
  Effect.async((resume) => {
    state.onUnused = () => resume(Effect.void)
    engine.cancelUsers(state)
  })
