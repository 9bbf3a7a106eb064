/** `node:fs/promises`. */

import { constants, type Stats } from "node:fs"
import * as fs from "node:fs/promises"
import * as Effect from "effect/Effect"
import { AioBuffer } from "effect-aio"
import { MEBIBYTE, OFFSETS_MASK, offsets, PAGE, SMALL_FILE_SIZE } from "../fixtures.ts"
import { promises, range } from "../loops.ts"
import { type Side, side } from "../measure.ts"

const handle = (path: string, direct = false) =>
  Effect.acquireRelease(
    Effect.promise(() => fs.open(path, constants.O_RDONLY | (direct ? constants.O_DIRECT : 0))),
    (handle) => Effect.promise(() => handle.close())
  )

const bytesRead = (result: { readonly bytesRead: number }): number => result.bytesRead
const byteLength = (bytes: Uint8Array): number => bytes.byteLength

export const reads = (path: string, depth: number, direct: boolean): Side =>
  side(
    "fs.promises",
    PAGE,
    Effect.map(handle(path, direct), (file) => {
      const buffers = range(depth).map(() => AioBuffer.aligned(PAGE))
      return (requests: number) =>
        promises(
          depth,
          requests,
          (index, worker) => file.read(buffers[worker], 0, PAGE, offsets[index & OFFSETS_MASK]),
          bytesRead
        )
    })
  )

export const loads = (paths: ReadonlyArray<string>, depth: number): Side =>
  side(
    "fs.promises.readFile",
    SMALL_FILE_SIZE,
    Effect.succeed((requests: number) => promises(depth, requests, (index) => fs.readFile(paths[index]), byteLength))
  )

const size = (stat: Stats): number => stat.size

export const stats = (paths: ReadonlyArray<string>, depth: number): Side =>
  side(
    "fs.promises.stat",
    SMALL_FILE_SIZE,
    Effect.succeed((requests: number) => promises(depth, requests, (index) => fs.stat(paths[index]), size))
  )

/** A loop over the handle, into a new buffer each time, as streams give one. */
export const stream = (path: string, chunkSize: number): Side =>
  side(
    "fs.promises read loop",
    MEBIBYTE,
    Effect.map(
      handle(path),
      (file) => (mebibytes: number) =>
        Effect.uninterruptible(
          Effect.promise(async () => {
            let sum = 0
            while (sum < mebibytes * MEBIBYTE) {
              const { bytesRead } = await file.read(Buffer.allocUnsafeSlow(chunkSize), 0, chunkSize, sum)
              if (bytesRead === 0) break
              sum += bytesRead
            }
            return sum
          })
        )
    )
  )
