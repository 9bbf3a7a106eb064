/** What requests without a fiber of their own take over from the one that asks for them. */
import type * as Fiber from "effect/Fiber"
import { type StartSpan, spansOf } from "./completions/spans.ts"
import { HIGHEST, LOWEST } from "./engine/queue.ts"
import { priorityOf } from "./priority.ts"

export interface Origin {
  readonly priority: number
  /** Where spans are asked for. */
  readonly startSpan: StartSpan | undefined
}

const plain: ReadonlyArray<Origin> = Array.from({ length: HIGHEST - LOWEST + 1 }, (_, i) => ({
  priority: LOWEST + i,
  startSpan: undefined
}))

export const originOf = (fiber: Fiber.RuntimeFiber<any, any>): Origin => {
  const priority = priorityOf(fiber)
  const startSpan = spansOf(fiber)
  return startSpan === undefined ? plain[priority - LOWEST] : { priority, startSpan }
}

/** Of what is done when everything else has ended. */
export const noOrigin: Origin = plain[-LOWEST]
