/** Descriptors on which a read waits until the test writes. */
import { closeSync, constants, openSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { addressOf, systemCall } from "./systemCalls.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"

const AT_FDCWD = -100

let made = 0

/** A new FIFO. mkfifo(3); not mkfifo(1): to start a process costs one as large as this one more than most tests. */
export const makeFifo = (path: string): void => {
  const bytes = Buffer.from(`${path}\0`)
  const result = systemCall("mknodat", AT_FDCWD, addressOf(bytes), constants.S_IFIFO | 0o666, 0)
  if (result < 0) throw new Error(`mkfifo ${path}: ${result}`)
}

/** Names of `count` new FIFOs in `directory`. */
export const makeFifos = (directory: string, count: number): ReadonlyArray<string> => {
  const paths = Array.from({ length: count }, () => join(directory, `fifo-${made++}`))
  paths.forEach(makeFifo)
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
