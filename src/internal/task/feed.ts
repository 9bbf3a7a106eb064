/** Where a group gets requests from as it has room for them. */
import { nextOf } from "../engine/arguments.ts"
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
  /** Of these requests, how many failed. */
  readonly failed: number
}

export class Feed {
  /** Requests that have been started and have not ended. */
  inFlight = 0
  index = 0
  failed = 0
  /** No more operations come from it. */
  exhausted = false
  hasEnded = false
  /** User code threw, and the group has not cancelled what is under way yet. */
  isBroken = false
  private end: Summary | Failed | undefined
  private readonly watchers: Array<() => void> = []
  /** From a Stream: operations that have come and were not pulled yet. */
  private chunk: ReadonlyArray<unknown> = []
  private at = 0
  private hungry: (() => void) | undefined

  /** `iterator`: where the feed pulls operations; undefined for a feed that a Stream pushes to. `told`: its observer. */
  constructor(
    readonly context: SubmitContext,
    private readonly iterator: Iterator<unknown> | undefined,
    private readonly told: Complete<void> | undefined
  ) {}

  /** Whether an observer takes its results. */
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
      const next = nextOf(this.iterator)
      // The iterator may have run any code, which may have ended this feed.
      if (this.exhausted) return undefined
      if (next.done !== true) return operationOf(next.value, "feed")
      this.exhausted = true
    } catch (error) {
      this.exhausted = true
      this.break(error)
    }
    return undefined
  }

  /** Operations of a Stream. `started` is called when they have been started; or at once, with what ended the feed, if it pulls no more. */
  offer(operations: ReadonlyArray<unknown>, fed: () => void, started: (failure?: Failed) => void): void {
    if (this.exhausted) return started(this.end instanceof Failed ? this.end : undefined)
    this.chunk = operations
    this.at = 0
    this.hungry = started
    fed()
  }

  /** All operations have been offered and started. */
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

  /** Pulls no more. The group looks after what is under way. */
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

  /** The result, or `LATER` before the feed has ended. */
  get result(): Summary | Failed | typeof LATER {
    return this.hasEnded ? this.end! : LATER
  }
}

/** The end of an operation that was cancelled with its group. */
export const cancelledWith = (group: string): Failed => new Failed(group, {}, errno.ECANCELED, undefined)
