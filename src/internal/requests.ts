/** Several requests at once: the public functions of `Aio` over `batch/`. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { AioBadArgument, AioError } from "../AioError.ts"
import { type Mode, submitAll as submitBatch } from "./batch/batch.ts"
import type { Operation } from "./operation/operation.ts"
import { Aio } from "./service.ts"

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

/**
 * Runs all operations at once, and waits for all with one suspension: many times cheaper than a fiber for each. Results come in the
 * order of the operations; in which order they are executed is the kernel's affair.
 *
 * With `mode: "values"`, the default, the first failure cancels the others, waits until they have ended, closes descriptors that
 * they produced, and is the failure of the whole. With `"exits"` all run, and each gives an `Exit`. Interruption cancels all; the
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
  Effect.flatMap(Aio, ({ engine }) => submitBatch(engine, operations, options?.mode ?? "values")) as any
