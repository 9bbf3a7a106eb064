/**
 * What wakes Node's event loop when a backend has completions: a `uv_poll` on a descriptor, through koffi.
 *
 * Three traps of `koffi.node.poll` shape this class. Its callback runs outside a callback scope, so promises resolved in it wait
 * for the next JavaScript: the owner therefore only schedules a turn there. An exception in it is lost: it is one line. The
 * handle closes when it is collected: it is held here.
 *
 * A fourth: a worker thread that is ended by `worker.terminate()` just while a descriptor becomes readable takes the process with it,
 * since the callback cannot run any more.
 */
import type { node } from "koffi"
import { koffi } from "./libc.ts"

/** Handles of this thread that watch. */
const open = new Set<Reactor>()

// A callback that comes after a worker thread's last JavaScript is an exception that nobody can take, and koffi ends the process.
process.once("exit", () => {
  for (const reactor of open) reactor.close()
})

export class Reactor {
  private readonly handle: node.PollHandle
  private referenced = true

  /** `onReady` runs on the loop's thread while `fd` is readable, once a turn. It must not throw and should only schedule. */
  constructor(
    fd: number,
    private readonly onReady: () => void
  ) {
    this.handle = koffi.node.poll(fd, { readable: true }, onReady)
    open.add(this)
    this.keepAlive(false)
  }

  /** Whether the wait for this descriptor keeps the process alive. */
  keepAlive(yes: boolean): void {
    if (yes === this.referenced) return
    this.referenced = yes
    if (yes) this.handle.ref()
    else this.handle.unref()
  }

  /** Watches no more for a while, or again. */
  watch(yes: boolean): void {
    if (yes) this.handle.start({ readable: true }, this.onReady)
    else this.handle.stop()
  }

  /** Stops watching. The descriptor stays open and may be closed right after. */
  close(): void {
    if (!open.delete(this)) return
    this.handle.stop()
    this.handle.close()
  }
}
