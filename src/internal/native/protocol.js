/**
 * The shared memory between the event loop's thread and the pool's threads.
 *
 * One SharedArrayBuffer. The event loop's thread owns the slots: it writes a system call into a free one and appends the slot's
 * number to the submission ring; threads take numbers from its head by compare-and-swap. A thread that is done appends the number
 * to the completion ring and, if the loop has not been told since it last looked, writes the eventfd. Both rings are as long as
 * there are slots, so neither can overflow.
 */

/** Slots, and places in each ring. A power of two. */
export const CAPACITY = 1024
export const MAX_THREADS = 256

/** Indices of the control words. */
export const CONTROL = { HEAD: 0, TAIL: 1, COMPLETION_TAIL: 2, SIGNALLED: 3, STOP: 4, IDLE_THREADS: 5, STARTED: 6 }
export const { HEAD, TAIL, COMPLETION_TAIL, SIGNALLED, STOP, IDLE_THREADS } = CONTROL

/** States of a slot. Only the loop's thread moves it from FREE to QUEUED and from RUNNING to CANCELLING. */
export const FREE = 0
export const QUEUED = 1
export const RUNNING = 2
/** Asked to end while a thread was in the system call. */
export const CANCELLING = 3
/** Ended while it was queued: its request is long completed, the slot comes back when a thread meets it. */
export const CANCELLED = 4

/** The number of the system call and its six arguments, 64 bits each. */
export const ARGUMENT_WORDS = 14

export const EINTR = 4
export const ECANCELED = 125

const CONTROL_WORDS = 16
const INT32S = CONTROL_WORDS + 3 * CAPACITY + 2 * MAX_THREADS + CAPACITY * ARGUMENT_WORDS

/** Bytes of the shared memory. */
export const SHARED_SIZE = CAPACITY * 8 + INT32S * 4

/**
 * The parts of the shared memory.
 * @param {SharedArrayBuffer} shared
 */
export const views = (shared) => {
  let at = 0
  /** @param {number} length */
  const int32s = (length) => {
    const view = new Int32Array(shared, at, length)
    at += length * 4
    return view
  }
  // First, for its alignment.
  const results = new Float64Array(shared, 0, CAPACITY)
  at = CAPACITY * 8
  return {
    results,
    control: int32s(CONTROL_WORDS),
    submissions: int32s(CAPACITY),
    completions: int32s(CAPACITY),
    states: int32s(CAPACITY),
    /** By thread: its kernel thread number, 0 before it runs. */
    tids: int32s(MAX_THREADS),
    /** By thread: the slot that it works on, or -1. */
    current: int32s(MAX_THREADS),
    args: int32s(CAPACITY * ARGUMENT_WORDS)
  }
}
