/**
 * The program of the thread that waits for POSIX AIO: aio_suspend(3), then an eventfd. Plain JavaScript, because Node 20 cannot start a
 * worker from TypeScript: the same file serves the sources and the package. `aioSuspend.ts` is the other side.
 */
import { workerData } from "node:worker_threads"
import koffi from "koffi"
import { COUNT, INSIDE, MOST_WATCHED, ORDER, SIGNALLED, STOP, TID, views } from "./aioSuspendProtocol.js"

const { eventFd, gettidNumber, library, shared, writeNumber } = workerData
const { control, list } = views(shared)

const call = koffi.load(null).func("syscall", "int64_t", Array(7).fill("int64_t"))
const suspend = koffi.load(library).func("aio_suspend", "int", ["int64_t", "int", "int64_t"])

// Functions below mention these arrays themselves, not only their addresses. A constant of a module that no function mentions is collected
// once the module has run, and its memory is used for something else.
const one = new BigUint64Array([1n])
const oneAddress = Number(koffi.address(one))
const own = new Uint32Array(MOST_WATCHED * 2)
const ownAddress = Number(koffi.address(own))

// A signal that asks for another list can come just before this thread sleeps in aio_suspend, and is lost then. So it looks at ORDER
// again after ten milliseconds; while nothing is in flight it does not get here.
const timeout = new BigInt64Array([0n, 10_000_000n])
const timeoutAddress = Number(koffi.address(timeout))

const tell = () => {
  if (Atomics.exchange(control, SIGNALLED, 1) === 0) call(writeNumber, eventFd, oneAddress, one.byteLength, 0, 0, 0)
}

/**
 * Waits for a block of the list, as long as the list is the current one. Returns whether a block is complete.
 * @param {number} order
 * @param {number} count
 */
const wait = (order, count) => {
  while (Atomics.load(control, ORDER) === order) {
    // 0: complete. Otherwise the time is over (EAGAIN), or a signal came (EINTR).
    if (suspend(ownAddress, count, timeout.length === 2 ? timeoutAddress : 0) === 0) return true
  }
  return false
}

Atomics.store(control, TID, call(gettidNumber, 0, 0, 0, 0, 0, 0))

let done = 0
while (Atomics.load(control, STOP) === 0) {
  const order = Atomics.load(control, ORDER)
  if (order === done) {
    Atomics.wait(control, ORDER, order)
    continue
  }
  const count = Atomics.load(control, COUNT)
  own.set(list)
  // The list was written to while it was copied: the copy may be of two lists. `wait` looks once more.
  Atomics.store(control, INSIDE, 1)
  const complete = wait(order, count)
  Atomics.store(control, INSIDE, 0)
  if (!complete) continue
  done = order
  tell()
}
Atomics.store(control, TID, -1)
