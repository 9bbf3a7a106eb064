/** Starts, tells and ends the thread that waits in aio_suspend(3) and makes a descriptor readable. See aioSuspendProtocol.js. */
import { SHARE_ENV, Worker } from "node:worker_threads"
import { COUNT, INSIDE, MOST_WATCHED, ORDER, SHARED_SIZE, SIGNALLED, STOP, TID, views } from "./aioSuspendProtocol.js"
import { waitForThreads } from "./exit.ts"
import { addressOf, syscall } from "./libc.ts"
import { posixAioLibrary } from "./posixAio.ts"
import { NR } from "./syscalls.ts"
import { closeDescriptor, ownDescriptor } from "./threadCleanup.ts"
import { wakeThread } from "./wakeSignal.ts"

export { MOST_WATCHED }

const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000
const HIGH = 4294967296

/** After so many threads that could not be started, or died, no more are tried. */
const MAX_FAILURES = 3

export class AioSuspendThread {
  /** Readable after a watched request has completed, until `clear`. -errno where no descriptor could be made. */
  readonly eventFd = ownDescriptor(syscall(NR.eventfd2, 0, EFD_CLOEXEC_NONBLOCK))
  private readonly shared = new SharedArrayBuffer(SHARED_SIZE)
  private readonly views = views(this.shared)
  private readonly counter = new BigUint64Array(1)
  private readonly counterAddress = addressOf(this.counter)
  private worker: Worker | undefined
  private failures = 0

  /** Whether the thread runs. Lists that are given before wait for it. */
  get isUp(): boolean {
    return Atomics.load(this.views.control, TID) > 0
  }

  /** Starts the thread, unless there is one. It is up in 25 to 50 milliseconds, or never. */
  start(): void {
    if (this.worker !== undefined || this.failures >= MAX_FAILURES) return
    const { control } = this.views
    try {
      this.worker = new Worker(new URL("./aioSuspendThread.js", import.meta.url), {
        name: "effect-aio aio_suspend",
        workerData: {
          shared: this.shared,
          eventFd: this.eventFd,
          library: posixAioLibrary(),
          gettidNumber: NR.gettid,
          writeNumber: NR.write
        },
        // The program's own start-up (loaders, inspectors) does not belong into a thread that makes system calls.
        execArgv: [],
        env: SHARE_ENV,
        trackUnmanagedFds: false
      })
    } catch {
      this.failures++
      return
    }
    // An error is always followed by the exit.
    this.worker.on("error", () => {})
    this.worker.on("exit", () => {
      this.worker = undefined
      this.failures++
      Atomics.store(control, TID, 0)
      Atomics.store(control, INSIDE, 0)
    })
    // Requests in flight keep the process alive; the thread does not.
    this.worker.unref()
  }

  /** From now on, the thread waits for one of the control blocks at these addresses, and for no others. */
  watch(addresses: ReadonlyArray<number>): void {
    const { control, list } = this.views
    const count = Math.min(addresses.length, MOST_WATCHED)
    for (let i = 0; i < count; i++) {
      list[i * 2] = addresses[i]
      list[i * 2 + 1] = addresses[i] / HIGH
    }
    Atomics.store(control, COUNT, count)
    this.order()
  }

  private order(): void {
    const { control } = this.views
    Atomics.add(control, ORDER, 1)
    Atomics.notify(control, ORDER)
    // The signal may come too early to end the wait: the thread looks again within ten milliseconds.
    if (Atomics.load(control, INSIDE) === 1) wakeThread(Atomics.load(control, TID))
  }

  /** Makes the descriptor unreadable. Returns whether it was readable. The caller has to look at all requests afterwards. */
  clear(): boolean {
    const { control } = this.views
    if (Atomics.load(control, SIGNALLED) === 0) return false
    // EAGAIN: the thread has set the flag and is about to write. The flag then stays until that write wakes the loop.
    if (syscall(NR.read, this.eventFd, this.counterAddress, this.counter.byteLength) > 0) {
      Atomics.store(control, SIGNALLED, 0)
    }
    return true
  }

  /** Makes the descriptor readable. */
  tell(): void {
    if (Atomics.exchange(this.views.control, SIGNALLED, 1) !== 0) return
    this.counter[0] = 1n
    syscall(NR.write, this.eventFd, this.counterAddress, this.counter.byteLength)
  }

  private stop(): void {
    Atomics.store(this.views.control, STOP, 1)
    this.order()
  }

  /** Ends the thread, which has nothing to wait for. */
  async close(): Promise<void> {
    this.stop()
    const { worker } = this
    // Only then: until it has ended, the thread may write to the descriptor, whose number may belong to another file by then.
    if (worker !== undefined) {
      worker.ref()
      await new Promise<void>((resolve) => worker.once("exit", () => resolve()))
    }
    if (this.eventFd >= 0) closeDescriptor(this.eventFd)
  }

  /** At the exit of the process: brings the thread out of its wait, so that it can be joined. */
  abandon(): void {
    if (this.worker === undefined) return
    waitForThreads(() => {
      const tid = Atomics.load(this.views.control, TID)
      if (tid === -1) return "gone"
      this.stop()
      return tid === 0 ? "starting" : "busy"
    })
  }
}
