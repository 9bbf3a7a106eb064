/** Calls of functions that are not the engine's own, from loops that have to go on whatever these throw. */
import { setImmediate } from "../native/loop.ts"

/**
 * What is thrown becomes an uncaught exception of the event loop: no fiber would hear of it otherwise. It is not thrown in the loop that
 * calls, whose bookkeeping would stop half way.
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
