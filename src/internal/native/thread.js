/**
 * What a thread of the pool runs: system calls that it finds in shared memory. Plain JavaScript, because Node 20 cannot start a
 * worker from TypeScript: the same file serves the sources and the package. `threads.ts` is the other side, and has the protocol.
 */
import { workerData } from "node:worker_threads"
import koffi from "koffi"
import {
  ARGUMENT_WORDS,
  CANCELLED,
  CANCELLING,
  CAPACITY,
  COMPLETION_TAIL,
  CONTROL,
  ECANCELED,
  EINTR,
  HEAD,
  IDLE_THREADS,
  QUEUED,
  RUNNING,
  SIGNALLED,
  STOP,
  TAIL,
  views
} from "./protocol.js"

const { closeNumber, eventFd, gettidNumber, index, shared, writeNumber } = workerData
const { args, completions, control, current, results, states, submissions, tids } = views(shared)

const call = koffi.load(null).func("syscall", "int64_t", Array(7).fill("int64_t"))

// One counter increment of an eventfd. `complete` mentions the array itself, not only its address: a constant of a module that no
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

/** @param {number} slot */
const execute = (slot) => {
  const at = slot * ARGUMENT_WORDS
  const number = args[at]
  for (;;) {
    const result = call(number, word(at + 2), word(at + 4), word(at + 6), word(at + 8), word(at + 10), word(at + 12))
    if (result !== -1) return result
    const error = koffi.errno()
    if (error !== EINTR) return -error
    // close(2) has closed, whatever it says. Everything else is repeated, unless the signal was sent to end this very request.
    if (number === closeNumber) return 0
    if (Atomics.load(states, slot) === CANCELLING) return -ECANCELED
  }
}

/** @param {number} slot */
const complete = (slot) => {
  const position = Atomics.add(control, COMPLETION_TAIL, 1)
  Atomics.store(completions, position & (CAPACITY - 1), slot + 1)
  if (Atomics.exchange(control, SIGNALLED, 1) === 0) call(writeNumber, eventFd, oneAddress, one.byteLength, 0, 0, 0)
}

Atomics.store(tids, index, call(gettidNumber, 0, 0, 0, 0, 0, 0))
Atomics.add(control, CONTROL.STARTED, 1)

for (;;) {
  const head = Atomics.load(control, HEAD)
  const tail = Atomics.load(control, TAIL)
  if (head === tail) {
    if (Atomics.load(control, STOP) !== 0) break
    Atomics.add(control, IDLE_THREADS, 1)
    Atomics.wait(control, TAIL, tail)
    Atomics.sub(control, IDLE_THREADS, 1)
    continue
  }
  const slot = Atomics.load(submissions, head & (CAPACITY - 1))
  if (Atomics.compareExchange(control, HEAD, head, (head + 1) | 0) !== head) continue
  // Named before it runs, so that whoever cancels it finds the thread to wake.
  Atomics.store(current, index, slot)
  if (Atomics.compareExchange(states, slot, QUEUED, RUNNING) === QUEUED) results[slot] = execute(slot)
  else Atomics.store(states, slot, CANCELLED)
  Atomics.store(current, index, -1)
  complete(slot)
}
