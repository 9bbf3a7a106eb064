/** Times as `fs.utimes` takes them. */
import type { FileTime } from "../operation/attributes.ts"

/** Nanoseconds of a Date, or of a number of seconds. A negative number means now, as in Node. `undefined` for any other value. */
export const toFileTime = (time: Date | number): FileTime => {
  if (typeof time === "number" && Number.isFinite(time)) {
    if (time < 0) return BigInt(Date.now()) * 1_000_000n
    const seconds = Math.floor(time)
    return BigInt(seconds) * 1_000_000_000n + BigInt(Math.floor((time - seconds) * 1e9))
  }
  const milliseconds = timeOf(time)
  return Number.isNaN(milliseconds) ? undefined : BigInt(milliseconds) * 1_000_000n
}

/** The Date's own time, not that of its properties; NaN for a value that is not a Date. */
const timeOf = (time: unknown): number => {
  try {
    return Date.prototype.getTime.call(time)
  } catch {
    return Number.NaN
  }
}
