/** What the engine tells while somebody observes it. Nobody does, as a rule: then there is none, and one look at that is all it costs. */
import type { Entry } from "./operation.ts"
import type { Request } from "./request.ts"

export interface Observer {
  /** The name of the group for which operations are being tried. */
  group: string | undefined
  /** What follows is not part of one sweep with what was before. */
  beginRow(): void
  /** A request was accepted. */
  submitted(request: Request): void
  /** A backend has it. */
  started(request: Request): void
  /** It was asked to end, or belongs to the end of something: whoever interrupts waits for that, and not for slow observers. */
  cancelled(request: Request): void
  /** It ends: `result` is set, its state is still the one before. */
  settled(request: Request): void
  /** An operation is tried without waiting... */
  trying(): void
  /** ... and that is its result; it counts when `inlineEnded` follows. */
  tried(entry: Entry<any, any>, input: any, result: number): void
  /** It was no request, and has ended. */
  inlineEnded(): void
  /** Ends that may be told before somebody is full who wants to miss none. */
  readonly room: number
  /** A turn is over: what was told in it is handed on. */
  endTurn(): void
  /** The engine is closed. */
  end(): void
}
