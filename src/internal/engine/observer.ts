/** What the engine tells its observers. Without observers, which is the rule, it looks at one field, and that is all it costs. */
import type { Entry } from "./operation.ts"
import type { Request } from "./request.ts"

export interface Observer {
  /** The name of the group for which operations are being tried. */
  group: string | undefined
  /** What follows does not belong to the same group of events as what was told before. */
  beginRow(): void
  /** A request was accepted. */
  submitted(request: Request): void
  /** A backend has it. */
  started(request: Request): void
  /**
   * The request was asked to end, or belongs to the end of another: an interrupted fiber waits for it, and must not wait for slow
   * observers.
   */
  cancelled(request: Request): void
  /** The request ends: `result` is set, its state is still the one before. */
  settled(request: Request): void
  /** An operation is tried without waiting... */
  trying(): void
  /** ... and that is its result; it counts when `inlineEnded` follows. */
  tried(entry: Entry<any, any>, input: any, result: number): void
  /** The operation was finished without a request. */
  inlineEnded(): void
  /** How many ends may be told before an observer is full that must miss none. */
  readonly room: number
  /** A turn is over: the events of the turn are handed on. */
  endTurn(): void
  /** The engine is closed. */
  end(): void
}
