/**
 * Wakes Node's event loop when a backend has completions: a `uv_poll` on a descriptor, through koffi.
 *
 * Three traps of `koffi.node.poll` shape this class. Its callback runs outside a callback scope, so that promises resolved in it wait for
 * the next JavaScript: the owner therefore only schedules a turn there. An exception in the callback is lost: it is a single line. The
 * handle closes when it is collected: this class holds it.
 *
 * A fourth: koffi ends the process when the callback is called and no JavaScript may run any more, as in a worker thread that is being
 * terminated. So worker threads have a handle of their own, see loopHandle.ts. The main thread keeps koffi's, whose callback costs less.
 */
import { isMainThread } from "node:worker_threads"
import { koffi } from "./libc.ts"
import { LoopHandle } from "./loopHandle.ts"

/** Handles of this thread that are watching. */
const open = new Set<Reactor>()

process.once("exit", () => {
  for (const reactor of open) reactor.close()
})

/** koffi's own handle, with the methods of ours. */
const koffisHandle = (fd: number, onReady: () => void) => {
  const handle = koffi.node.poll(fd, { readable: true }, onReady)
  return {
    start: () => handle.start({ readable: true }, onReady),
    stop: () => handle.stop(),
    ref: () => handle.ref(),
    unref: () => handle.unref(),
    close: () => handle.close()
  }
}

export class Reactor {
  private readonly handle: ReturnType<typeof koffisHandle>
  private referenced = true

  /** `onReady` runs on the loop's thread while `fd` is readable, once a turn. It must not throw and should only schedule. */
  constructor(fd: number, onReady: () => void) {
    const own = isMainThread ? undefined : LoopHandle.open(fd, onReady)
    this.handle = own ?? koffisHandle(fd, onReady)
    open.add(this)
    this.keepAlive(false)
  }

  /** Whether the wait for this descriptor keeps the process alive. */
  keepAlive(yes: boolean): void {
    // After closing there is no handle: touching it would end the process.
    if (yes === this.referenced || !open.has(this)) return
    this.referenced = yes
    if (yes) this.handle.ref()
    else this.handle.unref()
  }

  /** Stops watching for a while, or goes on. */
  watch(yes: boolean): void {
    if (!open.has(this)) return
    if (yes) this.handle.start()
    else this.handle.stop()
  }

  /** Stops watching. The descriptor stays open and may be closed right after. */
  close(): void {
    if (!open.delete(this)) return
    this.handle.stop()
    this.handle.close()
  }
}
