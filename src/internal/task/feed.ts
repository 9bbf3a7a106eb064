/** Where a group gets requests from as slots free up. */
import { Failed, LATER } from "../engine/failed.ts"
import { type Operation, operationOf } from "../engine/operation.ts"
import { errno } from "../native/errno.ts"
import type { Complete } from "./completionBuffer.ts"
import type { SubmitContext } from "./submitContext.ts"

/**
 * How the requests of a feed ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface Summary {
  readonly requests: number
  /** Of those, not with success. */
  readonly failed: number
}

export class Feed {
  /** Requests that have been started and have not ended. */
  inFlight = 0
  index = 0
  failed = 0
  /** Nothing more comes of it. */
  exhausted = false
  hasEnded = false
  /** User code threw, and its group has not seen to what is under way. */
  isBroken = false
  private end: Summary | Failed | undefined
  private readonly watchers: Array<() => void> = []
  /** From a Stream: what has come and was not pulled yet. */
  private chunk: ReadonlyArray<unknown> = []
  private at = 0
  private hungry: (() => void) | undefined

  /** `iterator`: where it pulls; none for one that is pushed to. `told`: its observer. */
  constructor(
    readonly context: SubmitContext,
    private readonly iterator: Iterator<unknown> | undefined,
    private readonly told: Complete<void> | undefined
  ) {}

  /** Whether somebody takes its results. */
  get hasObserver(): boolean {
    return this.told !== undefined
  }

  /** The next operation, if there is one now. */
  pull(): Operation<any> | undefined {
    if (this.exhausted) return undefined
    if (this.iterator === undefined) {
      if (this.at < this.chunk.length) return operationOf(this.chunk[this.at++], "feed")
      const { hungry } = this
      this.hungry = undefined
      hungry?.()
      return undefined
    }
    try {
      const next = this.iterator.next()
      // It may have run anything, the end of this feed included.
      if (this.exhausted) return undefined
      if (next.done !== true) return operationOf(next.value, "feed")
      this.exhausted = true
    } catch (error) {
      this.exhausted = true
      this.break(error)
    }
    return undefined
  }

  /** Operations of a Stream; `started` when they have been, or at once, with what ended the feed, if it pulls no more. */
  offer(operations: ReadonlyArray<unknown>, fed: () => void, started: (failure?: Failed) => void): void {
    if (this.exhausted) return started(this.end instanceof Failed ? this.end : undefined)
    this.chunk = operations
    this.at = 0
    this.hungry = started
    fed()
  }

  /** All has been offered, and what was offered has been started. */
  finish(): void {
    this.exhausted = true
  }

  tell(index: number, operation: Operation<any>, end: unknown | Failed): void {
    if (end instanceof Failed) this.failed++
    try {
      this.told?.(index, operation, end)
    } catch (error) {
      this.break(error)
      this.stop(undefined)
    }
  }

  private break(error: unknown): void {
    this.isBroken = true
    this.end ??= new Failed("feed", {}, 0, error)
  }

  /** Pulls no more. What is under way is its group's affair. */
  stop(failure: Failed | undefined): void {
    this.end ??= failure
    if (this.exhausted) return
    this.exhausted = true
    try {
      this.iterator?.return?.()
    } catch (error) {
      this.end ??= new Failed("feed", {}, 0, error)
    }
    this.hungry?.()
    this.hungry = undefined
  }

  /** Called by its group, once. */
  conclude(): void {
    this.hasEnded = true
    this.end ??= { requests: this.index, failed: this.failed }
    for (const watcher of this.watchers.splice(0)) watcher()
  }

  whenEnded(watcher: () => void): void {
    this.watchers.push(watcher)
  }

  /** Its result, when it has ended. */
  get result(): Summary | Failed | typeof LATER {
    return this.hasEnded ? this.end! : LATER
  }
}

/** The end of what was cancelled with its group. */
export const cancelledWith = (group: string): Failed => new Failed(group, {}, errno.ECANCELED, undefined)
