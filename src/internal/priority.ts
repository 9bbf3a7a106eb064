/** The priority of a fiber's requests. */
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import { HIGHEST, LOWEST } from "./engine/queue.ts"

export const currentPriority: FiberRef.FiberRef<number> = globalValue("effect-aio/currentPriority", () =>
  FiberRef.unsafeMake(0)
)

export const priorityOf = (fiber: Fiber.RuntimeFiber<any, any>): number => fiber.getFiberRef(currentPriority)

/** Into the range that there is, as IO::AIO does. */
export const clampPriority = (priority: number): number =>
  Math.max(LOWEST, Math.min(HIGHEST, Number.isNaN(priority) ? 0 : Math.trunc(priority)))
