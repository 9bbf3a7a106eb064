/** What requests without a fiber of their own take over from the one that asks for them. */
import type * as Fiber from "effect/Fiber"
import type { Engine } from "../engine/engine.ts"
import { HIGHEST, LOWEST } from "../engine/queue.ts"
import { isInterrupted } from "./fiber.ts"
import { priorityOf } from "./priority.ts"
import { type StartSpan, spansOf } from "./spans.ts"

export interface Origin {
  readonly priority: number
  /** Where spans are asked for. */
  readonly startSpan: StartSpan | undefined
  /** They are part of the end of a fiber that was interrupted. Looked at only while somebody observes. */
  readonly isOfInterrupted: boolean
}

const plain: ReadonlyArray<Origin> = Array.from({ length: HIGHEST - LOWEST + 1 }, (_, i) => ({
  priority: LOWEST + i,
  startSpan: undefined,
  isOfInterrupted: false
}))

export const originOf = (engine: Engine, fiber: Fiber.RuntimeFiber<any, any>): Origin => {
  const priority = priorityOf(fiber)
  const startSpan = spansOf(fiber)
  const isOfInterrupted = engine.observer !== null && isInterrupted(fiber)
  return startSpan === undefined && !isOfInterrupted
    ? plain[priority - LOWEST]
    : { priority, startSpan, isOfInterrupted }
}

/** Of what is done when everything else has ended. */
export const noOrigin: Origin = plain[-LOWEST]
