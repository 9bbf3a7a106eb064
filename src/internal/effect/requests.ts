/** Several requests at once: the public functions of `Aio` over `task/`. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Stream from "effect/Stream"
import type { AioBadArgument, AioError, AioShortTransfer } from "../../AioError.ts"
import type { Engine } from "../engine/engine.ts"
import { type Operation, operationOf, operationsOf } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import type { Mode } from "../task/batch.ts"
import { checkCount, checkDuration, checkIterable, checkWord, withArguments } from "./arguments.ts"
import { linked as linkedOn, submitAll as submitBatch } from "./batch.ts"
import { type Completed, completed as completedOf } from "./completionStream.ts"
import { withDeadline as withDeadlineOn } from "./deadline.ts"
import { type Prepared, prepare as prepareOn } from "./prepared.ts"
import { Aio } from "./service.ts"

export type { Completed, Prepared }

/**
 * What an operation gives.
 *
 * @since 0.1.0
 * @category models
 */
export type Result<Op> = Op extends Operation<infer A> ? A : never

/**
 * What each operation of a list gives, in its place.
 *
 * @since 0.1.0
 * @category models
 */
export type Results<Operations extends ReadonlyArray<Operation<any>>> = {
  -readonly [Index in keyof Operations]: Result<Operations[Index]>
}

/**
 * How each operation of a list ended, in its place.
 *
 * @since 0.1.0
 * @category models
 */
export type Exits<Operations extends ReadonlyArray<Operation<any>>, E = AioError | AioBadArgument> = {
  -readonly [Index in keyof Operations]: Exit.Exit<Result<Operations[Index]>, E>
}

const modeOptions = optionsReader<{ readonly mode?: Mode | undefined }>({ mode: true })

