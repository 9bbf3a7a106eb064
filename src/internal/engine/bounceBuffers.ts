/** Memory that a request reads into where the program could take its own memory away. */
import { plainView } from "../native/views.ts"
import { BadArgument } from "./arguments.ts"

/**
 * Memory of our own in the place of a view whose buffer can be resized. While a request is under way, its program may make the buffer
 * shorter. V8 then takes the pages away, while the kernel still writes to them, and promises zeros when the buffer is made longer again.
 */
export interface BounceBuffer {
  readonly view: Uint8Array
  readonly memory: Uint8Array
  /** Bytes of the transfer before this view. */
  readonly at: number
}

/**
 * Copies what a request has read into bounce buffers to the views, as the views are now. Returns what is wrong with a view, if anything is.
 */
export const copyFromBounceBuffers = (
  bounceBuffers: ReadonlyArray<BounceBuffer>,
  count: number
): BadArgument | undefined => {
  let problem: BadArgument | undefined
  for (const { at, memory, view } of bounceBuffers) {
    const moved = Math.min(memory.length, count - at)
    if (moved <= 0) continue
    const into = plainView(view)
    into.set(memory.subarray(0, Math.min(moved, into.length)))
    if (into.length < moved) {
      problem = new BadArgument("buffer", `it was made shorter while ${moved} bytes were on their way into it`)
    }
  }
  return problem
}
