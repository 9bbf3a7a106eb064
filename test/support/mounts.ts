/** File systems of a test's own, for what an ordinary one does not do. Each is `undefined` where this process may not mount. */
import { execFileSync, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { isRoot } from "../fixtures/child.ts"
import { project } from "./build.ts"
import { settled } from "./processState.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"

/** Where it is mounted, until the Scope closes. */
export type Mounted = Effect.Effect<string | undefined, never, Scope.Scope>

const unmount = (directory: string | undefined): Effect.Effect<void> =>
  Effect.sync(() => {
    // Lazily: whatever a failed test has left open must not keep it.
    if (directory !== undefined) execFileSync("umount", ["--lazy", directory])
  })

/** 64 KiB in memory. */
export const tiny: Mounted = Effect.acquireRelease(
  Effect.map(temporaryDirectory, (directory) => {
    if (!isRoot) return undefined
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "effect-aio", directory], { stdio: "pipe" })
      return directory
    } catch {
      return undefined
    }
  }),
  unmount
)

const isMounted = (directory: string): boolean =>
  readFileSync("/proc/self/mountinfo", "utf8").includes(` ${directory} `)

/** A Python that has fusepy: not every one on the path does. */
const python = "/usr/bin/python3"

const hasFuse = (): boolean => {
  try {
    execFileSync(python, ["-c", "import fusepy"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/** The server of direct.py: files whose reads and writes pass the page cache, each answered by the server. */
export const direct: Mounted = Effect.flatMap(temporaryDirectory, (directory) => {
  if (!isRoot || !hasFuse()) return Effect.succeed(undefined)
  return Effect.acquireRelease(
    Effect.gen(function* () {
      const server = spawn(python, [join(project, "test/support/direct.py"), directory], { stdio: "ignore" })
      if (yield* settled(() => isMounted(directory), true)) return { server, directory }
      server.kill("SIGKILL")
      return undefined
    }),
    (mounted) =>
      Effect.zipRight(
        unmount(mounted?.directory),
        Effect.sync(() => void mounted?.server.kill("SIGKILL"))
      )
  ).pipe(Effect.map((mounted) => mounted?.directory))
})
