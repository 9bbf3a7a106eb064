/** io_uring's numbers and structures: include/uapi/linux/io_uring.h. */

export const IORING_OP = {
  NOP: 0,
  READV: 1,
  WRITEV: 2,
  FSYNC: 3,
  POLL_ADD: 6,
  SYNC_FILE_RANGE: 8,
  ASYNC_CANCEL: 14,
  LINK_TIMEOUT: 15,
  FALLOCATE: 17,
  OPENAT: 18,
  CLOSE: 19,
  STATX: 21,
  READ: 22,
  WRITE: 23,
  SPLICE: 30,
  TEE: 33,
  RENAMEAT: 35,
  UNLINKAT: 36,
  MKDIRAT: 37,
  SYMLINKAT: 38,
  LINKAT: 39,
  FSETXATTR: 41,
  SETXATTR: 42,
  FGETXATTR: 43,
  GETXATTR: 44,
  FIXED_FD_INSTALL: 54,
  FTRUNCATE: 55
} as const

export const IORING_SETUP = {
  CQSIZE: 1 << 3,
  CLAMP: 1 << 4,
  SUBMIT_ALL: 1 << 7,
  COOP_TASKRUN: 1 << 8,
  TASKRUN_FLAG: 1 << 9,
  SINGLE_ISSUER: 1 << 12,
  DEFER_TASKRUN: 1 << 13
} as const

export const IORING_FEAT_SINGLE_MMAP = 1 << 0
export const IORING_FEAT_NODROP = 1 << 1
export const IORING_FEAT_RW_CUR_POS = 1 << 3

export const IORING_ENTER_GETEVENTS = 1
export const IORING_SQ_CQ_OVERFLOW = 2
export const IORING_SQ_TASKRUN = 4
export const IOSQE_FIXED_FILE = 1 << 0
export const IOSQE_IO_LINK = 1 << 2
export const IOSQE_IO_HARDLINK = 1 << 3
export const IOSQE_ASYNC = 1 << 4

export const IORING_OFF_SQ_RING = 0
export const IORING_OFF_SQES = 0x10000000

export const IORING_REGISTER_FILES_UPDATE = 6
export const IORING_REGISTER_PROBE = 8
export const IORING_REGISTER_FILES2 = 13
export const IORING_RSRC_REGISTER_SPARSE = 1
export const IORING_REGISTER_IOWQ_MAX_WORKERS = 19
export const IO_URING_OP_SUPPORTED = 1

/** `struct io_uring_params`, as indices of 32-bit words. */
export const PARAMS = {
  size: 120,
  sqEntries: 0,
  cqEntries: 1,
  flags: 2,
  features: 5,
  sqHead: 10,
  sqTail: 11,
  sqMask: 12,
  sqFlags: 14,
  sqArray: 16,
  cqHead: 20,
  cqTail: 21,
  cqMask: 22,
  cqCqes: 25
} as const

/** A submission entry is 64 bytes; indices of 32-bit words. */
export const SQE_WORDS = 16
/** A completion entry is 16 bytes: user data (64 bits), result, flags. */
export const CQE_WORDS = 4
