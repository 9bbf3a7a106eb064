/** Several requests that end together, as plain callbacks: what `effect/run.ts` makes an Effect of. */
import { type Failed, LATER } from "../engine/failed.ts"

/** What waits for the end of a task. */
export interface Waiter {
  /** `end` is set. */
  ended(): void
  /** Whether it is to be told when a request takes long. */
  readonly wantsOverdue: boolean
  /** A request of the task has been under way for some milliseconds. */
  overdue(): void
}

export abstract class Task<out A> {
  /** Its value, or why there is none; `LATER` until it has ended. Set once. */
  end: A | Failed | typeof LATER = LATER
  waiter: Waiter | undefined = undefined
  /** False before a request was handed to the engine: then there is no end to wait for. */
  started = false

  /** Starts the first requests. May end the task. */
  abstract start(): void

  /** Asks for an early end. `end` is still set once, when no request of the task is under way. */
  abstract cancel(): void

  /**
   * Gives back the descriptors and locks that it has obtained, for a fiber that will not get them. `done` may be called before this
   * returns.
   */
  releaseObtained(done: () => void): void {
    done()
  }

  /** What it has obtained belongs to the program from here on. */
  handOut(): void {}

  get wantsOverdue(): boolean {
    return this.waiter?.wantsOverdue === true
  }

  overdue(): void {
    this.waiter?.overdue()
  }

  protected finish(end: A | Failed): void {
    this.end = end
    this.waiter?.ended()
  }
}
