/**
 * What wakes Node's event loop when a backend has completions: a `uv_poll` on a descriptor, through koffi.
 *
 * Three traps of `koffi.node.poll` shape this class. Its callback runs outside a callback scope, so promises resolved in it wait
 * for the next JavaScript: the owner therefore only schedules a turn there. An exception in it is lost: it is one line. The
 * handle closes when it is collected: it is held here.
 */
import koffi, { type node } from "koffi"

export class Reactor {
  private readonly handle: node.PollHandle
  private referenced = true

  /** `onReady` runs on the loop's thread while `fd` is readable, once a turn. It must not throw and should only schedule. */
  constructor(fd: number, onReady: () => void) {
    this.handle = koffi.node.poll(fd, { readable: true }, onReady)
    this.keepAlive(false)
  }

  /** Whether the wait for this descriptor keeps the process alive. */
  keepAlive(yes: boolean): void {
    if (yes === this.referenced) return
    this.referenced = yes
    if (yes) this.handle.ref()
    else this.handle.unref()
  }

  /** Stops watching. The descriptor stays open and may be closed right after. */
  close(): void {
    this.handle.stop()
    this.handle.close()
  }
}
