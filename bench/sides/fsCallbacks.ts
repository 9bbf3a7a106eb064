/** `node:fs` with callbacks. */
import * as fs from "node:fs"
import * as Effect from "effect/Effect"
import { AioBuffer } from "effect-aio"
import { MEBIBYTE, OFFSETS_MASK, offsets, PAGE, SMALL_FILE_SIZE } from "../fixtures.ts"
import { callbacks, type Done, range } from "../loops.ts"
import { type Side, side } from "../measure.ts"

/** A descriptor, closed with the Scope. */
export const descriptor = (path: string, direct = false) =>
  Effect.acquireRelease(
    Effect.sync(() => fs.openSync(path, fs.constants.O_RDONLY | (direct ? fs.constants.O_DIRECT : 0))),
    (fd) => Effect.sync(() => fs.closeSync(fd))
  )

const identity = (count: number): number => count

export const reads = (path: string, depth: number, direct: boolean): Side =>
  side(
    "fs.read",
    PAGE,
    Effect.map(descriptor(path, direct), (fd) => {
      const buffers = range(depth).map(() => AioBuffer.aligned(PAGE))
      return (requests: number) =>
        callbacks<number>(
          depth,
          requests,
          (index, worker, done) => fs.read(fd, buffers[worker], 0, PAGE, offsets[index & OFFSETS_MASK], done),
          identity
        )
    })
  )

/** Opens, reads into a new buffer, closes: three requests where `fs.readFile` makes four or more. */
const loadFile = (path: string, done: Done<Buffer>): void =>
  fs.open(path, "r", (error, fd) => {
    if (error !== null) return done(error, Buffer.alloc(0))
    const buffer = Buffer.allocUnsafeSlow(PAGE)
    fs.read(fd, buffer, 0, PAGE, 0, (error, count) => {
      fs.close(fd, (closeError) => done(error ?? closeError ?? null, buffer.subarray(0, count)))
    })
  })

export const loads = (paths: ReadonlyArray<string>, depth: number): Side =>
  side(
    "fs.open, read, close",
    SMALL_FILE_SIZE,
    Effect.succeed((requests: number) =>
      callbacks<Buffer>(
        depth,
        requests,
        (index, _, done) => loadFile(paths[index], done),
        (bytes) => bytes.byteLength
      )
    )
  )

export const stats = (paths: ReadonlyArray<string>, depth: number): Side =>
  side(
    "fs.stat",
    SMALL_FILE_SIZE,
    Effect.succeed((requests: number) =>
      callbacks<fs.Stats>(
        depth,
        requests,
        (index, _, done) => fs.stat(paths[index], done),
        (stat) => stat.size
      )
    )
  )

export const stream = (path: string, chunkSize: number): Side =>
  side(
    "fs.createReadStream",
    MEBIBYTE,
    Effect.succeed((mebibytes: number) =>
      Effect.uninterruptible(
        Effect.async<number, Error>((resume) => {
          let sum = 0
          fs.createReadStream(path, { end: mebibytes * MEBIBYTE - 1, highWaterMark: chunkSize })
            .on("data", (bytes) => {
              sum += bytes.length
            })
            .on("error", (error) => resume(Effect.fail(error)))
            .on("end", () => resume(Effect.succeed(sum)))
        })
      )
    )
  )
