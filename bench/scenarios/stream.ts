/** One large cached file from start to end, in pieces of the same size on all sides. */
import * as Effect from "effect/Effect"
import type { Comparison } from "../measure.ts"
import type { Settings } from "../settings.ts"
import * as aio from "../sides/aio.ts"
import * as fsCallbacks from "../sides/fsCallbacks.ts"
import * as fsPromises from "../sides/fsPromises.ts"
import * as fsSync from "../sides/fsSync.ts"
import * as nodeFileSystem from "../sides/nodeFileSystem.ts"

const CHUNK_SIZE = 256 * 1024

/** The same where nothing of it is kept: into the same memory again and again. */
export const lent = ({ backends, fixtures }: Settings): Effect.Effect<Comparison> =>
  Effect.map(fixtures.bigFile, (path) => ({
    name: "stream-lent",
    title: `Look at ${fixtures.sizes.bigFile} MiB in sequence, 256 KiB at a time, keeping nothing`,
    unit: "MiB",
    requests: fixtures.sizes.bigFile,
    sides: [
      ...backends.map((backend) => aio.forEachChunk(backend, path, CHUNK_SIZE)),
      fsSync.stream(path, CHUNK_SIZE),
      fsCallbacks.stream(path, CHUNK_SIZE)
    ]
  }))

export const stream = ({ backends, fixtures }: Settings): Effect.Effect<Comparison> =>
  Effect.map(fixtures.bigFile, (path) => ({
    name: "stream",
    title: `Read ${fixtures.sizes.bigFile} MiB in sequence, 256 KiB at a time`,
    unit: "MiB",
    requests: fixtures.sizes.bigFile,
    sides: [
      ...backends.map((backend) => aio.stream(backend, path, CHUNK_SIZE)),
      fsCallbacks.stream(path, CHUNK_SIZE),
      fsPromises.stream(path, CHUNK_SIZE),
      nodeFileSystem.stream(path, CHUNK_SIZE),
      fsSync.stream(path, CHUNK_SIZE)
    ]
  }))
