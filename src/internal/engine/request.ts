/**
 * One request on its way: what the engine queues, a backend runs, and a completion ends.
 *
 * Life: idle -> queued -> in flight -> done. `done` happens exactly once, and only when the kernel no longer touches anything that the
 * request references. Small on purpose: a million requests may wait at once.
 */
import { Failed } from "./failed.ts"
import type { OpenFiles } from "./openDescriptor.ts"
import type { Entry, Operation } from "./operation.ts"
import { Submission } from "./submission.ts"

/** Where a request was given to: a backend, and the queue in front of it. */
export interface Lane {
  readonly backend: { readonly name: string; cancel(request: Request): void }
  readonly queue: { push(request: Request): void; remove(request: Request): void }
}

/**
 * A submission in the table of a backend. Between `encode` and the completion the table holds the slot, the slot holds the request, and the
 * two hold everything whose address is in it.
 */
export class Slot extends Submission {
  /** The request that the slot belongs to, or null for a free slot. */
  request: Request | null = null
  /** Its call keeps its thread for long, perhaps with no limit of time. */
  isStuck = false
  /** Its call waits for a lock, or asks for one once, in place of a request that waits. */
  lockWait: "no" | "waits" | "asks" = "no"

  constructor(readonly slot: number) {
    super(true)
  }

  override clear(): void {
    this.request = null
    this.isStuck = false
    this.lockWait = "no"
    super.clear()
  }
}

export const IDLE = 0
export const QUEUED = 1
export const IN_FLIGHT = 2
export const DONE = 3

/** Bytes of the buffers that an operation is to move now, or -1. */
export const bytesOf = ({ entry, input }: Operation<any>): number =>
  entry.bytes === undefined ? -1 : entry.bytes(input)

export abstract class Request {
  readonly entry: Entry<any, any>
  /** The arguments, which reference the user's buffers: alive as long as the request is. */
  readonly input: any
  /** For transfers: bytes of the buffers, as they were when the request was made. -1 for all others. */
  bytes: number
  state = IDLE
  /** `>= 0`, or `-errno`. Meaningful when done. */
  result = 0
  /** -4 (last) to 4 (first). */
  priority = 0
  /** A caller asked for an early completion. */
  cancelled = false
  /** The backend that it was given to; null before it has passed the limit on outstanding requests. */
  lane: Lane | null = null
  /** It was tried without waiting, which gave no answer, or is not to be tried. */
  triedInline = false
  /** Why it could not be encoded, and so ended without a system call: a `BadArgument`, or a defect of ours. */
  problem: unknown = undefined
  /** Its place in a backend's table while it is in flight. */
  submission: Slot | null = null

  /** Neighbours in the queue. */
  next: Request | null = null
  previous: Request | null = null

  /** When the engine's clock of overdue requests began to watch it, or 0; and its neighbours there. */
  tick = 0
  elder: Request | null = null
  younger: Request | null = null

  /** It is part of the end of a fiber that was interrupted, and does not wait for slow observers. */
  isOfInterrupted = false
  /** Its place in the table of an observer, or -1. */
  place = -1

  constructor(operation: Operation<any>) {
    this.entry = operation.entry
    this.input = operation.input
    this.bytes = bytesOf(operation)
  }

  /** The open file, or files, that it names: none of them is closed before the request has ended. */
  get file(): OpenFiles | undefined {
    return this.input.file
  }

  /** It was not submitted, or refused at once. */
  get isIdle(): boolean {
    return this.state === IDLE
  }

  /** What it ends with: its value, decoded from `memory`, or why there is none. */
  endOf<A>(memory: Submission | null): A | Failed {
    const { entry, input, problem, result } = this
    if (problem !== undefined) return new Failed(entry.name, input, 0, problem)
    if (result < 0)
      return new Failed(
        entry.name,
        input,
        -result,
        memory === null ? undefined : entry.partial?.(memory, result, input)
      )
    try {
      return entry.decode(memory!, result, input)
    } catch (defect) {
      return new Failed(entry.name, input, 0, defect)
    }
  }

  /** It has ended: `result` is set, and where that is `>= 0`, `memory` is what to decode it from, until this returns. */
  abstract settled(memory: Submission | null): void

  /**
   * `settled` threw: a defect of ours, or of code that was handed in. The fiber that waits for this request is to end with this defect. For
   * all others the request has ended like any other.
   */
  died(defect: unknown): void {
    throw defect
  }

  /** The result that its owner makes of `result`, for observers. */
  get reported(): number {
    return this.result
  }

  /** The group that it belongs to, for observers. */
  get groupName(): string | undefined {
    return undefined
  }

  /** The requests that a backend which can run chains is to run right behind this one. */
  get followers(): ReadonlyArray<Request> | undefined {
    return undefined
  }

  /** It was taken over as a follower, and not submitted by itself. */
  takenLinked(): void {}

  /** When a backend that keeps deadlines is to cancel it, in milliseconds of `performance.now()`. */
  get deadline(): number | undefined {
    return undefined
  }

  /** Whether `overdue` is to be called. */
  get mayBecomeOverdue(): boolean {
    return false
  }

  /** It has been under way for some milliseconds. Called at most once, and not when it is done. */
  overdue(): void {}
}
