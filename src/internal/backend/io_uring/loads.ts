/**
 * Small files, each in one go: opened into the ring's own table of files, read, and closed, without a descriptor and without a system call
 * of their own. What all fibers ask for in a turn is two calls of io_uring_enter(2).
 *
 * The first call has a chain of three entries for each file: an open, a read of `LOAD_SIZE` bytes, and a read of one byte more. Both reads are
 * at the file's position. If the second gives nothing, the first has given all that there is: whatever was opened, and although nobody knows
 * its size. A short read alone would not tell that, since a failing disk ends it, too. A short read breaks a link (IOSQE_IO_LINK), so
 * the reads hang together by IOSQE_IO_HARDLINK, which only keeps the order.
 *
 * The second call closes the files. What has no proven end keeps its open file, which becomes a descriptor (FIXED_FD_INSTALL, Linux 6.8) for a
 * task that goes on with it. It is not opened twice: that would show in a FIFO, in a device, and in a name that stands for another file by
 * then. An empty answer proves nothing either. A FIFO gives it that nobody has opened for writing yet, and so may FUSE.
 *
 * Each entry has its own completion (no IOSQE_CQE_SKIP_SUCCESS): the end of a worker thread counts them, see machine.c. With the ring its table is
 * closed, and all files in it.
 */
import { constants } from "node:fs"
import type { Slot } from "../../engine/request.ts"
import { errno } from "../../native/errno.ts"
import { addressOf } from "../../native/libc.ts"
import { disownDescriptor, OF_OPEN, ownDescriptor } from "../../native/threadCleanup.ts"
import { IORING_OP, IOSQE_FIXED_FILE, IOSQE_IO_HARDLINK, IOSQE_IO_LINK } from "../../native/uring.ts"
import { LOAD_SIZE } from "../../operation/loads.ts"
import { ioPriority } from "../ioPriority.ts"
import type { FifoOpens } from "./fifo.ts"
import type { Ring } from "./ring.ts"

/** High halves of the user data, from here on: which entry of a load it is. */
export const OF_LOAD = 4
const OPEN = OF_LOAD
const READ = OF_LOAD + 1
const PROBE = OF_LOAD + 2
const CLOSE = OF_LOAD + 3

/** Loads under way at once. They copy 4 MiB at most in one call. Others are sequences of requests. */
const FILES = 256

const CHAIN = 3

/** `AT_FDCWD` and the path are in the submission; the offset -1 is the file's position. */
const AT_POSITION = -1

const O_RDONLY_NOFOLLOW = constants.O_RDONLY | constants.O_NOFOLLOW

/** Failures of open(2) that do not depend on how it is asked. */
const failures: ReadonlySet<number> = new Set([-errno.ENOENT, -errno.ENOTDIR, -errno.EACCES])

class Load {
  /** Completions to come. */
  left = CHAIN
  /** Results; `undefined` until they are there. */
  opened: number | undefined = undefined
  count: number | undefined = undefined
  more: number | undefined = undefined
  fd = -1
  isClosing = false
  /** The open of a FIFO that waits for the other side, see fifo.ts. */
  isReopened = false

  constructor(
    readonly submission: Slot,
    /** Its place in the table of files. */
    readonly file: number
  ) {}

  get isAtEnd(): boolean {
    return this.more === 0 && this.count! > 0
  }
}

interface Host {
  readonly isRefused: boolean
  /** Hands written entries to the kernel. */
  enter(): void
  /** A load has ended. Decodes it. */
  end(submission: Slot, result: number): void
  /** Submits the open of a FIFO for a kernel worker. */
  openAgain(submission: Slot): void
}

export class Loads {
  private isRegistered: boolean | undefined = undefined
  private readonly free: Array<number> = []
  /** By place in the table of files. The kernel writes into it while a load has the place, and so it is kept as long as the backend. */
  private readonly memory: Array<Buffer> = []
  private readonly loads = new Map<Slot, Load>()
  /** Both reads have ended. */
  private read: Array<Load> = []
  /** Nothing was submitted: there is no room. */
  private unfit: Array<Slot> = []

  constructor(
    private readonly ring: Ring,
    private readonly fifos: FifoOpens,
    private readonly host: Host
  ) {}

  /** Whether this kernel can. Makes the table when it is asked first. */
  get isPossible(): boolean {
    this.isRegistered ??= this.register()
    return this.isRegistered
  }

  private register(): boolean {
    const { entries, supported } = this.ring
    // With it came all that is used here, but the table, which a limit on descriptors may forbid.
    if (entries < CHAIN + 1 || !supported.has(IORING_OP.FIXED_FD_INSTALL)) return false
    if (![IORING_OP.OPENAT, IORING_OP.READ, IORING_OP.CLOSE].every((opcode) => supported.has(opcode))) return false
    if (!this.ring.registerFiles(FILES)) return false
    for (let file = FILES - 1; file >= 0; file--) this.free.push(file)
    return true
  }

  has(submission: Slot): boolean {
    return this.loads.has(submission)
  }

  /** Whether `goOn` has something to do. */
  get areWaiting(): boolean {
    return this.read.length > 0 || this.unfit.length > 0
  }

