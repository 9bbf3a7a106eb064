/** Linux kernel AIO's numbers and structures: include/uapi/linux/aio_abi.h, and the ring of fs/aio.c. */
import { koffi, type Word } from "./libc.ts"
import { NR } from "./syscalls.ts"

/** `IOCB_CMD_*`. */
export const IOCB_CMD = { PREAD: 0, PWRITE: 1, FSYNC: 2, FDSYNC: 3, POLL: 5, PREADV: 7, PWRITEV: 8 } as const

export const IOCB_FLAG_RESFD = 1 << 0
export const IOCB_FLAG_IOPRIO = 1 << 1

/** `struct iocb` is 64 bytes; indices of 32-bit words. 64-bit fields start at the word that is named. */
export const IOCB = {
  words: 16,
  /** Comes back with the completion. */
  data: 0,
  /** The kernel writes this one, within io_submit(2). */
  key: 2,
  rwFlags: 3,
  /** The low half is the opcode, the high half the priority. */
  opcode: 4,
  fd: 5,
  buffer: 6,
  bytes: 8,
  offset: 10,
  reserved: 12,
  flags: 14,
  /** The eventfd that is told of the completion. */
  eventFd: 15
} as const

/** `struct aio_ring`, which the context's address points to; indices of 32-bit words. The completions follow the header. */
export const AIO_RING = {
  size: 32,
  /** Completions it has room for: more than were asked for. */
  count: 1,
  /** The next completion to take: written by the one who takes it. An index from 0 to `count` - 1, as the tail is. */
  head: 2,
  tail: 3,
  magic: 4,
  incompatible: 6,
  headerBytes: 7
} as const

export const AIO_RING_MAGIC = 0xa10a10a1

/** `struct io_event`, a completion: our 64 bits, the block's address, the result; indices of 32-bit words. */
export const IO_EVENT = { words: 8, data: 0, result: 4 } as const

export const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000

/**
 * io_destroy(2) in a thread of Node: polls are cancelled, transfers waited for. Returns whether it has been done. The call ends with a
 * grace period of the kernel (RCU), 30 milliseconds even when nothing is in flight, which is too long for the event loop.
 */
export const destroyContext = (context: number): Promise<boolean> =>
  new Promise((resolve) => {
    const words: Array<Word> = [NR.io_destroy, context, 0, 0, 0, 0, 0]
    koffi
      .load(null)
      .func("syscall", "int64_t", Array(7).fill("int64_t"))
      .async(...words, (_: unknown, result: number) => resolve(result === 0))
  })
