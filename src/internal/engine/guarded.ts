/** Calls of what is not the engine's own, from loops that have to go on whatever is thrown. */
import { setImmediate } from "../native/loop.ts"

/**
 * What is thrown becomes an uncaught exception: nobody else would ever hear of it. It is one of the event loop, and not of the loop that
 * calls, whose bookkeeping would end half way.
 */
export const guarded = (call: () => void): void => {
  try {
    call()
  } catch (error) {
    setImmediate(() => {
      throw error
    })
  }
}
