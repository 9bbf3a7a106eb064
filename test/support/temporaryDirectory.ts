/** A directory of a test's own. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"

/** An empty directory, removed with everything in it when the Scope closes. */
export const temporaryDirectory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "effect-aio-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)
