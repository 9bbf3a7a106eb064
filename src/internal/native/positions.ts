/** Where transfers on a descriptor start, and what may be trusted to run them. Asked without waiting. */
import { errno } from "./errno.ts"
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFREG } from "./layout.ts"
import { syscall } from "./libc.ts"
import { ELSEWHERE, typeAndPlace } from "./nonblocking.ts"
import { isSeekable } from "./readiness.ts"
import { NR } from "./syscalls.ts"

/** It has no positions (pipes, sockets, terminals, eventfds): transfers go on where it is. Also what is no descriptor. */
export const STREAM = 0
/** Regular files of this machine's own file systems, and disks: transfers with an offset are right by every mechanism. */
export const DISK = 1
/**
 * Only the system call itself is right: FUSE and whatever is not known, files of /proc and its like, devices with positions.
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
 * Whether the descriptor takes offsets in one direction: not so pipes, sockets, terminals. Files of /proc may be read at an offset and
 * not written at one. Asked with no buffers: the kernel ends such a call before it asks the file.
 */
export const takesOffsets = (fd: number, writes: boolean): boolean =>
  syscall(writes ? NR.pwritev : NR.preadv, fd, 0, 0, 0, 0) !== -errno.ESPIPE
