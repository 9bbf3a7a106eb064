/** Decides which transfers are for kernel AIO: those that do not wait within io_submit(2). */
import { constants } from "node:fs"
import { F_GETFL } from "../../native/layout.ts"
import { syscall } from "../../native/libc.ts"
import { DISK } from "../../native/positions.ts"
import { NR } from "../../native/syscalls.ts"
import { ALWAYS, trustOf } from "../../native/trust.ts"
import { transferKind } from "../../operation/transfers.ts"

/**
 * Direct I/O at an offset, on a disk or on a regular file of a local file system: FUSE answers it wrongly. Buffered transfers are not
 * asynchronous here: io_submit(2) runs them to their end, and a cold one would stop the event loop. With RWF_NOWAIT they would not wait.
 * But what such a call can answer has been tried before, at less expense (preadv2(2), the engine's inline form), and a transfer that it
 * cannot answer would be submitted twice: cached reads that came too late for the turn's budget were no faster with it, at depths from 1 to
 * 1024.
 */
export const isSuitable = (input: any): boolean => {
  if (input.offset === undefined) return false
  const { fd, file } = input
  if (file !== undefined) {
    // Only files that are known not to look up the transfer's place on the disk within the call, see native/trust.ts.
    if (file.alignment !== undefined) return transferKind(input) === DISK && trustOf(fd, file) === ALWAYS
    // Opened by the library, and buffered. Whether a descriptor of the program is buffered is not known.
    if (file.noWait) return false
  }
  // Any other value for a descriptor is refused where it is encoded.
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fffffff) return false
  const flags = syscall(NR.fcntl, fd, F_GETFL)
  if (flags < 0 || (flags & constants.O_DIRECT) === 0) return false
  // A pipe may have the flag: there it stands for packets.
  return transferKind(input) === DISK && trustOf(fd, file) === ALWAYS
}
