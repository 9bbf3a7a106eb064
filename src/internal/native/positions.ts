/** Where transfers on a descriptor start, and which mechanisms run them correctly. Asked without waiting. */
import { errno } from "./errno.ts"
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFREG } from "./layout.ts"
import { syscall } from "./libc.ts"
import { ELSEWHERE, typeAndPlace } from "./nonblocking.ts"
import { isSeekable } from "./readiness.ts"
import { NR } from "./syscalls.ts"

/**
 * The file has no positions (pipes, sockets, terminals, eventfds): transfers go on where it is. Also for a number that is not a descriptor.
 */
export const STREAM = 0
/** Regular files of local file systems, and disks: every mechanism runs transfers with an offset correctly. */
export const DISK = 1
/**
 * Only the system call itself is correct: FUSE and unknown file systems, files of /proc and the like, devices with positions.
 */
export const SYSCALL = 2

export type TransferKind = typeof STREAM | typeof DISK | typeof SYSCALL

export const transferKindOf = (fd: number): TransferKind => {
  switch (typeAndPlace(fd)) {
    case S_IFREG:
    case S_IFBLK:
      return DISK
    case S_IFREG + ELSEWHERE:
    case S_IFDIR:
      return SYSCALL
    case S_IFCHR:
      return isSeekable(fd) ? SYSCALL : STREAM
    default:
      return STREAM
  }
}

/**
 * Whether the descriptor takes offsets in one direction: pipes, sockets and terminals do not. Files of /proc may be read at an offset and
 * not written at one. Asked with no buffers: the kernel ends such a call before it asks the file.
 */
export const takesOffsets = (fd: number, writes: boolean): boolean =>
  syscall(writes ? NR.pwritev : NR.preadv, fd, 0, 0, 0, 0) !== -errno.ESPIPE
