/** Small files that are opened, read and closed in one go: by a backend, or on the spot. */
import { constants } from "node:fs"
import type { Path } from "../engine/arguments.ts"
import { define, PENDING } from "../engine/operation.ts"
import type { Submission } from "../engine/submission.ts"
import { AT_FDCWD, O_CLOEXEC, STATX } from "../native/layout.ts"
import { type Cell, permanent } from "../native/memory.ts"
import { openFileCached, readNoWaitAndOne } from "../native/nonblocking.ts"
import { NR } from "../native/syscalls.ts"
import { closeDescriptor } from "../native/threadCleanup.ts"
import { ALWAYS, forgetTrust, trustIn } from "../native/trust.ts"
import { IORING_OP } from "../native/uring.ts"

/** Bytes of a load: small files fit, and the largest loads of a turn copy no more than a few mebibytes. */
export const LOAD_SIZE = 16384

/** What is read on the spot. `decode` copies it before anything else is read. */
const room = Buffer.allocUnsafeSlow(LOAD_SIZE)
const roomAddress = permanent(room)

/** What a backend has loaded of a file. */
export interface Loaded {
  /** The bytes from the start of the file, in an array of their own. */
  readonly bytes: Uint8Array
  /** A read after them gave nothing: they are all that there are. Otherwise the file has to be read further, or anew. */
  readonly atEnd: boolean
  /** The open file, which is to be closed by the owner of the request. -1: it is closed, or was not opened. */
  readonly fd: number
}

const FLAGS = constants.O_RDONLY | O_CLOEXEC

/** Whether a file that statx(2) has told of is small, and its bytes are found without waiting if they are in memory. */
const isSmall = ({ u32 }: Cell): boolean => {
  const size = u32[STATX.fileSize / 4]
  return size > 0 && size <= LOAD_SIZE && u32[STATX.fileSize / 4 + 1] === 0
}

const canLoad = (type: string, cell: Cell): boolean => isSmall(cell) && trustIn(type, cell) === ALWAYS

/** On the spot: all of a file whose name and bytes are in memory. */
const loadCached = (submission: Submission): number => {
  const { a1, cell } = submission
  const fd = openFileCached(a1 as number, FLAGS, cell, canLoad)
  if (fd < 0) return PENDING
  const size = cell.u32[STATX.fileSize / 4]
  const isWhole = readNoWaitAndOne(fd, roomAddress, LOAD_SIZE, 0) === size
  closeDescriptor(fd)
  if (!isWhole) return PENDING
  submission.atEnd = true
  submission.output = room
  return size
}

/**
 * The bytes of a file of up to `LOAD_SIZE` bytes, in one request; its failure is that of open(2). A link is not followed, and what cannot be
 * finished this way is not `atEnd`. As a request only for backends that support it; on the spot with all.
 */
export const load = define((path: Path) => ({ path }), {
  name: "readFile",
  man: "open(2)",
  encode: (submission, { path }) => {
    submission.nr = NR.openat
    submission.a0 = AT_FDCWD
    submission.a2 = FLAGS
    submission.a1 = submission.path(path)
  },
  uring: {
    opcode: IORING_OP.OPENAT,
    loads: true,
    // Of a FIFO that nobody writes to yet: the open that waits.
    prepare: (entry, r) => entry.prepare(IORING_OP.OPENAT, r.a0 as number, r.a1 as number, 0, 0, r.a2 as number)
  },
  inline: loadCached,
  decode: ({ atEnd, opened, output }, count): Loaded => {
    if (opened !== -1) forgetTrust(opened)
    const bytes = new Uint8Array(count)
    if (count > 0) bytes.set(output!.subarray(0, count))
    return { bytes, atEnd, fd: opened }
  }
})
