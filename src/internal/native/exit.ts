/**
 * What must not be under way when a thread of JavaScript exits: its memory is freed, and others would go on writing into it. (Nothing
 * can be done about `worker.terminate()`, which runs no JavaScript any more.)
 */
import { isMainThread } from "node:worker_threads"

export interface Abandonable {
  /** Ends what is under way without the event loop, which does not run any more. */
  abandon(): void
}

/** Of this thread. */
const open = new Set<Abandonable>()
process.once("exit", () => {
  for (const each of open) each.abandon()
})

/** Until it is forgotten, `each` is abandoned when this thread exits. */
export const abandonAtExit = (each: Abandonable): void => void open.add(each)

/** The same where the exit of the process would do: the kernel ends what it has under way before the memory goes. */
export const abandonAtExitOfWorker = (each: Abandonable): void => {
  if (!isMainThread) open.add(each)
}

/** It has ended. */
export const forget = (each: Abandonable): void => void open.delete(each)

/** Milliseconds between two looks at threads that are to leave. */
const PAUSE = 5

/** Looks at threads that are in a call. */
const BUSY_LOOKS = 200

/** Looks at threads still loading their addon, where being ended by Node would end the process: they leave by themselves in a moment. */
const STARTING_LOOKS = 2000

/** Blocks until threads have left that `look` brings out of what they are in: a second, or ten while there are some not up yet. */
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
