/** How many bytes a turn may copy on the event loop's thread. */
import type { Slot } from "../../engine/request.ts"

/**
 * Bytes of a turn's transfers that this thread may copy from and to the page cache within io_uring_enter(2). Further ones are for kernel
 * workers: a thousand cached reads of 128 KiB took this thread 40 ms in one go.
 */
const COPIED = 4 << 20

export class CopyBudget {
  private left = COPIED

  beginTurn(): void {
    this.left = COPIED
  }

  /**
   * Whether a transfer is for a kernel worker. Counts those that are not. Only transfers at an offset: the others wait for a peer, and move
   * what it has. For direct I/O the disk copies.
   */
  isTooMuch({ bytes, request }: Slot): boolean {
    const { file, offset } = request!.input
    if (bytes === 0 || offset === undefined || file?.alignment !== undefined) return false
    if (bytes > this.left) return true
    this.left -= bytes
    return false
  }
}
