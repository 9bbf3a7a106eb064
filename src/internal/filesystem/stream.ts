/** A file as a stream. */
import type { PlatformError } from "@effect/platform/Error"
import type { StreamOptions } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { executeMasked, executeUninterruptibly } from "../effect/execute.ts"
import { fileStream, type ToFailure } from "../effect/fileStream.ts"
import { engineOrReplacement } from "../effect/replacementEngine.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed, LATER } from "../engine/failed.ts"
import { known } from "../engine/known.ts"
import { OpenDescriptor, regularFile } from "../engine/openDescriptor.ts"
import { close } from "../operation/catalogue.ts"
import { measure } from "../operation/descriptors.ts"
import { openFile } from "../operation/openFile.ts"
import { largestSlab } from "../task/fileReader.ts"
import { freshSlabs } from "../task/slabs.ts"
import { badArgument, type Subject, translate } from "./errors.ts"
import { toPlatformExit } from "./sequence.ts"

/** As NodeFileSystem's. */
const CHUNK_SIZE = 65536
const BUFFER_SIZE = 16

const whole = (name: string, value: number, least: number) =>
  Number.isSafeInteger(value) && value >= least
    ? undefined
    : badArgument("stream", name, `must be a whole number from ${least} on, not ${value}`)

const failureOf =
  (fd: number): ToFailure<PlatformError> =>
  ({ errno, operation, problem }) => {
    const subject: Subject = { method: errno === 0 ? "stream" : "readAlloc", of: fd }
    return toPlatformExit<never>(new Failed(operation, subject, errno, problem))
  }

/** Bytes of the file, if that is known without waiting. */
const sizeOf = (engine: Engine, file: OpenDescriptor): number => {
  const size = known(engine, measure(file))
  return size === LATER || size instanceof Failed ? Number.POSITIVE_INFINITY : size.size
}

export const stream = (
  engine: Engine,
  path: string,
  options: StreamOptions = {}
): Stream.Stream<Uint8Array, PlatformError> => {
  const chunkSize = Number(options.chunkSize ?? CHUNK_SIZE)
  const offset = Number(options.offset ?? 0)
  const length = options.bytesToRead === undefined ? Number.POSITIVE_INFINITY : Number(options.bytesToRead)
  const bufferSize = Math.max(1, Number(options.bufferSize ?? BUFFER_SIZE))
  const problem = whole("chunkSize", chunkSize, 1) ?? whole("offset", offset, 0)
  if (problem !== undefined) return Stream.fail(problem)
  const most = Math.min(bufferSize * chunkSize, largestSlab(chunkSize))
  const acquire = Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.mapError(
        executeMasked(engineOrReplacement(engine), openFile(path), restore),
        translate({ method: "open", of: path, path })
      ),
      (fd) => {
        const file = new OpenDescriptor(fd, regularFile)
        const size = sizeOf(engineOrReplacement(engine), file)
        return fileStream(
          {
            engine: () => engineOrReplacement(engine),
            file,
            offset,
            length,
            size,
            chunkSize,
            first: most,
            most,
            slabs: freshSlabs
          },
          failureOf(fd),
          Effect.ignore(executeUninterruptibly(engine, close(fd)))
        )
      }
    )
  )
  return Stream.unwrapScoped(acquire)
}