/** Runs a list, which is looked at whole before anything of it is started. */
const severally = <E>(
  name: string,
  operations: ReadonlyArray<Operation<any>>,
  options: { readonly mode?: Mode | undefined } | undefined,
  use: (engine: Engine, operations: Array<Operation<any>>, mode: Mode) => Effect.Effect<ReadonlyArray<unknown>, E>
): Effect.Effect<ReadonlyArray<unknown>, E | AioBadArgument, Aio> =>
  Effect.flatMap(Aio, ({ engine }) =>
    withArguments(
      name,
      () => ({
        mode: checkWord("mode", modeOptions(options).mode ?? "values", ["values", "exits"]),
        list: operationsOf(operations, name)
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
 * @category requests
 * @example
 * import { Effect } from "effect"
 * import { Aio } from "effect-aio"
 *
 * const both = Effect.gen(function*() {
 *   const [stat, fd] = yield* Aio.submitAll([Aio.request.stat("/etc"), Aio.request.open("/etc/hosts")])
 *   yield* Aio.close(fd)
 *   return stat.size
 * })
 */
export const submitAll: {
  <const Operations extends ReadonlyArray<Operation<any>>>(
    operations: Operations,
    options?: { readonly mode?: "values" | undefined }
  ): Effect.Effect<Results<Operations>, AioError | AioBadArgument, Aio>
  <const Operations extends ReadonlyArray<Operation<any>>>(
    operations: Operations,
    options: { readonly mode: "exits" }
  ): Effect.Effect<Exits<Operations>, never, Aio>
} = (operations: ReadonlyArray<Operation<any>>, options?: { readonly mode?: Mode | undefined }) =>
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
 * @category requests
 * @example
 * import { Stream } from "effect"
 * import { Aio } from "effect-aio"
 *
 * const sizes = (paths: Iterable<string>) =>
 *   Aio.completed(Array.from(paths, (path) => Aio.request.stat(path)), { concurrency: 16 }).pipe(
 *     Stream.mapEffect(({ exit }) => exit)
 *   )
 */
export const completed = <Op extends Operation<any>>(
  operations: Iterable<Op>,
  options?: { readonly concurrency?: number | undefined }
): Stream.Stream<Completed<Result<Op>>, AioBadArgument, Aio> =>
  Stream.unwrap(
    Effect.flatMap(Aio, ({ engine }) =>
      withArguments(
        "completed",
        () => {
          checkIterable(operations)
          return checkCount("concurrency", completedOptions(options).concurrency, 1) ?? 64
        },
        (concurrency) => Effect.succeed(completedOf(engine, operations, concurrency))
      )
    )
  )

const completedOptions = optionsReader<{ readonly concurrency?: number | undefined }>({ concurrency: true })

/**
 * Checks and encodes an operation once, to run it many times: for the same page read again and again, the same path asked for its
 * state. What its arguments mean is settled now, but for the contents of its buffer. A buffer that was transferred meanwhile, and a
 * file that was closed, are `AioBadArgument` when it runs.
 *
 * @since 0.1.0
 * @category requests
 * @example
 * import { Effect } from "effect"
 * import { Aio } from "effect-aio"
 *
 * const changes = Effect.gen(function*() {
 *   const stat = yield* Aio.prepare(Aio.request.stat("/etc/hosts"))
 *   const before = yield* stat.run
 *   yield* Effect.sleep("1 second")
 *   return (yield* stat.run).mtimeNs !== before.mtimeNs
 * })
 */
export const prepare = <A>(operation: Operation<A>): Effect.Effect<Prepared<A>, AioBadArgument, Aio> =>
  Effect.flatMap(Aio, ({ engine }) => prepareOn(engine, operationOf(operation, "prepare")))

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
 * @category requests
 * @example
 * import { Aio } from "effect-aio"
 *
 * const append = (fd: number, record: Uint8Array, header: Uint8Array, end: number) =>
 *   Aio.linked([
 *     Aio.request.write(fd, record, { offset: end }),
 *     Aio.request.fdatasync(fd),
 *     Aio.request.write(fd, header, { offset: 0 })
 *   ])
 */
export const linked: {
  <const Operations extends ReadonlyArray<Operation<any>>>(
    operations: Operations,
    options?: { readonly mode?: "values" | undefined }
  ): Effect.Effect<Results<Operations>, AioError | AioBadArgument | AioShortTransfer, Aio>
  <const Operations extends ReadonlyArray<Operation<any>>>(
    operations: Operations,
    options: { readonly mode: "exits" }
  ): Effect.Effect<Exits<Operations>, never, Aio>
} = (operations: ReadonlyArray<Operation<any>>, options?: { readonly mode?: Mode | undefined }) =>
  severally("linked", operations, options, linkedOn) as any

/**
 * Runs an operation that is cancelled when it has not ended after so long: then it fails with the code ETIMEDOUT. Unlike
 * `Effect.timeout` it needs no second fiber; on io_uring the kernel itself keeps the time (IORING_OP_LINK_TIMEOUT). Under a TestClock,
 * or any Clock that a program brings, that Clock does.
 *
 * What cannot be cancelled (a disk read under way, a close) is waited for, and what it gives is not lost. An operation has no `pipe`
 * method: `Aio.withDeadline(operation, duration)`, or Effect's `pipe(operation, Aio.withDeadline(duration))`.
 *
 * @since 0.1.0
 * @category requests
 * @example
 * import { Aio } from "effect-aio"
 *
 * const answer = (fd: number, buffer: Uint8Array) => Aio.withDeadline(Aio.request.read(fd, buffer), "2 seconds")
 */
export const withDeadline: {
  (duration: Duration.DurationInput): <A>(operation: Operation<A>) => Effect.Effect<A, AioError | AioBadArgument, Aio>
  <A>(operation: Operation<A>, duration: Duration.DurationInput): Effect.Effect<A, AioError | AioBadArgument, Aio>
} = dual(2, <A>(operation: Operation<A>, duration: Duration.DurationInput) =>
  Effect.flatMap(Aio, ({ engine }) =>
    withArguments(
      "withDeadline",
      () => Duration.toMillis(checkDuration("duration", duration)),
      (milliseconds) => withDeadlineOn(engine, operationOf(operation, "withDeadline"), milliseconds)
    )
  )
)
