/** The end of what is open: by itself, or with its Scope. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Engine } from "../engine/engine.ts"
import type { OpenDescriptor } from "../engine/openDescriptor.ts"
import { closeOpened } from "../operation/descriptors.ts"
import { executeUninterruptibly } from "./execute.ts"
import type { Restore } from "./wait.ts"

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

/** What is closed with a Scope. */
export interface Releasable {
  readonly release: Effect.Effect<void>
}

/**
 * Leaves it to the Scope to release something. In the uninterruptible region that it was acquired in.
 *
 * Not `Effect.addFinalizer`, which also captures, compares and restores all of the fiber's FiberRefs: half the price of opening a file, for a finalizer
 * that reads none.
 */
export const releasedWithScope = <A extends Releasable>(acquired: A): Effect.Effect<A, never, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => Effect.as(Scope.addFinalizer(scope, acquired.release), acquired))

/** Acquires something that the Scope releases. */
export const scoped = <A extends Releasable, E>(
  acquire: (restore: Restore) => Effect.Effect<A, E>
): Effect.Effect<A, E, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) => Effect.flatMap(acquire(restore), releasedWithScope))
