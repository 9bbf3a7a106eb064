/** Garbage on demand, and what is left after it. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

// The flag may be set at run time; only contexts made afterwards see the function.
setFlagsFromString("--expose-gc")

/** A full collection, now. */
export const collectGarbage: () => void = runInNewContext("gc")

/** Bytes that JavaScript holds after a collection: its heap, and what array buffers hold outside it. */
export const bytesHeld = (): number => {
  collectGarbage()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}
