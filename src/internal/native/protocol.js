/**
 * The shared memory between the event loop's thread and the pool's threads.
 *
 * One SharedArrayBuffer. The event loop's thread owns the slots: it writes a system call into a free one and appends the slot's
 * number to the submission ring of its priority; threads take numbers from the heads by compare-and-swap, from the highest level
 * that has any. A thread that is done appends the number to the completion ring and, if the loop has not been told since it last
 * looked, writes the eventfd. Every ring is as long as there are slots, so none can overflow.
 *
 * A thread may be ended from outside between any two steps, and nothing may be lost by it. So each step leaves enough behind to tell,
 * once the thread has gone, how far it was; see `Threads.mourn`.
 */

/** Slots, and places in each ring: 2^10. */
export const CAPACITY = 1024
export const MAX_THREADS = 256
/** Priorities -4 to 4. */
export const LEVELS = 9

/** Indices of the control words. */
/** Grows with every publication of work or orders; what idle threads sleep on. */
export const PUBLISHED = 0
export const COMPLETION_TAIL = 1
/** The eventfd has been written and not been read yet. */
export const SIGNALLED = 2
/** Threads that have not decided to end. */
export const LIVE_THREADS = 3
/** 0: all threads end, when they find nothing to do. Otherwise those beyond this many end as soon as they are done with a call. */
export const THREAD_LIMIT = 4
/** Idle threads that may stay for ever. */
export const MAX_IDLE = 5
/** Milliseconds after which the others end. */
export const IDLE_TIMEOUT = 6
/** Heads and tails of the submission rings, by level. */
export const HEADS = 7
export const TAILS = HEADS + LEVELS
const CONTROL_WORDS = TAILS + LEVELS

/** States of a slot. Only the loop's thread moves it from FREE to QUEUED and from RUNNING to CANCELLING. */
export const FREE = 0
export const QUEUED = 1
export const RUNNING = 2
/** Asked to end while a thread was in the system call. */
export const CANCELLING = 3
/** Ended while it was queued: its request is long completed, the slot comes back when a thread meets it. */
export const CANCELLED = 4
/** The call is over: its number is in the completion ring, or is about to be. */
export const COMPLETE = 5
/** The same of one that was CANCELLED. */
export const DISCARDED = 6

/** In place of a slot: the thread counts as idle. */
export const SLEEPING = -2

/** In place of a thread's number: it has ended by its own decision. */
export const RETIRED = -1

/** The number of the system call, in 32 bits, how it is to be run, and its six arguments, 64 bits each. */
export const ARGUMENT_WORDS = 14

/** Once. */
export const ONCE = 0
/** getdents64(2): again and again, until its buffer is full, or it has said that there is nothing more to come. */
export const FILL = 1
/** What a thread makes of `FILL` when it has been said. */
export const FILLED_TO_END = 2

/** With less room in its buffer, getdents64(2) is not asked again: that may be too little for a name. */
export const NAME_ROOM = 288

export const EINTR = 4
export const ECANCELED = 125

/** What an empty place of the completion ring holds: another number in each round, so that a late thread cannot fill a place of the past. */
export const emptyPlace = (/** @type {number} */ position) => -(position >>> 10) - 1

const INT32S = CONTROL_WORDS + (LEVELS + 3) * CAPACITY + 4 * MAX_THREADS + CAPACITY * ARGUMENT_WORDS

/** Bytes of the shared memory. */
export const SHARED_SIZE = CAPACITY * 8 + INT32S * 4

/**
 * The parts of the shared memory.
 * @param {SharedArrayBuffer} shared
 */
export const views = (shared) => {
  let at = CAPACITY * 8
  /** @param {number} length */
  const int32s = (length) => {
    const view = new Int32Array(shared, at, length)
    at += length * 4
    return view
  }
  return {
    // First, for its alignment.
    results: new Float64Array(shared, 0, CAPACITY),
    control: int32s(CONTROL_WORDS),
    /** LEVELS rings, one after the other. */
    submissions: int32s(LEVELS * CAPACITY),
    completions: int32s(CAPACITY),
    states: int32s(CAPACITY),
    /** How often a slot has been used. */
    rounds: int32s(CAPACITY),
    /** By thread: its kernel thread number, 0 before it runs. */
    tids: int32s(MAX_THREADS),
    /** By thread: the slot that it works on, SLEEPING, or -1. */
    current: int32s(MAX_THREADS),
    /** By thread: the slot that it is trying to take, or -1. */
    claims: int32s(MAX_THREADS),
    /** By thread: which use of its current slot. */
    currentRound: int32s(MAX_THREADS),
    args: int32s(CAPACITY * ARGUMENT_WORDS)
  }
}
