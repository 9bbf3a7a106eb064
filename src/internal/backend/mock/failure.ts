/** How an operation ends without a result: with an error number, or not yet. Both are thrown, and cost no stack trace. */
import { OUTSIDE } from "../../engine/failed.ts"
import { type ErrnoName, errno } from "../../native/errno.ts"

/**
 * The name of an error number that a request can fail with.
 *
 * @since 0.1.0
 * @category models
 */
export type Code = ErrnoName

export class Failure {
  constructor(readonly errno: number) {}
}

export const fail = (code: Code): never => {
  throw new Failure(errno[code])
}

/** A path leads out of the directory that it is confined to. */
export const failOutside = (): never => {
  throw new Failure(OUTSIDE)
}

/** The operation would wait for a peer. It is tried again from the start when `target` has been woken. */
export class Waits {
  constructor(readonly target: object) {}
}

/** What an operation keeps from one try to the next. */
export interface Attempt {
  /** Bytes that it has moved already: the rest of a large write to a pipe waits for room. */
  progress: number
  /** Set by an operation that waits, and has to undo something if it is cancelled. */
  abandon: (() => void) | undefined
}
