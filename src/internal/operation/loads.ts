/** Small files that a backend opens, reads and closes by itself. */
import { constants } from "node:fs"
import type { Path } from "../engine/arguments.ts"
import { define } from "../engine/operation.ts"
import { AT_FDCWD, O_CLOEXEC } from "../native/layout.ts"
import { NR } from "../native/syscalls.ts"
import { forgetTrust } from "../native/trust.ts"
import { IORING_OP } from "../native/uring.ts"

/** Bytes of a load: small files fit, and the largest loads of a turn copy no more than a few mebibytes. */
export const LOAD_SIZE = 16384

/** What a backend has loaded of a file. */
export interface Loaded {
  /** The bytes from the start of the file, in an array of their own. */
  readonly bytes: Uint8Array
  /** A read after them gave nothing: they are all that there are. Otherwise the file has to be read further, or anew. */
  readonly atEnd: boolean
  /** The open file, which is to be closed by the owner of the request. -1: it is closed, or was not opened. */
  readonly fd: number
}

/**
 * The bytes of a file of up to `LOAD_SIZE` bytes, in one request; its failure is that of open(2). A link is not followed, and what cannot be
 * finished this way is not `atEnd`. Only for backends that support it.
 */
export const load = define((path: Path) => ({ path }), {
  name: "readFile",
  man: "open(2)",
  encode: (submission, { path }) => {
    submission.nr = NR.openat
    submission.a0 = AT_FDCWD
    submission.a2 = constants.O_RDONLY | O_CLOEXEC
    submission.a1 = submission.path(path)
  },
  uring: {
    opcode: IORING_OP.OPENAT,
    loads: true,
    // Of a FIFO that nobody writes to yet: the open that waits.
    prepare: (entry, r) => entry.prepare(IORING_OP.OPENAT, r.a0 as number, r.a1 as number, 0, 0, r.a2 as number)
  },
  decode: ({ atEnd, opened, output }, count): Loaded => {
    if (opened !== -1) forgetTrust(opened)
    const bytes = new Uint8Array(count)
    if (count > 0) bytes.set(output!.subarray(0, count))
    return { bytes, atEnd, fd: opened }
  }
})
