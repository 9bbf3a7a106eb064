/**
 * Whether opening a name may ask a server: one of the network, or of a file system in user space.
 *
 * The path to a name that is in the caches is followed without waiting (RESOLVE_CACHED, which is also how io_uring tries first). But then
 * the file system's own open is called: that of FUSE, NFS and the like asks the server and waits for its answer, and that of an overlay
 * calls the open of its layers. Most machines have no such mount, and the kernel tells when the list of mounts changes: until then, no path
 * has to be looked at.
 */
import { closeSync, constants, openSync, readFileSync } from "node:fs"
import { O_PATH } from "./layout.ts"
import type { Cell } from "./memory.ts"
import { parseMounts } from "./mountTable.ts"
import { mayWaitToOpen, opensWithoutAsking } from "./nonblocking.ts"
import { POLLERR, POLLPRI, pollEvents } from "./readiness.ts"

const { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_TRUNC } = constants

export class Mounts {
  private readonly fd: number
  private isFresh = false
  /** There is a mount whose opens may wait. Also true where this is not known. */
  private mayWait = true

  constructor() {
    let fd = -1
    try {
      fd = openSync("/proc/self/mountinfo", "r")
    } catch {
      // No procfs, or no descriptor left: every path is looked at.
    }
    this.fd = fd
    this.read()
  }

  private read(): void {
    try {
      const mounts = parseMounts(readFileSync("/proc/self/mountinfo", "latin1"))
      this.mayWait = mounts.some(({ type }) => mayWaitToOpen(type))
    } catch {
      this.mayWait = true
    }
  }

  /** An answer holds for a turn of the event loop at most. */
  beginTurn(): void {
    this.isFresh = false
  }

  /** Whether open(2) of a path (given by address) may wait for a disk or a server though its name is in the caches. Uses the cell. */
  mayWaitToOpen(at: number, path: number, flags: number, cell: Cell): boolean {
    // There is nothing to open; or io_uring leaves the open to a worker.
    if ((flags & (O_PATH | O_CREAT | O_TRUNC)) !== 0) return false
    const follow = (flags & O_NOFOLLOW) === 0
    // Some local file systems read a directory, or wait for a lock, when it is opened.
    if ((flags & O_DIRECTORY) !== 0) return !opensWithoutAsking(at, path, follow, true, cell)
    if (!this.isFresh) {
      this.isFresh = true
      if (this.fd === -1 || pollEvents(this.fd, POLLPRI, 0) & (POLLPRI | POLLERR)) this.read()
    }
    return this.mayWait && !opensWithoutAsking(at, path, follow, false, cell)
  }

  close(): void {
    if (this.fd !== -1) closeSync(this.fd)
  }
}
