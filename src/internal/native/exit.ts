/**
 * What has to end before a thread of JavaScript exits: its memory is freed, and other threads would go on writing into it.
 * (`worker.terminate()` runs no JavaScript any more: threadCleanup.ts is for that.)
 */
import { isMainThread } from "node:worker_threads"

export interface Abandonable {
  /** Ends what is under way without the event loop, which does not run any more. */
  abandon(): void
}

/** The objects of this thread. */
const open = new Set<Abandonable>()
process.once("exit", () => {
  for (const each of open) each.abandon()
})

/** `each` is abandoned when this thread exits, until it is forgotten. */
export const abandonAtExit = (each: Abandonable): void => void open.add(each)

/** The same where the end of the process is enough: the kernel ends what is under way before it frees the memory. */
export const abandonAtExitOfWorker = (each: Abandonable): void => {
  if (!isMainThread) open.add(each)
}

/** The object has ended. */
export const forget = (each: Abandonable): void => void open.delete(each)

/** Milliseconds between two looks at threads that have to leave their calls. */
const PAUSE = 5

/** How many looks there are at threads that are in a call. */
const BUSY_LOOKS = 200

/**
 * How many looks there are at threads that are still loading their addon. If Node ended such a thread, the process would end: these threads
 * leave on their own soon.
 */
const STARTING_LOOKS = 2000

/**
 * Blocks until threads have left the calls that `look` brings them out of: for a second at most, or ten while some have not finished
 * starting.
 */
export const waitForThreads = (look: () => "starting" | "busy" | "gone"): void => {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let busy = 0, starting = 0; busy < BUSY_LOOKS && starting < STARTING_LOOKS; ) {
    const found = look()
    if (found === "gone") return
    if (found === "starting") starting++
    else busy++
    Atomics.wait(pause, 0, 0, PAUSE)
  }
}
