/**
 * One request on its way: what the engine queues, a backend runs, and a completion ends.
 *
 * Life: idle -> (queued ->) in flight -> done, or idle -> done when it was finished inline. `done` happens exactly once, and only
 * when the kernel no longer touches anything the request references.
 */
import { type Cell, releaseCell } from "../native/memory.ts"
import type { Word } from "../native/libc.ts"
import type { Entry, Operation } from "../operation/operation.ts"

export const IDLE = 0
export const QUEUED = 1
export const IN_FLIGHT = 2
export const DONE = 3

export abstract class Request {
  readonly entry: Entry<any, any>
  /** The arguments, which reference the user's buffers: alive as long as the request is. */
  readonly input: any

  /** The operation as one system call. */
  nr = -1
  a0: Word = 0
  a1: Word = 0
  a2: Word = 0
  a3: Word = 0
  a4: Word = 0
  a5: Word = 0

  state = IDLE
  /** `>= 0`, or `-errno`. Meaningful when done. */
  result = 0
  /** -4 (last) to 4 (first). */
  priority = 0
  /** Somebody asked for an early completion. */
  cancelled = false
  /** It was tried without waiting, and needs a backend. */
  triedInline = false
  /** Where the backend keeps it: a slot of its table. -1 where it is not in one. */
  slot = -1

  /** Memory for paths and structures, held until the completion. */
  cell: Cell | null = null
  cellHoldsPath = false
  /** More memory that the kernel reads or writes, held until the completion. */
  keep: unknown = null
  /** Memory that the kernel fills and `decode` reads, held until the completion. */
  output: Buffer | null = null

  /** Neighbours in the queue. */
  next: Request | null = null
  previous: Request | null = null

  constructor(operation: Operation<any>) {
    this.entry = operation.entry
    this.input = operation.input
  }

  /** Checks and encodes. Throws `BadArgument`; the request must then be dropped with `release`. */
  encode(): void {
    this.entry.encode(this, this.input)
  }

  keepAlso(memory: unknown): void {
    this.keep = this.keep === null ? memory : [this.keep, memory]
  }

  /** Gives its memory back. Only when done, or never started. */
  release(): void {
    const cell = this.cell
    if (cell !== null) {
      this.cell = null
      releaseCell(cell)
    }
    this.keep = null
    this.output = null
  }

  /** The completion arrived: `result` is set, the memory is still there to decode it. */
  abstract settled(): void

  /** The turn in which it was submitted is over and it is still under way. */
  abstract flushed(): void
}
