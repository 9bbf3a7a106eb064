/** Ends of operations as Streams. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Engine } from "../engine/engine.ts"
import type { Complete, CompletionSource } from "../task/completionBuffer.ts"
import type { Group } from "../task/group.ts"
import { Results } from "../task/results.ts"
import { Window } from "../task/window.ts"
import { exitOf } from "./exits.ts"
import { type OperationExit, seenOf } from "./publicOperation.ts"
import { submitContextOf } from "./submitContext.ts"

export const completing =
  (engine: Engine): Complete<OperationExit<any>> =>
  (index, operation, end) => ({ index, operation: seenOf(operation), exit: exitOf(engine, end) })

type Pull = Effect.Effect<Chunk.Chunk<OperationExit<any>>, Option.Option<never>>

/** The ends since the last pull, or the next one. */
const pullFrom = (source: CompletionSource<OperationExit<any>>): Pull => {
  /** Run by a fiber that has just been resumed: it does not yield before the Stream's consumer has what is taken here. */
  const taken: Pull = Effect.suspend(() => {
    const state = source.look()
    if (state === "waiting") return pull
    if (state === "ready") return Effect.succeed(Chunk.unsafeFromArray(source.take()))
    return source.thrown === undefined ? Effect.fail(Option.none()) : Effect.die(source.thrown.error)
  })
  const pull: Pull = Effect.suspend(() => {
    const state = source.look()
    if (source.hasOwnerNext) return Effect.zipRight(Effect.yieldNow(), taken)
    if (state !== "waiting") return taken
    return Effect.async((resume) => {
      // The fiber may have yielded since it looked.
      if (source.look() !== "waiting") return resume(taken)
      source.whenReady(() => resume(taken))
      return Effect.sync(() => source.whenReady(undefined))
    })
  })
  return pull
}

const streamOf = <S extends CompletionSource<OperationExit<any>>>(
  acquire: Effect.Effect<S, never, Scope.Scope>
): Stream.Stream<OperationExit<any>> =>
  Stream.unwrapScoped(Effect.map(acquire, (source) => Stream.repeatEffectChunkOption(pullFrom(source))))

/** The ends of operations, in the order in which they come, with a number of operations under way at a time. */
export const asCompleted = (
  engine: Engine,
  operations: Iterable<unknown>,
  concurrency: number
): Stream.Stream<OperationExit<any>> =>
  streamOf(
    Effect.acquireRelease(
      Effect.withFiberRuntime<Window<OperationExit<any>>>((fiber) =>
        Effect.sync(
          () => new Window(engine, operations, concurrency, submitContextOf(engine, fiber), completing(engine))
        )
      ),
      (window) =>
        Effect.async<void>((resume) =>
          window.close((thrown) => resume(thrown === undefined ? Effect.void : Effect.die(thrown.error)))
        )
    )
  )

/** The ends of a group's members. */
export const resultsOf = (group: Group): Stream.Stream<OperationExit<unknown>> =>
  streamOf(
    Effect.acquireRelease(
      Effect.sync(() => new Results(group, completing(group.engine))),
      (results) => Effect.sync(() => results.close())
    )
  )
