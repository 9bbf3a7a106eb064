/**
 * The shared memory between the event loop's thread and the thread that waits in aio_suspend(3).
 *
 * The loop's thread writes a list of control blocks and raises ORDER; the other copies the list, waits, and writes the eventfd. It has
 * its own copy because aio_suspend looks at its list again when it wakes.
 */

/** Indices of the control words. */
/** Grows with every list. The thread sleeps on it. */
export const ORDER = 0
/** How many blocks the list has. */
export const COUNT = 1
/** The thread is in aio_suspend, or about to be. */
export const INSIDE = 2
/** The eventfd has been written and not been read yet. */
export const SIGNALLED = 3
/** The thread is to end. */
export const STOP = 4
/** The thread's kernel number; 0 before it runs, -1 when it has left its loop. */
export const TID = 5
const CONTROL_WORDS = 6

/** The most blocks that are watched. */
export const MOST_WATCHED = 256

/** Bytes of the shared memory. */
export const SHARED_SIZE = MOST_WATCHED * 8 + CONTROL_WORDS * 4

/**
 * The parts of the shared memory.
 * @param {SharedArrayBuffer} shared
 */
export const views = (shared) => ({
  /** Addresses, low half first. */
  list: new Uint32Array(shared, 0, MOST_WATCHED * 2),
  control: new Int32Array(shared, MOST_WATCHED * 8, CONTROL_WORDS)
})
