/** How much a transfer is to move. */

import type { Entry, Operation } from "../engine/operation.ts"
import { MAX_RW_COUNT } from "../native/layout.ts"
import { copyRange, read, readv, write, writev } from "../operation/catalogue.ts"
import { readLast } from "../operation/descriptors.ts"

const sizes = new Map<Entry<any, any>, (input: any) => number>([
  ...[read, readLast, write, readv, writev].map(({ entry }) => [entry, entry.bytes!] as const),
  [copyRange.entry, ({ length }) => Number(length)]
])

/** Bytes that the operation moves if it moves all; `undefined` if it is no transfer. Its input may be wrong in any way. */
export const transferSize = ({ entry, input }: Operation<any>): number | undefined => {
  const sizeOf = sizes.get(entry)
  if (sizeOf === undefined) return undefined
  try {
    // The kernel moves no more in one call: that is not short.
    return Math.min(sizeOf(input), MAX_RW_COUNT)
  } catch {
    return undefined
  }
}

/** Whether the result of an operation is a number of bytes. */
export const isTransfer = (entry: Entry<any, any>): boolean => sizes.has(entry)
