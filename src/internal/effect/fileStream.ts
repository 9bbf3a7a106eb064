/**
 * A file's reader as a Stream.
 *
 * A fiber that waits for a slab can be interrupted at once, since the slab is the reader's. The Stream's Scope ends what is read then.
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

/** How a read has failed, as its Stream says it. */
export type ToFailure<E> = (failed: Failed) => Exit.Exit<never, E>

const ended: Pull<never> = Effect.fail(Option.none())

const pullFrom = <E>(reader: FileReader, toFailure: ToFailure<E>): Pull<E> => {
  const arrival: Pull<E> = Effect.async((resume) => {
    // The fiber may have yielded since it looked.
    if (reader.isReady) return resume(pull)
    reader.whenReady(() => resume(pull))
    return reader.consumes ? Effect.sync(() => reader.giveUp()) : undefined
  })
  // With priority and spans of the fiber that pulls: it may have others each time.
  const pull: Pull<E> = Effect.withFiberRuntime((fiber): Pull<E> => {
    const taken = reader.take(submitContextOf(reader.server, fiber))
    if (taken === LATER) return arrival
    if (taken instanceof Failed) return Effect.mapError(toFailure(taken), Option.some)
    return taken.length === 0 ? ended : Effect.succeed(Chunk.unsafeFromArray(taken))
  })
  return pull
}

/** `release`: what its Scope does when nothing is read any more. */
export const fileStream = <E>(
  options: FileReaderOptions,
  toFailure: ToFailure<E>,
  release: Effect.Effect<void>
): Effect.Effect<Stream.Stream<Uint8Array, E>, never, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => {
    const reader = new FileReader(options)
    const nothingUnderWay = Effect.async<void>((resume) => reader.close(() => resume(Effect.void)))
    return Effect.as(
      Scope.addFinalizer(scope, Effect.zipRight(nothingUnderWay, release)),
      Stream.repeatEffectChunkOption(pullFrom(reader, toFailure))
    )
  })
