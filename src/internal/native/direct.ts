/** The alignment that O_DIRECT asks for. */
import { AT_EMPTY_PATH, AT_STATX_DONT_SYNC, STATX, STATX_DIOALIGN } from "./layout.ts"
import { syscall } from "./libc.ts"
import { permanent } from "./memory.ts"
import { NR } from "./syscalls.ts"

/** In bytes. */
export interface Alignment {
  /** Alignment of buffers' addresses. */
  readonly memory: number
  /** Alignment of offsets and lengths. */
  readonly offset: number
}

const status = new Uint32Array(STATX.size / 4)
const statusAddress = permanent(status)
const emptyPathAddress = permanent(new Uint8Array(8))

/** The smallest sector there is. Where a device wants more and does not tell, the kernel answers EINVAL. */
const leastAlignment: Alignment = { memory: 512, offset: 512 }

/** statx(2) with STATX_DIOALIGN (Linux 6.1). Answered from the inode in memory. */
export const directAlignment = (fd: number): Alignment => {
  const flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC
  const result = syscall(NR.statx, fd, emptyPathAddress, flags, STATX_DIOALIGN, statusAddress)
  const known = result === 0 && (status[STATX.mask / 4] & STATX_DIOALIGN) !== 0
  const memory = status[STATX.dioMemAlign / 4]
  const offset = status[STATX.dioOffsetAlign / 4]
  return known && memory > 0 && offset > 0 ? { memory, offset } : leastAlignment
}
