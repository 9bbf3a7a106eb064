/** Where an open file stands. */
import { bad, checkFd, checkName, checkOffset, type Offset, show } from "../engine/arguments.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { define } from "../engine/operation.ts"
import { errno } from "../native/errno.ts"
import { NR } from "../native/syscalls.ts"

/** `SEEK_*` of lseek(2). */
const origins = { start: 0, current: 1, end: 2, data: 3, hole: 4 } as const

/**
 * What lseek(2) counts from, or looks for. `"data"` and `"hole"` find the first byte from `offset` on that is in data, or in a hole: there is one at
 * the end of every file.
 *
 * @since 0.1.0
 * @category models
 */
export type SeekFrom = keyof typeof origins

/** Bytes forward, or, below 0, backward. */
const checkDistance = (value: Offset): Offset => {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value
  if (typeof value !== "bigint" || BigInt.asIntN(64, value) !== value) {
    return bad("offset", `a whole number of bytes from -2^63 to 2^63 - 1 (a bigint from 2^53 on), not ${show(value)}`)
  }
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

export const seek = define(
  (file: Target, offset: Offset, from: SeekFrom = "start") => ({ ...targetOf(file), offset, from }),
  {
    name: "seek",
    man: "lseek(2)",
    encode: (submission, { fd, from, offset }) => {
      submission.nr = NR.lseek
      submission.a0 = checkFd(fd)
      submission.a2 = checkName(origins, from, "from")
      submission.a1 = from === "current" || from === "end" ? checkDistance(offset) : checkOffset(offset)
    },
    // A thread's answer is a Number. From the start, the answer is known.
    syscallResult: ({ a2 }, result) =>
      result > Number.MAX_SAFE_INTEGER && a2 !== origins.start ? -errno.EOVERFLOW : result,
    decode: (_, result, { offset }): bigint => BigInt(result > Number.MAX_SAFE_INTEGER ? offset : result)
  }
)
