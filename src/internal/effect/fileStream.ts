/**
 * A file's reader as a Stream.
 *
 * A fiber that waits for a slab can be interrupted at once, since the slab belongs to the reader. The Stream's Scope ends the read.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Failed, LATER } from "../engine/failed.ts"
import { FileReader, type FileReaderOptions } from "../task/fileReader.ts"
import { submitContextOf } from "./submitContext.ts"

type Pull<E> = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<E>>

/** How a failed read becomes the failure of its Stream. */
export type ToFailure<E> = (failed: Failed) => Exit.Exit<never, E>

const ended: Pull<never> = Effect.fail(Option.none())

/** Calls `next` when bytes have been read. */
const arrivalIn = <A, E, R>(reader: FileReader, next: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.async((resume) => {
    // The fiber may have yielded since it looked.
    if (reader.isReady) return resume(next)
    reader.whenReady(() => resume(next))
    return reader.consumes ? Effect.sync(() => reader.giveUp()) : undefined
  })

const nothingUnderWay = (reader: FileReader): Effect.Effect<void> =>
  Effect.async((resume) => reader.close(() => resume(Effect.void)))

const pullFrom = <E>(reader: FileReader, toFailure: ToFailure<E>): Pull<E> => {
  // With the priority and the spans of the fiber that pulls: these may change from pull to pull.
  const pull: Pull<E> = Effect.withFiberRuntime((fiber): Pull<E> => {
    const taken = reader.take(submitContextOf(reader.server, fiber))
    if (taken === LATER) return arrival
    if (taken instanceof Failed) return Effect.mapError(toFailure(taken), Option.some)
    return taken.length === 0 ? ended : Effect.succeed(Chunk.unsafeFromArray(taken))
  })
  const arrival = arrivalIn(reader, pull)
  return pull
}

/** Runs `use` on one slab after the other, each of which is one chunk. A Stream would cost several times as much as a cached chunk. */
export const forEachChunk = <A, E, R, E2>(
  options: FileReaderOptions,
  use: (chunk: Uint8Array) => Effect.Effect<A, E, R>,
  toFailure: ToFailure<E2>
): Effect.Effect<void, E | E2, R> =>
  Effect.suspend(() => {
    const reader = new FileReader(options)
    const next: Effect.Effect<void, E | E2, R> = Effect.withFiberRuntime((fiber): Effect.Effect<void, E | E2, R> => {
      const taken = reader.take(submitContextOf(reader.server, fiber))
      if (taken === LATER) return arrival
      if (taken instanceof Failed) return toFailure(taken)
      return taken.length === 0 ? Effect.void : Effect.flatMap(use(taken[0]), () => next)
    })
    const arrival = arrivalIn(reader, next)
    return Effect.ensuring(next, nothingUnderWay(reader))
  })

/** `release`: run by its Scope when no read is under way any more. */
export const fileStream = <E>(
  options: FileReaderOptions,
  toFailure: ToFailure<E>,
  release: Effect.Effect<void>
): Effect.Effect<Stream.Stream<Uint8Array, E>, never, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => {
    const reader = new FileReader(options)
    return Effect.as(
      Scope.addFinalizer(scope, Effect.zipRight(nothingUnderWay(reader), release)),
      Stream.repeatEffectChunkOption(pullFrom(reader, toFailure))
    )
  })
