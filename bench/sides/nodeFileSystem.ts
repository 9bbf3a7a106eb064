/** The `FileSystem` of @effect/platform-node: what a program written for Effect would use otherwise. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { AioBuffer } from "effect-aio"
import { MEBIBYTE, OFFSETS_MASK, offsets, PAGE, SMALL_FILE_SIZE } from "../fixtures.ts"
import { fibers, range } from "../loops.ts"
import { type Side, side } from "../measure.ts"

const NAME = "NodeFileSystem"

const fileSystem = Effect.provide(FileSystem.FileSystem, NodeFileSystem.layer)

/** Its files read at a position that they keep, one call at a time: so a handle for each worker. It cannot open with O_DIRECT. */
export const reads = (path: string, depth: number): Side =>
  side(
    NAME,
    PAGE,
    Effect.gen(function* () {
      const fs = yield* fileSystem
      const files = yield* Effect.forEach(range(depth), () => fs.open(path))
      const buffers = range(depth).map(() => AioBuffer.aligned(PAGE))
      return (requests: number) =>
        fibers(
          depth,
          requests,
          (index, worker) =>
            Effect.zipRight(
              files[worker].seek(offsets[index & OFFSETS_MASK], "start"),
              files[worker].read(buffers[worker])
            ),
          Number
        )
    })
  )

export const loads = (paths: ReadonlyArray<string>, depth: number): Side =>
  side(
    NAME,
    SMALL_FILE_SIZE,
    Effect.map(
      fileSystem,
      (fs) => (requests: number) =>
        fibers(
          depth,
          requests,
          (index) => fs.readFile(paths[index]),
          (bytes) => bytes.byteLength
        )
    )
  )

export const stats = (paths: ReadonlyArray<string>, depth: number): Side =>
  side(
    NAME,
    SMALL_FILE_SIZE,
    Effect.map(
      fileSystem,
      (fs) => (requests: number) =>
        fibers(
          depth,
          requests,
          (index) => fs.stat(paths[index]),
          (info) => Number(info.size)
        )
    )
  )

export const stream = (path: string, chunkSize: number): Side =>
  side(
    NAME,
    MEBIBYTE,
    Effect.map(
      fileSystem,
      (fs) => (mebibytes: number) =>
        Stream.runFold(
          fs.stream(path, { chunkSize, bytesToRead: mebibytes * MEBIBYTE }),
          0,
          (sum, bytes) => sum + bytes.byteLength
        )
    )
  )
