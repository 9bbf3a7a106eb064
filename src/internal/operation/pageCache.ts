/** What of a file is in the page cache. */
import { checkFd, checkOffset } from "../engine/arguments.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { define } from "../engine/operation.ts"
import { CACHESTAT } from "../native/layout.ts"
import { NR } from "../native/syscalls.ts"
import { type RangeOptions, rangeOptions } from "./descriptors.ts"

/**
 * How many pages of a range are in memory, and how. A page has 4096 bytes on x64. They may have come and gone since.
 *
 * @since 0.1.0
 * @category models
 */
export interface CacheStat {
  readonly cached: number
  /** Changed, and not yet on the way to the disk. */
  readonly dirty: number
  /** On the way to the disk. */
  readonly writeback: number
  /** No longer in memory. */
  readonly evicted: number
  /** So lately that memory was too small for them. */
  readonly recentlyEvicted: number
}

export const cachestat = define(
  (file: Target, options?: RangeOptions) => ({ ...targetOf(file), ...rangeOptions(options) }),
  {
    name: "cachestat",
    man: "cachestat(2)",
    encode: (submission, { fd, length = 0, offset = 0 }) => {
      const { cell } = submission
      submission.nr = NR.cachestat
      submission.a0 = checkFd(fd)
      // The range, and behind it room for the answer: both in the submission's cell.
      cell.u64[0] = BigInt(checkOffset(offset))
      cell.u64[1] = BigInt(checkOffset(length, "length"))
      submission.a1 = cell.address
      submission.a2 = cell.address + CACHESTAT.range
    },
    decode: ({ cell: { u64 } }): CacheStat => {
      const count = (offset: number): number => Number(u64[(CACHESTAT.range + offset) / 8])
      return {
        cached: count(CACHESTAT.cache),
        dirty: count(CACHESTAT.dirty),
        writeback: count(CACHESTAT.writeback),
        evicted: count(CACHESTAT.evicted),
        recentlyEvicted: count(CACHESTAT.recentlyEvicted)
      }
    }
  }
)
