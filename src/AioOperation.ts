/**
 * Operations as values: `AioOperation.read(file, buffer)` describes what `Aio.read(file, buffer)` does, to be run alone or with others: all
 * at once, as a chain, with a deadline, prepared, in a group.
 *
 * A value is no Effect, and making one does nothing and never throws: what is wrong with its arguments is told when it runs. The same one may
 * run any number of times.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Stream from "effect/Stream"
import type { AioBadArgument, AioFailure, AioShortTransfer } from "./AioError.ts"
import { checkCount, checkDuration, checkIterable, checkWord, withArguments } from "./internal/effect/arguments.ts"
import { linked as linkedOn, submitAll as submitBatch } from "./internal/effect/batch.ts"
import { asCompleted as asCompletedOn } from "./internal/effect/completionStream.ts"
import { withDeadline as withDeadlineOn } from "./internal/effect/deadline.ts"
import { execute } from "./internal/effect/execute.ts"
import { type Prepared, prepare as prepareOn } from "./internal/effect/prepared.ts"
import type { AioOperation, OperationExit } from "./internal/effect/publicOperation.ts"
import { type Aio, withEngine } from "./internal/effect/service.ts"
import type { Engine } from "./internal/engine/engine.ts"
import * as internal from "./internal/engine/operation.ts"
import { optionsReader } from "./internal/engine/options.ts"
import type { Mode } from "./internal/task/batch.ts"

export {
  /**
   * @since 0.1.0
   * @category symbols
   */
  TypeId
} from "./internal/effect/publicOperation.ts"
export type { AioOperation, OperationExit, Prepared }

/**
 * Whether a value is an operation.
 *
 * @since 0.1.0
 * @category guards
 */
export const isAioOperation: (value: unknown) => value is AioOperation<unknown> = internal.isOperation as never

/**
 * What an operation gives.
 *
 * @since 0.1.0
 * @category models
 */
export type Result<Op> = Op extends AioOperation<infer A> ? A : never

/**
 * What each operation of a list gives, in its place.
 *
 * @since 0.1.0
 * @category models
 */
export type Results<Operations extends ReadonlyArray<AioOperation<any>>> = {
  -readonly [Index in keyof Operations]: Result<Operations[Index]>
}

/**
 * How each operation of a list ended, in its place.
 *
 * @since 0.1.0
 * @category models
 */
export type Exits<Operations extends ReadonlyArray<AioOperation<any>>, E = AioFailure> = {
  -readonly [Index in keyof Operations]: Exit.Exit<Result<Operations[Index]>, E>
}

const modeOptions = optionsReader<{ readonly mode?: Mode | undefined }>({ mode: true })

/**
 * Runs an operation.
 *
 * @since 0.1.0
 * @category running
 */
export const submit = <A>(operation: AioOperation<A>): Effect.Effect<A, AioFailure, Aio> =>
  withEngine((engine) => execute(engine, internal.operationOf(operation, "submit")))

/** Runs a list, which is looked at whole before anything of it is started. */
const severally = <E>(
  name: string,
  operations: ReadonlyArray<AioOperation<any>>,
  options: { readonly mode?: Mode | undefined } | undefined,
  use: (
    engine: Engine,
    operations: Array<internal.Operation<any>>,
    mode: Mode
  ) => Effect.Effect<ReadonlyArray<unknown>, E>
): Effect.Effect<ReadonlyArray<unknown>, E | AioBadArgument, Aio> =>
  withEngine((engine) =>
    withArguments(
      name,
      () => ({
        mode: checkWord("mode", modeOptions(options).mode ?? "values", ["values", "exits"]),
        list: internal.operationsOf(operations, name)
      }),
      ({ list, mode }) => use(engine, list, mode)
    )
  )

/**
 * Runs all operations at once, and waits for all with one suspension: many times cheaper than a fiber for each. Results come in the
 * order of the operations; in which order they are executed is the kernel's affair.
 *
 * With `mode: "values"`, the default, the first failure cancels the others, waits until they have ended, closes descriptors that
 * they produced, gives up locks that they took, and is the failure of the whole. With `"exits"` all run, and each gives an `Exit`. Interruption cancels all; the
 * fiber ends when the last of them has, and no descriptor is lost.
 *
 * @since 0.1.0
 * @category running
 * @example
 * import { Effect } from "effect"
 * import { Aio, AioOperation } from "effect-aio"
 *
 * const both = Effect.gen(function*() {
 *   const [stat, fd] = yield* AioOperation.submitAll([AioOperation.stat("/etc"), AioOperation.open("/etc/hosts")])
 *   yield* Aio.close(fd)
 *   return stat.size
 * })
 */
export const submitAll: {
  <const Operations extends ReadonlyArray<AioOperation<any>>>(
    operations: Operations,
    options?: { readonly mode?: "values" | undefined }
  ): Effect.Effect<Results<Operations>, AioFailure, Aio>
  <const Operations extends ReadonlyArray<AioOperation<any>>>(
    operations: Operations,
    options: { readonly mode: "exits" }
  ): Effect.Effect<Exits<Operations>, never, Aio>
} = (operations: ReadonlyArray<AioOperation<any>>, options?: { readonly mode?: Mode | undefined }) =>
  severally("submitAll", operations, options, submitBatch) as any

