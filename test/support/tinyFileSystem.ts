/** A small file system of a test's own. */
import { execFileSync } from "node:child_process"
import { Effect, type Scope } from "effect"
import { isRoot } from "../fixtures/child.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"

/** 64 KiB in memory, mounted until the Scope closes; `undefined` where this process may not mount. */
export const tiny: Effect.Effect<string | undefined, never, Scope.Scope> = Effect.acquireRelease(
  Effect.map(temporaryDirectory, (directory) => {
    if (!isRoot) return undefined
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "effect-aio", directory], { stdio: "pipe" })
      return directory
    } catch {
      return undefined
    }
  }),
  (directory) =>
    Effect.sync(() => {
      // Lazily: whatever a failed test has left open must not keep it.
      if (directory !== undefined) execFileSync("umount", ["--lazy", directory])
    })
)
