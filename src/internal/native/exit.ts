/**
 * What must not be under way when a thread of JavaScript exits: its memory is freed, and others would go on writing into it. (Nothing
 * can be done about `worker.terminate()`, which runs no JavaScript any more.)
 */
import { isMainThread } from "node:worker_threads"

/** Milliseconds between two looks at a thread that is to leave. */
export const ABANDON_PAUSE = 5

/** Looks at a thread that is in a call. */
export const ABANDON_ROUNDS = 200

/** Looks at one that is still loading its addon, where being ended by Node would end the process: it leaves by itself in a moment. */
export const ABANDON_STARTING_ROUNDS = 2000

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
