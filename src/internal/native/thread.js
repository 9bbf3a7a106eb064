/**
 * What a thread of the pool runs: system calls that it finds in shared memory. Plain JavaScript, because Node 20 cannot start a
 * worker from TypeScript: the same file serves the sources and the package. `threads.ts` is the other side, and has the protocol.
 */
import { workerData } from "node:worker_threads"
import koffi from "koffi"
import {
  ARGUMENT_WORDS,
  CANCELLING,
  CAPACITY,
  COMPLETE,
  COMPLETION_TAIL,
  DISCARDED,
  ECANCELED,
  EINTR,
  emptyPlace,
  FILL,
  FILLED_TO_END,
  HEADS,
  IDLE_TIMEOUT,
  LEVELS,
  LIVE_THREADS,
  MAX_IDLE,
  NAME_ROOM,
  PUBLISHED,
  QUEUED,
  RETIRED,
  RUNNING,
  SIGNALLED,
  SLEEPING,
  TAILS,
  THREAD_LIMIT,
  views
} from "./protocol.js"

const { closeNumber, eventFd, gettidNumber, index, shared, writeNumber } = workerData
const { args, claims, completions, control, current, currentRound, results, rounds, states, submissions, tids } =
  views(shared)

const call = koffi.load(null).func("syscall", "int64_t", Array(7).fill("int64_t"))

// One counter increment of an eventfd. `signal` mentions the array itself, not only its address: a constant of a module that no
// function mentions is collected once the module has run, and its memory is somebody else's.
const one = new BigUint64Array([1n])
const oneAddress = Number(koffi.address(one))

/** @param {number} at */
const word = (at) => {
  const low = args[at] >>> 0
  const high = args[at + 1]
  // Beyond 2^53 (offsets only) a Number is not exact.
  if (high > 0x1fffff || high < -0x200000) return (BigInt(high) << 32n) | BigInt(low)
  return high * 4294967296 + low
}

/**
 * @param {number} slot
 * @param {number | bigint} a1
 * @param {number | bigint} a2
 */
const executeOnce = (slot, a1, a2) => {
  const at = slot * ARGUMENT_WORDS
  const number = args[at]
  for (;;) {
    const result = call(number, word(at + 2), a1, a2, word(at + 8), word(at + 10), word(at + 12))
    if (result !== -1) return result
    const error = koffi.errno()
    if (error !== EINTR) return -error
    // close(2) has closed, whatever it says. Everything else is repeated, unless the signal was sent to end this very request.
    if (number === closeNumber) return 0
    if (Atomics.load(states, slot) === CANCELLING) return -ECANCELED
  }
}

/** @param {number} slot */
const execute = (slot) => {
  const at = slot * ARGUMENT_WORDS
  return args[at + 1] === FILL ? fill(slot) : executeOnce(slot, word(at + 4), word(at + 6))
}

/**
 * All the names of most directories in one go: the end is said by an empty answer only, and would take another request.
 * @param {number} slot
 */
const fill = (slot) => {
  const at = slot * ARGUMENT_WORDS
  const address = Number(word(at + 4))
  const size = Number(word(at + 6))
  let filled = 0
  do {
    const result = executeOnce(slot, address + filled, size - filled)
    // Nobody tells again what has been read: it is the answer, and a failure, or a long name that has no room, is for the next request.
    if (result < 0) return filled > 0 ? filled : result
    if (result === 0) {
      args[at + 1] = FILLED_TO_END
      return filled
    }
    filled += result
  } while (size - filled >= NAME_ROOM && Atomics.load(states, slot) !== CANCELLING)
  return filled
}

/**
 * Appends to the completion ring: fills the place first, then moves the tail, which any thread may do for another. So no place is left
 * open by a thread that ends in between.
 * @param {number} slot
 */
const append = (slot) => {
  for (;;) {
    const tail = Atomics.load(control, COMPLETION_TAIL)
    const empty = emptyPlace(tail)
    const filled = Atomics.compareExchange(completions, tail & (CAPACITY - 1), empty, slot + 1) === empty
    Atomics.compareExchange(control, COMPLETION_TAIL, tail, (tail + 1) | 0)
    if (filled) return
  }
}

