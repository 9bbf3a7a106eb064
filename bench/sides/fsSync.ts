/** `node:fs`, synchronous: nothing else runs meanwhile, and depth means nothing to it. */
import * as fs from "node:fs"
import * as Effect from "effect/Effect"
import { AioBuffer } from "effect-aio"
import { MEBIBYTE, OFFSETS_MASK, offsets, PAGE, SMALL_FILE_SIZE } from "../fixtures.ts"
import { inTurn } from "../loops.ts"
import { type Side, side } from "../measure.ts"
import { descriptor } from "./fsCallbacks.ts"

export const reads = (path: string, direct: boolean): Side =>
  side(
    "readSync",
    PAGE,
    Effect.map(descriptor(path, direct), (fd) => {
      const buffer = AioBuffer.aligned(PAGE)
      return (requests: number) =>
        inTurn(requests, (index) => fs.readSync(fd, buffer, 0, PAGE, offsets[index & OFFSETS_MASK]))
    })
  )

export const loads = (paths: ReadonlyArray<string>): Side =>
  side(
    "readFileSync",
    SMALL_FILE_SIZE,
    Effect.succeed((requests: number) => inTurn(requests, (index) => fs.readFileSync(paths[index]).byteLength))
  )

export const stats = (paths: ReadonlyArray<string>): Side =>
  side(
    "statSync",
    SMALL_FILE_SIZE,
    Effect.succeed((requests: number) => inTurn(requests, (index) => fs.statSync(paths[index]).size))
  )

export const stream = (path: string, chunkSize: number): Side =>
  side(
    "readSync loop",
    MEBIBYTE,
    Effect.map(descriptor(path), (fd) => {
      const buffer = Buffer.allocUnsafeSlow(chunkSize)
      return (mebibytes: number) =>
        inTurn(mebibytes, (index) => {
          let sum = 0
          while (sum < MEBIBYTE) {
            const count = fs.readSync(fd, buffer, 0, Math.min(chunkSize, MEBIBYTE - sum), index * MEBIBYTE + sum)
            if (count === 0) break
            sum += count
          }
          return sum
        })
    })
  )
