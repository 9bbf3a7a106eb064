/** Where a group gets requests from as slots free up. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { AioError } from "../../AioError.ts"
import type { Origin } from "../effect/submitContext.ts"
import type { Failure } from "../effect/wait.ts"
import { type Operation, operationOf } from "../engine/operation.ts"
import { errno } from "../native/errno.ts"
import type { Completed } from "./window.ts"

/** How the requests of a feed ended. */
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
  private exit: Exit.Exit<Summary, Failure> | undefined
  private readonly watchers: Array<() => void> = []
  /** From a Stream: what has come and was not pulled yet. */
  private chunk: ReadonlyArray<Operation<any>> = []
  private at = 0
  private hungry: (() => void) | undefined

  /** `iterator`: where it pulls; none for one that is pushed to. `told`: its observer. */
  constructor(
    readonly origin: Origin,
    private readonly iterator: Iterator<Operation<any>> | undefined,
    private readonly told: ((completed: Completed<any>) => void) | undefined
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

  /** Operations of a Stream: done when they have been started. */
  offer(operations: ReadonlyArray<Operation<any>>, fed: () => void): Effect.Effect<void, Failure> {
    return Effect.async((resume) => {
      if (this.exhausted) return resume(this.exit === undefined ? Effect.void : Effect.asVoid(this.exit))
      this.chunk = operations
      this.at = 0
      this.hungry = () => resume(Effect.void)
      fed()
    })
  }

  /** All has been offered, and what was offered has been started. */
  finish(): void {
    this.exhausted = true
  }

  tell(index: number, operation: Operation<any>, exit: Exit.Exit<any, Failure>): void {
    if (Exit.isFailure(exit)) this.failed++
    try {
      this.told?.({ index, operation, exit })
    } catch (error) {
      this.break(error)
      this.stop(undefined)
    }
  }

  private break(error: unknown): void {
    this.isBroken = true
    this.exit ??= Exit.die(error)
  }

  /** Pulls no more. What is under way is its group's affair. */
  stop(exit: Exit.Exit<never, Failure> | undefined): void {
    this.exit ??= exit
    if (this.exhausted) return
    this.exhausted = true
    try {
      this.iterator?.return?.()
    } catch (error) {
      this.exit ??= Exit.die(error)
    }
    this.hungry?.()
    this.hungry = undefined
  }

  /** Called by its group, once. */
  end(): void {
    this.hasEnded = true
    this.exit ??= Exit.succeed({ requests: this.index, failed: this.failed })
    for (const watcher of this.watchers.splice(0)) watcher()
  }

  whenEnded(watcher: () => void): void {
    this.watchers.push(watcher)
  }

  /** Its result, when it has ended. */
  get result(): Exit.Exit<Summary, Failure> | undefined {
    return this.hasEnded ? this.exit : undefined
  }
}

/** The end of what was cancelled with its group. */
export const cancelledWith = (group: string): Exit.Exit<never, AioError> =>
  Exit.fail(AioError.fromErrno(errno.ECANCELED, group, {}))
