/** The priority of a fiber's requests. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { dual } from "effect/Function"
import { globalValue } from "effect/GlobalValue"
import { HIGHEST, LOWEST } from "../engine/queue.ts"

/**
 * A FiberRef, and not a `Context.Reference`: a request reads either in the same time. Alternated in one process, a Context took 0.997 times
 * as long for reads on the spot, which make no request, and 1.004 times for 64 queued requests (quartiles 0.87 and 1.22: noise).
 */
export const currentPriority: FiberRef.FiberRef<number> = globalValue("effect-aio/currentPriority", () =>
  FiberRef.unsafeMake(0)
)

export const priorityOf = (fiber: Fiber.RuntimeFiber<any, any>): number => fiber.getFiberRef(currentPriority)

/**
 * The priority, brought into the range, as IO::AIO does. A value that is not a number becomes the default: queues are indexed by
 * priorities.
 */
export const clampPriority = (priority: unknown): number =>
  typeof priority !== "number" || Number.isNaN(priority) ? 0 : Math.max(LOWEST, Math.min(HIGHEST, Math.trunc(priority)))

/**
 * Runs an effect with priority `priority` for all requests that it makes: -4 (last) to 4 (first), 0 by default. Requests of higher
 * priority overtake others that have not started, in order within one priority. Numbers beyond the range count as its ends,
 * and what is no number as 0.
 *
 * @since 0.1.0
 * @category priorities
 */
export const withPriority: {
  (priority: number): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, priority: number): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(effect: Effect.Effect<A, E, R>, priority: number) =>
  Effect.locally(effect, currentPriority, clampPriority(priority))
)

/**
 * Runs an effect with a priority that is `decrement` lower than it would be (higher, for a negative one), as nice(1) and IO::AIO's
 * `aioreq_nice` do: nested calls add up.
 *
 * @since 0.1.0
 * @category priorities
 */
export const nice: {
  (decrement: number): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, decrement: number): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(effect: Effect.Effect<A, E, R>, decrement: number) =>
  Effect.locallyWith(effect, currentPriority, (priority) =>
    clampPriority(priority - (typeof decrement === "number" && !Number.isNaN(decrement) ? decrement : 0))
  )
)
