/** What a fiber's tasks take over from the fiber. */
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import { plainContext, type SubmitContext } from "../task/submitContext.ts"
import { failureOf } from "./exits.ts"
import { isInterrupted } from "./fiber.ts"
import { priorityOf } from "./priority.ts"
import { spansOf } from "./spans.ts"

export const submitContextOf = (engine: Engine, fiber: Fiber.RuntimeFiber<any, any>): SubmitContext => {
  const priority = priorityOf(fiber)
  const startSpan = spansOf(fiber)
  const isOfInterrupted = engine.observer !== null && isInterrupted(fiber)
  if (startSpan === undefined) {
    return isOfInterrupted ? { priority, startSpan, isOfInterrupted } : plainContext(priority)
  }
  return {
    priority,
    startSpan: (operation) => {
      const endSpan = startSpan(operation)
      return (end) => endSpan(end instanceof Failed ? failureOf(engine, end) : Exit.void)
    },
    isOfInterrupted
  }
}
