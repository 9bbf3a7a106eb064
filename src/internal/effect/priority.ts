/** The priority of a fiber's requests. */
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import { HIGHEST, LOWEST } from "../engine/queue.ts"

/**
 * A FiberRef, and not a `Context.Reference`: each request looks, and where no priority is set, as a rule, a fiber finds that out with one look-up
 * here, and with three there.
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
