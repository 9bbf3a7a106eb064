/** How much a transfer is to move. */
import type { Operation } from "../engine/operation.ts"
import { MAX_RW_COUNT } from "../native/layout.ts"

/** Bytes that the operation moves if it moves all; `undefined` if it is no transfer. Its input may be wrong in any way. */
export const transferSize = ({ entry, input }: Operation<any>): number | undefined => {
  if (entry.moves === undefined) return undefined
  try {
    // The kernel moves no more in one call: such a transfer does not count as short.
    return Math.min(entry.moves(input), MAX_RW_COUNT)
  } catch {
    return undefined
  }
}
