/** The files that are measured on, in a temporary directory that is removed at the end, however the end comes. */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { type ColdDisk, makeColdDisk } from "./coldDisk.ts"

export const PAGE = 4096
export const MEBIBYTE = 1 << 20
/** Bytes of the file for random reads. */
export const RANDOM_FILE_SIZE = 64 * MEBIBYTE
export const SMALL_FILE_SIZE = 1024

export interface Sizes {
  readonly smallFiles: number
  /** Mebibytes. */
  readonly bigFile: number
}

export interface Fixtures {
  readonly sizes: Sizes
  readonly directory: string
  /** 64 MiB in the page cache. */
  readonly cachedFile: Effect.Effect<string>
  /** 64 MiB, read past the page cache. */
  readonly directFile: Effect.Effect<string>
  readonly smallFiles: Effect.Effect<ReadonlyArray<string>>
  readonly bigFile: Effect.Effect<string>
  /** Reads what has been made, but for `directFile`: a page cache forgets, above all that of a virtual machine whose memory is shared. */
  readonly warm: Effect.Effect<void>
  /** Where `missing` of coldDisk.ts has nothing to say. */
  readonly coldDisk: Effect.Effect<ColdDisk>
}

/** Offsets of pages in random order, the same for every side. A power of two of them. */
export const offsets: ReadonlyArray<number> = (() => {
  const pages = Array.from({ length: RANDOM_FILE_SIZE / PAGE }, (_, index) => index * PAGE)
  let seed = 1
  for (let i = pages.length - 1; i > 0; i--) {
    // A linear congruential generator will do: what counts is that read-ahead finds no pattern.
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    const j = seed % (i + 1)
    const page = pages[i]
    pages[i] = pages[j]
    pages[j] = page
  }
  return pages
})()

/** Indexes `offsets` with the number of a request. */
export const OFFSETS_MASK = offsets.length - 1

const writeFile = (path: string, mebibytes: number, isSynced: boolean): string => {
  const block = Buffer.alloc(MEBIBYTE, "effect-aio ")
  const fd = openSync(path, "w")
  for (let i = 0; i < mebibytes; i++) writeSync(fd, block)
  if (isSynced) fsyncSync(fd)
  closeSync(fd)
  return path
}

const readThrough = (path: string): void => {
  const block = Buffer.allocUnsafe(MEBIBYTE)
  const fd = openSync(path, "r")
  while (readSync(fd, block) > 0);
  closeSync(fd)
}

const writeSmallFiles = (directory: string, count: number): ReadonlyArray<string> => {
  const paths: Array<string> = []
  const content = Buffer.alloc(SMALL_FILE_SIZE, "effect-aio ")
  for (let i = 0; i < count; i++) {
    const folder = join(directory, String(Math.floor(i / 1000)))
    if (i % 1000 === 0) mkdirSync(folder, { recursive: true })
    const path = join(folder, `${i}.txt`)
    writeFileSync(path, content)
    paths.push(path)
  }
  return paths
}

/** `isSynced`: nothing is written back during the measurements. What only counts need not wait for the disk. */
export const makeFixtures = (sizes: Sizes, isSynced = true): Effect.Effect<Fixtures, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-aio-bench-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    )
    const scope = yield* Effect.scope
    const once = <A>(make: () => A) => Effect.cached(Effect.sync(make))
    const made: Array<string> = []
    return {
      sizes,
      directory,
      cachedFile: yield* once(() => {
        const path = writeFile(join(directory, "cached"), 64, isSynced)
        made.push(path)
        return path
      }),
      directFile: yield* once(() => writeFile(join(directory, "direct"), 64, true)),
      smallFiles: yield* once(() => {
        const paths = writeSmallFiles(join(directory, "small"), sizes.smallFiles)
        made.push(...paths)
        return paths
      }),
      bigFile: yield* once(() => {
        const path = writeFile(join(directory, "big"), sizes.bigFile, isSynced)
        made.push(path)
        return path
      }),
      warm: Effect.sync(() => made.forEach(readThrough)),
      coldDisk: yield* Effect.cached(Scope.extend(makeColdDisk(directory), scope))
    }
  })
