/** Times as `fs.utimes` takes them. */
import type { FileTime } from "../operation/attributes.ts"

/** Nanoseconds of a Date, or of a number of seconds; a negative number is now, as in Node. `undefined` for anything else. */
export const toFileTime = (time: Date | number): FileTime => {
  if (typeof time === "number" && Number.isFinite(time)) {
    if (time < 0) return BigInt(Date.now()) * 1_000_000n
    const seconds = Math.floor(time)
    return BigInt(seconds) * 1_000_000_000n + BigInt(Math.floor((time - seconds) * 1e9))
  }
  if (!(time instanceof Date) || Number.isNaN(time.getTime())) return undefined
  return BigInt(time.getTime()) * 1_000_000n
}
