/**
 * The event loop's own functions and the machine's clock, as they were when this module was loaded.
 *
 * Tests replace the global ones (`vi.useFakeTimers()`, Jest, sinon), and a request would then wait until the test moves its clock. What a
 * kernel has done does not wait for that, as it does not in `node:fs`. Time that a program can see comes from Effect's Clock.
 */
import { performance as machine } from "node:perf_hooks"
import * as timers from "node:timers"

// Constants, and not the imports themselves: imports change when `syncBuiltinESMExports` is called after a module was replaced.
export const setImmediate: typeof globalThis.setImmediate = timers.setImmediate
export const setTimeout: typeof globalThis.setTimeout = timers.setTimeout
export const clearTimeout: typeof globalThis.clearTimeout = timers.clearTimeout
export const setInterval: typeof globalThis.setInterval = timers.setInterval
export const clearInterval: typeof globalThis.clearInterval = timers.clearInterval
export const queueMicrotask: typeof globalThis.queueMicrotask = globalThis.queueMicrotask

/** Milliseconds, with fractions, of a clock that only goes forward. */
export const now: () => number = machine.now.bind(machine)

/** What has to be added to `now()` for milliseconds since 1970. */
export const { timeOrigin } = machine

/** Whether the program's timers have been replaced: then its time is not the machine's, and Effect's Clock follows the replaced timers. */
export const isTimeReplaced = (): boolean => globalThis.setTimeout !== setTimeout
