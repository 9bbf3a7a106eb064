/** The requests that the machine was asked for, and its answers. */
import type { Request } from "../../engine/request.ts"
import type { Code } from "../../native/errno.ts"
import { byteLengthOf, isUint8Array } from "../../native/views.ts"
import { toByteString, toText } from "./paths.ts"

/**
 * One request.
 *
 * @since 0.1.0
 * @category models
 */
export interface JournalEntry {
  readonly operation: string
  /** Of the request, or of the file that its descriptor stands for. */
  readonly path?: string | undefined
  /** Its arguments; of buffers, the number of bytes. */
  readonly input: Readonly<Record<string, unknown>>
  /** `>= 0`; undefined where it failed, or is under way. */
  readonly result: number | undefined
  /** Name of the error number. */
  readonly error: Code | undefined
  /** Nanoseconds since 1970, by the Layer's Clock: when it was made, and when it ended. */
  readonly startNs: bigint
  readonly endNs: bigint | undefined
  /** A caller asked for an early end. */
  readonly cancelled: boolean
}

/** Written by the backend. */
export type Draft = { -readonly [Key in keyof JournalEntry]: JournalEntry[Key] }

export const textOf = (path: unknown): string | undefined =>
  typeof path === "string" ? path : isUint8Array(path) ? toText(toByteString(path)) : undefined

/** Buffers are not kept: they would stay in memory, and change when the program uses them again. */
const summaryOf = (input: Record<string, unknown>): Record<string, unknown> => {
  const summary: Record<string, unknown> = {}
  for (const key in input) {
    const value = input[key]
    if (value === undefined || key === "file") continue
    if (key === "buffer") summary.length = byteLengthOf(value as Uint8Array)
    else if (key === "buffers") summary.lengths = (value as ReadonlyArray<Uint8Array>).map(byteLengthOf)
    else summary[key] = isUint8Array(value) ? textOf(value) : value
  }
  return summary
}

export class Journal {
  private drafts: Array<Draft> = []

  /** Entries beyond `limit` push out the oldest. */
  constructor(private readonly limit: number) {}

  /** Kept by `add`. */
  draft({ entry, input }: Request, path: string | undefined, startNs: bigint): Draft {
    return {
      operation: entry.name,
      path: textOf(input.path) ?? path,
      input: summaryOf(input),
      result: undefined,
      error: undefined,
      startNs,
      endNs: undefined,
      cancelled: false
    }
  }

  add(draft: Draft): void {
    this.drafts.push(draft)
    if (this.drafts.length >= 2 * this.limit) this.drafts.splice(0, this.drafts.length - this.limit)
  }

  /** In the order in which they were taken over. */
  get entries(): ReadonlyArray<JournalEntry> {
    const { drafts, limit } = this
    return drafts.slice(Math.max(0, drafts.length - limit)).map((draft) => ({ ...draft }))
  }

  clear(): void {
    this.drafts = []
  }
}