  /** Writes the first three entries of a load. Ends it later, without any bytes, if there is no room. */
  start(submission: Slot): void {
    const { free, host, ring } = this
    if (ring.room < CHAIN) host.enter()
    const file = host.isRefused || ring.room < CHAIN ? undefined : free.pop()
    if (file === undefined) return void this.unfit.push(submission)
    this.loads.set(submission, new Load(submission, file))
    this.memory[file] ??= Buffer.allocUnsafeSlow(LOAD_SIZE + 1)
    const address = addressOf(this.memory[file])
    const { a0, a1, request, slot } = submission
    const priority = ioPriority(request!.priority)
    // The kernel has no O_CLOEXEC for what gets no descriptor. O_NOFOLLOW: only the directory is known to be of a file system that may be asked.
    ring.prepare(IORING_OP.OPENAT, a0 as number, a1 as number, 0, 0, O_RDONLY_NOFOLLOW)
    ring.fileIndex(file)
    ring.commit(IOSQE_IO_LINK, 0, slot, OPEN)
    ring.prepare(IORING_OP.READ, file, address, LOAD_SIZE, AT_POSITION, 0)
    ring.commit(IOSQE_FIXED_FILE | IOSQE_IO_HARDLINK, priority, slot, READ)
    ring.prepare(IORING_OP.READ, file, address + LOAD_SIZE, 1, AT_POSITION, 0)
    ring.commit(IOSQE_FIXED_FILE, priority, slot, PROBE)
  }

  /** An entry has ended. */
  completed(submission: Slot, owner: number, result: number): void {
    const load = this.loads.get(submission)!
    if (load.isReopened) return this.fifoOpened(load, result)
    if (owner === OPEN) load.opened = result
    else if (owner === READ) load.count = result
    else if (owner === PROBE) load.more = result
    else if (owner === OF_OPEN) load.fd = ownDescriptor(Math.max(result, -1))
    // The ring is refused, and has not taken the entry.
    else if (result < 0) this.ring.closeFile(load.file)
    if (--load.left > 0) return
    if (load.isClosing) this.closed(load)
    else if (load.opened! >= 0) this.read.push(load)
    else this.end(load, failures.has(load.opened!) ? load.opened! : 0)
  }

  /** Closes the files that have been read. Whether there are entries for `enter`. */
  goOn(): boolean {
    const { host, ring } = this
    for (const submission of this.unfit.splice(0)) host.end(submission, 0)
    while (this.read.length > 0) {
      if (ring.room < 2) return true
      const load = this.read.pop()!
      if (host.isRefused) {
        ring.closeFile(load.file)
        this.closed(load)
      } else this.close(load)
    }
    return ring.unsubmitted > 0
  }

  private close(load: Load): void {
    const { ring } = this
    const { file, isAtEnd, submission } = load
    load.isClosing = true
    load.left = 1
    if (!isAtEnd && !submission.request!.cancelled) {
      load.left = 2
      ring.prepare(IORING_OP.FIXED_FD_INSTALL, file, 0, 0, 0, 0)
      ring.commit(IOSQE_FIXED_FILE | IOSQE_IO_HARDLINK, 0, submission.slot, OF_OPEN)
    }
    ring.prepare(IORING_OP.CLOSE, 0, 0, 0, 0, 0)
    ring.fileIndex(file)
    ring.commit(0, 0, submission.slot, CLOSE)
  }

  private closed(load: Load): void {
    const { count, fd, isAtEnd, more, submission } = load
    if (!isAtEnd && fd === -1) return this.end(load, 0)
    // A FIFO that has given bytes has been opened by a writer.
    if (fd !== -1 && count! <= 0) {
      // From here on it may be closed by `settle`.
      disownDescriptor(fd)
      const verdict = this.fifos.settle(submission, fd)
      if (verdict === undefined) {
        load.isReopened = true
        this.free.push(load.file)
        return this.host.openAgain(submission)
      }
      if (verdict < 0) return this.end(load, verdict)
      ownDescriptor(verdict)
    }
    const memory = this.memory[load.file]
    const first = Math.max(count!, 0)
    if (more! > 0) memory[first] = memory[LOAD_SIZE]
    submission.output = memory
    submission.atEnd = isAtEnd
    submission.opened = fd
    this.end(load, first + Math.max(more!, 0))
  }

  private fifoOpened(load: Load, result: number): void {
    const verdict = this.fifos.settle(load.submission, result)
    if (verdict === undefined) return this.host.openAgain(load.submission)
    if (verdict >= 0) load.submission.opened = ownDescriptor(verdict)
    this.end(load, Math.min(verdict, 0))
  }

  /** 0 without an open file: nothing has been found out. */
  private end(load: Load, result: number): void {
    const { submission } = load
    this.loads.delete(submission)
    const isLost = result === 0 && submission.opened === -1 && submission.request!.cancelled
    this.host.end(submission, isLost ? -errno.ECANCELED : result)
    // Its bytes have been copied.
    if (!load.isReopened) this.free.push(load.file)
  }

  /** The entry that a cancel has to name, or -1: all that could wait have ended. */
  entryToCancel(submission: Slot): number {
    const load = this.loads.get(submission)
    if (load === undefined) return -1
    if (load.isReopened) return OF_OPEN
    if (load.opened === undefined) return OPEN
    if (load.count === undefined) return READ
    return load.more === undefined ? PROBE : -1
  }

  /** The thread ends, and nothing goes on: whether an entry that has ended was the last one of its load. */
  abandoned(submission: Slot): boolean {
    const load = this.loads.get(submission)!
    return load.isReopened || --load.left === 0
  }

  /** Loads of which the kernel has no entry. */
  get idle(): number {
    return this.read.length + this.unfit.length
  }
}
