/** What requests without a fiber of their own take over from the fiber that asks for them. */
import type { Failed } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { HIGHEST, LOWEST } from "../engine/queue.ts"

/** Starts the span of a request. Returns a function that ends the span. */
export type StartSpan = (operation: Operation<any>) => (end: unknown | Failed) => void

export interface SubmitContext {
  readonly priority: number
  /** Set where spans are asked for. */
  readonly startSpan: StartSpan | undefined
  /** The requests are part of the end of an interrupted fiber. Only looked at where there are observers. */
  readonly isOfInterrupted: boolean
}

const plain: ReadonlyArray<SubmitContext> = Array.from({ length: HIGHEST - LOWEST + 1 }, (_, i) => ({
  priority: LOWEST + i,
  startSpan: undefined,
  isOfInterrupted: false
}))

/** The same object for the same priority. */
export const plainContext = (priority: number): SubmitContext => plain[priority - LOWEST]

/** For requests that are made when everything else has ended. */
export const noContext: SubmitContext = plainContext(0)
