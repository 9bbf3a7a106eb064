/** Ends of operations as Streams. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { AioBadArgument } from "../../AioError.ts"
import type { Engine } from "../engine/engine.ts"
import type { Complete, CompletionSource } from "../task/completionBuffer.ts"
import type { Group } from "../task/group.ts"
import { Results } from "../task/results.ts"
import { Window } from "../task/window.ts"
import { badArgument, exitOf } from "./exits.ts"
import { type OperationExit, seenOf } from "./publicOperation.ts"
import { submitContextOf } from "./submitContext.ts"

export const completing =
  (engine: Engine): Complete<OperationExit<any>> =>
  (index, operation, end) => ({ index, operation: seenOf(operation), exit: exitOf(engine, end) })

type Pull<E> = Effect.Effect<Chunk.Chunk<OperationExit<any>>, Option.Option<E>>

/** What becomes of what the program's own iterable threw. */
type OnThrown<E> = (error: unknown) => Exit.Exit<never, E>

/** The ends since the last pull, or the next one. */
const pullFrom = <E>(source: CompletionSource<OperationExit<any>>, onThrown: OnThrown<E>): Pull<E> => {
  /** Run by a fiber that has just been resumed: it does not yield before the Stream's consumer has what is taken here. */
  const taken: Pull<E> = Effect.suspend(() => {
    const state = source.look()
    if (state === "waiting") return pull
    if (state === "ready") return Effect.succeed(Chunk.unsafeFromArray(source.take()))
    if (source.thrown === undefined) return Effect.fail(Option.none())
    return Effect.mapError(onThrown(source.thrown.error), Option.some)
  })
  const pull: Pull<E> = Effect.suspend(() => {
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

const streamOf = <S extends CompletionSource<OperationExit<any>>, E>(
  acquire: Effect.Effect<S, E, Scope.Scope>,
  onThrown: OnThrown<E>
): Stream.Stream<OperationExit<any>, E> =>
  Stream.unwrapScoped(Effect.map(acquire, (source) => Stream.repeatEffectChunkOption(pullFrom(source, onThrown))))

/** An iterable that is none is a wrong argument; what it throws of its own is a defect. */
const thrownInAsCompleted: OnThrown<AioBadArgument> = (error) => badArgument("asCompleted", error)

/** The ends of operations, in the order in which they come, with a number of operations under way at a time. */
export const asCompleted = (
  engine: Engine,
  operations: Iterable<unknown>,
  concurrency: number
): Stream.Stream<OperationExit<any>, AioBadArgument> =>
  streamOf(
    Effect.acquireRelease(
      Effect.withFiberRuntime<Window<OperationExit<any>>, AioBadArgument>((fiber) => {
        try {
          return Effect.succeed(
            new Window(engine, operations, concurrency, submitContextOf(engine, fiber), completing(engine))
          )
        } catch (error) {
          return thrownInAsCompleted(error)
        }
      }),
      (window) =>
        Effect.async<void>((resume) =>
          window.close((thrown) => resume(thrown === undefined ? Effect.void : Effect.die(thrown.error)))
        )
    ),
    thrownInAsCompleted
  )

/** The ends of a group's members. */
export const resultsOf = (group: Group): Stream.Stream<OperationExit<unknown>> =>
  streamOf(
    Effect.acquireRelease(
      Effect.sync(() => new Results(group, completing(group.engine))),
      (results) => Effect.sync(() => results.close())
    ),
    Exit.die
  )
