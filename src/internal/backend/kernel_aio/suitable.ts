/** Which transfers are for kernel AIO: those that do not wait within io_submit(2). */
import { constants } from "node:fs"
import { F_GETFL } from "../../native/layout.ts"
import { syscall } from "../../native/libc.ts"
import { DISK } from "../../native/positions.ts"
import { NR } from "../../native/syscalls.ts"
import { ALWAYS, trustOf } from "../../native/trust.ts"
import { transferKind } from "../../operation/descriptors.ts"

/**
 * Direct I/O at an offset, on a regular file of a local file system or a disk: FUSE answers it wrongly. Buffered transfers are not asynchronous here: io_submit(2) runs them to their
 * end, and a cold one would stop the event loop. With RWF_NOWAIT they would not wait, but what such a call can answer has been
 * tried before, at less expense (preadv2(2), the engine's inline form), and for what it cannot answer it would be one more detour:
 * cached reads that came too late for the turn's budget were no faster with it, at depths from 1 to 1024.
 */
export const isSuitable = (input: any): boolean => {
  if (input.offset === undefined) return false
  const { fd, file } = input
  if (file !== undefined) {
    // Only what is known not to look up its place on the disk within the call, see native/trust.ts.
    if (file.alignment !== undefined) return transferKind(input) === DISK && trustOf(fd, file) === ALWAYS
    // Opened here, and buffered. Of others' descriptors that is not known.
    if (file.noWait) return false
  }
  // Whatever else was passed as a descriptor is refused where it is encoded.
  if (!Number.isInteger(fd) || fd < 0 || fd > 0x7fffffff) return false
  const flags = syscall(NR.fcntl, fd, F_GETFL)
  if (flags < 0 || (flags & constants.O_DIRECT) === 0) return false
  // A pipe may have the flag, and means packets by it.
  return transferKind(input) === DISK && trustOf(fd, file) === ALWAYS
}