const signal = () => {
  // Looked at first: writing to it, too, would take the word away from the other threads for every completion.
  if (Atomics.load(control, SIGNALLED) !== 0) return
  if (Atomics.exchange(control, SIGNALLED, 1) === 0) call(writeNumber, eventFd, oneAddress, one.byteLength, 0, 0, 0)
}

/** The slot that is next in turn, or -1. */
const take = () => {
  for (let level = LEVELS - 1; level >= 0; level--) {
    // Plain reads pass over empty levels: they see whatever was published before PUBLISHED was read, and if there is more by now, the
    // next wait fails. V8 calls a function for every Atomics operation, so those that nothing depends on are worth leaving out.
    while (control[HEADS + level] !== control[TAILS + level]) {
      const head = Atomics.load(control, HEADS + level)
      if (head === Atomics.load(control, TAILS + level)) break
      const slot = Atomics.load(submissions, level * CAPACITY + (head & (CAPACITY - 1)))
      // Named before it is taken: should this thread be ended in between, somebody else gets it.
      Atomics.store(claims, index, slot)
      if (Atomics.compareExchange(control, HEADS + level, head, (head + 1) | 0) === head) return slot
    }
  }
  Atomics.store(claims, index, -1)
  return -1
}

/**
 * Leaves if more threads live than `limit`. Whoever publishes work at this very moment and counts on this thread is told by its exit,
 * and looks again.
 * @param {number} limit
 */
const leaveBeyond = (limit) => {
  for (;;) {
    const live = Atomics.load(control, LIVE_THREADS)
    if (live <= limit) return false
    if (Atomics.compareExchange(control, LIVE_THREADS, live, live - 1) === live) {
      Atomics.store(tids, index, RETIRED)
      return true
    }
  }
}

/** Threads that sleep, without this one. */
const idleOthers = () => {
  let count = 0
  for (let other = 0; other < current.length; other++) if (Atomics.load(current, other) === SLEEPING) count++
  return count
}

/**
 * Sleeps until something is published; whether it did so for the idle timeout, which only counts for threads beyond the ones that may
 * stay.
 * @param {number} published
 */
const sleep = (published) => {
  const maxIdle = Atomics.load(control, MAX_IDLE)
  // Counting takes a microsecond, and by default all of them may stay.
  const mayStay = Atomics.load(control, LIVE_THREADS) <= maxIdle || idleOthers() < maxIdle
  Atomics.store(current, index, SLEEPING)
  const timeout = mayStay ? Number.POSITIVE_INFINITY : Atomics.load(control, IDLE_TIMEOUT)
  const timedOut = Atomics.wait(control, PUBLISHED, published, timeout) === "timed-out"
  Atomics.store(current, index, -1)
  // Counted again: of several that were woken together, each saw the others.
  return timedOut && idleOthers() >= Atomics.load(control, MAX_IDLE)
}

const tid = call(gettidNumber, 0, 0, 0, 0, 0, 0)
let up = false

for (;;) {
  const published = Atomics.load(control, PUBLISHED)
  const limit = Atomics.load(control, THREAD_LIMIT)
  if (limit > 0 && leaveBeyond(limit)) break
  const slot = take()
  // Only now is it up: until it has looked for work, it counts as a thread that will.
  if (!up) {
    Atomics.store(tids, index, tid)
    up = true
  }
  if (slot === -1) {
    if (limit === 0) {
      Atomics.sub(control, LIVE_THREADS, 1)
      Atomics.store(tids, index, RETIRED)
      break
    }
    // Idle for too long, and work has not come since: one thread fewer.
    if (sleep(published) && Atomics.load(control, PUBLISHED) === published) {
      if (leaveBeyond(Atomics.load(control, LIVE_THREADS) - 1)) break
    }
    continue
  }
  // Named before it runs, so that whoever cancels it finds the thread to wake, and until it is in the completion ring.
  Atomics.store(currentRound, index, Atomics.load(rounds, slot))
  Atomics.store(current, index, slot)
  Atomics.store(claims, index, -1)
  if (Atomics.compareExchange(states, slot, QUEUED, RUNNING) === QUEUED) {
    results[slot] = execute(slot)
    Atomics.store(states, slot, COMPLETE)
    append(slot)
  } else {
    Atomics.store(states, slot, DISCARDED)
    append(slot)
  }
  Atomics.store(current, index, -1)
  signal()
}