/**
 * Runs operations, `concurrency` of them at a time (default 64), and emits how each ended, in the order in which they end, everything
 * that ended in one turn of the event loop as one chunk. The iterable is pulled when there is room, so it may be endless; when
 * `concurrency` ends wait for the Stream's consumer, nothing more is started.
 *
 * When the Stream ends, by interruption or because its consumer has enough, what is under way is cancelled and waited for.
 * Descriptors that were opened belong to whoever got them from the Stream; those that nobody got are closed. Each comes as a chunk of
 * its own, so that a Stream that ends early (`Stream.take`) drops none.
 *
 * @since 0.1.0
 * @category running
 * @example
 * import { Stream } from "effect"
 * import { AioOperation } from "effect-aio"
 *
 * const sizes = (paths: Iterable<string>) =>
 *   AioOperation.asCompleted(Array.from(paths, (path) => AioOperation.stat(path)), { concurrency: 16 }).pipe(
 *     Stream.mapEffect(({ exit }) => exit)
 *   )
 */
export const asCompleted = <Op extends AioOperation<any>>(
  operations: Iterable<Op>,
  options?: { readonly concurrency?: number | undefined }
): Stream.Stream<OperationExit<Result<Op>>, AioBadArgument, Aio> =>
  Stream.unwrap(
    withEngine((engine) =>
      withArguments(
        "asCompleted",
        () => {
          checkIterable(operations)
          return checkCount("concurrency", asCompletedOptions(options).concurrency, 1) ?? 64
        },
        (concurrency) =>
          Effect.succeed(
            asCompletedOn(engine, operations, concurrency) as Stream.Stream<OperationExit<any>, AioBadArgument>
          )
      )
    )
  )

const asCompletedOptions = optionsReader<{ readonly concurrency?: number | undefined }>({ concurrency: true })

/**
 * Checks and encodes an operation once, to run it many times: for the same page read again and again, the same path asked for its
 * state. What its arguments mean is settled now, but for the contents of its buffer. A buffer that was transferred meanwhile, and a
 * file that was closed, are `AioBadArgument` when it runs.
 *
 * @since 0.1.0
 * @category running
 * @example
 * import { Effect } from "effect"
 * import { AioOperation } from "effect-aio"
 *
 * const changes = Effect.gen(function*() {
 *   const stat = yield* AioOperation.prepare(AioOperation.stat("/etc/hosts"))
 *   const before = yield* stat.run
 *   yield* Effect.sleep("1 second")
 *   return (yield* stat.run).mtimeNs !== before.mtimeNs
 * })
 */
export const prepare = <A>(operation: AioOperation<A>): Effect.Effect<Prepared<A>, AioBadArgument, Aio> =>
  withEngine((engine) => prepareOn(engine, internal.operationOf(operation, "prepare")))

/**
 * Runs operations in order, each starting when the one before has succeeded, and moved all the bytes that it was asked to. At the first
 * failure or short transfer the rest is not done.
 *
 * With `mode: "values"`, the default, that failure is the failure of the whole, or else `AioShortTransfer`; descriptors that earlier
 * members produced are closed. `AioShortTransfer` tells which member it was, an `AioError` does not. With `"exits"` each gives an
 * `Exit`: those that were not done ECANCELED, a short transfer the number of its bytes.
 *
 * On io_uring it is the kernel that runs the chain, in one call (IOSQE_IO_LINK, io_uring_enter(2)). Elsewhere each operation is started by the
 * completion of the one before. Interruption cancels the one under way, and what follows is not done.
 *
 * @since 0.1.0
 * @category running
 * @example
 * import { AioOperation } from "effect-aio"
 *
 * const append = (fd: number, record: Uint8Array, header: Uint8Array, end: number) =>
 *   AioOperation.linked([
 *     AioOperation.write(fd, record, { offset: end }),
 *     AioOperation.fdatasync(fd),
 *     AioOperation.write(fd, header, { offset: 0 })
 *   ])
 */
export const linked: {
  <const Operations extends ReadonlyArray<AioOperation<any>>>(
    operations: Operations,
    options?: { readonly mode?: "values" | undefined }
  ): Effect.Effect<Results<Operations>, AioFailure | AioShortTransfer, Aio>
  <const Operations extends ReadonlyArray<AioOperation<any>>>(
    operations: Operations,
    options: { readonly mode: "exits" }
  ): Effect.Effect<Exits<Operations>, never, Aio>
} = (operations: ReadonlyArray<AioOperation<any>>, options?: { readonly mode?: Mode | undefined }) =>
  severally("linked", operations, options, linkedOn) as any

/**
 * Runs an operation that is cancelled when it has not ended after so long: then it fails with the code ETIMEDOUT. Unlike
 * `Effect.timeout` it needs no second fiber; on io_uring the kernel itself keeps the time (IORING_OP_LINK_TIMEOUT). Under a TestClock,
 * or any Clock that a program brings, that Clock does.
 *
 * What cannot be cancelled (a disk read under way, a close) is waited for, and what it gives is not lost.
 *
 * @since 0.1.0
 * @category running
 * @example
 * import { AioOperation } from "effect-aio"
 *
 * const answer = (fd: number, buffer: Uint8Array) => AioOperation.read(fd, buffer).pipe(AioOperation.withDeadline("2 seconds"))
 */
export const withDeadline: {
  (duration: Duration.DurationInput): <A>(operation: AioOperation<A>) => Effect.Effect<A, AioFailure, Aio>
  <A>(operation: AioOperation<A>, duration: Duration.DurationInput): Effect.Effect<A, AioFailure, Aio>
} = dual(2, <A>(operation: AioOperation<A>, duration: Duration.DurationInput) =>
  withEngine((engine) =>
    withArguments(
      "withDeadline",
      () => Duration.toMillis(checkDuration("duration", duration)),
      (milliseconds) => withDeadlineOn(engine, internal.operationOf(operation, "withDeadline"), milliseconds)
    )
  )
)

// Each operation of `Aio`.
export * from "./internal/effect/operationValues.ts"
