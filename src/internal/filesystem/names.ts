/** The names in a directory, as `fs.readdir` gives them. */
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Engine } from "../engine/engine.ts"
import { textOfPath } from "../engine/pathNames.ts"
import { readdirNames } from "../operation/directories.ts"
import { ListDirectory } from "../task/listDirectory.ts"
import { type Subject, translate } from "./errors.ts"
import { scanTree } from "./scan.ts"
import { runSequence } from "./sequence.ts"

/** A character of which UTF-8 and UTF-16 sort differently: one above the surrogates, or one of these. */
const sortsOtherwise = /[\ud800-\uffff]/

const byBytes = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x === y) continue
    const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff
    return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1
  }
  return a.length - b.length
}

/** Sorts by bytes, as libuv does. */
const sortNames = (names: ReadonlyArray<string>): Array<string> =>
  names.some((name) => sortsOtherwise.test(name)) ? [...names].sort(byBytes) : [...names].sort()

interface Listed {
  readonly name: string
  readonly path: string
  readonly isDirectory: boolean
}

/**
 * Sorted within each directory. With `recursive` in the order of `fs.promises.readdir`: all names of a directory, then those of its last
 * subdirectory, and so on.
 */
export const readDirectory = (
  engine: Engine,
  path: string,
  recursive: boolean
): Effect.Effect<Array<string>, PlatformError> =>
  // Suspended: the effect may be run many times.
  recursive ? Effect.suspend(() => collect(engine, path)) : listed(engine, path)

const listed = (engine: Engine, path: string): Effect.Effect<Array<string>, PlatformError> =>
  Effect.map(
    runSequence(() => {
      const subject: Subject = { method: "readDirectory", of: path, path }
      return new ListDirectory(engine, path, { method: "readDirectory", about: () => subject }, readdirNames)
    }),
    sortNames
  )

const collect = (engine: Engine, path: string): Effect.Effect<Array<string>, PlatformError> => {
  const byParent = new Map<string, Array<Listed>>()
  const collected = Stream.runForEachChunk(scanTree(engine, path, Number.POSITIVE_INFINITY), (entries) =>
    Effect.sync(() => {
      for (const { name, path, type } of entries) {
        const full = textOfPath(path)
        const parent = full.slice(0, full.length - name.length)
        const siblings = byParent.get(parent)
        const listed = { name, path: full, isDirectory: type === "Directory" }
        if (siblings === undefined) byParent.set(parent, [listed])
        else siblings.push(listed)
      }
    })
  )
  return Effect.mapBoth(collected, {
    onFailure: (error) =>
      translate(
        { method: "readDirectory", of: path, path: error._tag === "AioError" ? textOfPath(error.path ?? path) : path },
        "scandir"
      )(error),
    onSuccess: () => {
      const names: Array<string> = []
      const stack = [""]
      for (let parent = stack.pop(); parent !== undefined; parent = stack.pop()) {
        const siblings = byParent.get(parent) ?? []
        siblings.sort((a, b) => byBytes(a.name, b.name))
        for (const { isDirectory, path } of siblings) {
          names.push(path)
          if (isDirectory) stack.push(`${path}/`)
        }
      }
      return names
    }
  })
}
