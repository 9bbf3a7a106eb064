/** Walking a tree with a fixed number of workers. */
import { Effect } from "effect"
import type { Aio } from "effect-aio"

/** Something found in the tree. */
export interface Entry {
  readonly path: Aio.Path
  readonly type: Aio.FileType
}

/** `directory/name`. Bytes as soon as one of them is: a name need not be UTF-8. */
export const join = (directory: Aio.Path, name: Aio.Path): Aio.Path => {
  if (typeof directory === "string" && typeof name === "string") {
    return directory.endsWith("/") ? directory + name : `${directory}/${name}`
  }
  return Buffer.concat([Buffer.from(directory), Buffer.from("/"), Buffer.from(name)])
}

/**
 * Visits `root` and everything its visits find, with `concurrency` workers. `makeVisit` is called once per worker, so a visit may
 * close over what belongs to one worker: a buffer, say. A visit returns what it found below its entry.
 *
 * What waits is a stack: the files of a directory come before the next directory, and no more of the tree is in memory than the
 * names beside the way down to where the workers are.
 */
export const walk = <E, R>(
  root: Entry,
  concurrency: number,
  makeVisit: () => (entry: Entry) => Effect.Effect<ReadonlyArray<Entry>, E, R>
): Effect.Effect<void, E, R> =>
  Effect.gen(function* () {
    const waiting = [root]
    /** Found, and not visited to the end. At 0 nothing can be found any more. */
    let open = 1
    /** One permit for each entry that waits. */
    const permits = yield* Effect.makeSemaphore(waiting.length)

    const worker = Effect.gen(function* () {
      const visit = makeVisit()
      while (true) {
        yield* permits.take(1)
        const entry = waiting.pop()
        if (entry === undefined) return
        const found = yield* visit(entry)
        for (const child of found) waiting.push(child)
        open += found.length - 1
        // At the end one permit for every worker, with no entry behind it: there is nothing more to come.
        yield* permits.release(open === 0 ? concurrency : found.length)
      }
    })
    yield* Effect.all(
      Array.from({ length: concurrency }, () => worker),
      { concurrency: "unbounded", discard: true }
    )
  })
