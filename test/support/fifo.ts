/** Descriptors on which a read waits until the test writes. */
import { execFileSync } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { temporaryDirectory } from "./temporaryDirectory.ts"

let made = 0

/** Names of `count` new FIFOs in `directory`. mkfifo(1). */
export const makeFifos = (directory: string, count: number): ReadonlyArray<string> => {
  const paths = Array.from({ length: count }, () => join(directory, `fifo-${made++}`))
  execFileSync("mkfifo", paths as Array<string>)
  return paths
}

/**
 * `count` idle pipes in a Scope, one blocking descriptor each for both ends: a read waits until something is written to it.
 */
export const idlePipes = (count: number): Effect.Effect<ReadonlyArray<number>, never, Scope.Scope> =>
  Effect.flatMap(temporaryDirectory, (directory) =>
    Effect.acquireRelease(
      Effect.sync(() => makeFifos(directory, count).map((path) => openSync(path, "r+"))),
      (fds) => Effect.sync(() => fds.forEach((fd) => void closeSync(fd)))
    )
  )

/** One idle pipe. */
export const idlePipe: Effect.Effect<number, never, Scope.Scope> = Effect.map(idlePipes(1), ([fd]) => fd)
