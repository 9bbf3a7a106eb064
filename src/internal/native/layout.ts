/** Byte offsets of the kernel structures that are read or written here. Identical on x64 and arm64. */

/** `struct statx`, statx(2). */
export const STATX = {
  size: 256,
  mask: 0,
  blksize: 4,
  attributes: 8,
  nlink: 16,
  uid: 20,
  gid: 24,
  mode: 28,
  ino: 32,
  fileSize: 40,
  blocks: 48,
  attributesMask: 56,
  atime: 64,
  btime: 80,
  ctime: 96,
  mtime: 112,
  rdevMajor: 128,
  rdevMinor: 132,
  devMajor: 136,
  devMinor: 140,
  mntId: 144,
  dioMemAlign: 152,
  dioOffsetAlign: 156,
  subvol: 160,
  atomicUnitMin: 168,
  atomicUnitMax: 172,
  atomicSegmentsMax: 176,
  dioReadOffsetAlign: 180,
  atomicUnitMaxOptimal: 184
} as const

export const STATX_BASIC_STATS = 0x7ff
export const STATX_BTIME = 0x800
export const STATX_MNT_ID = 0x1000
export const STATX_DIOALIGN = 0x2000
/** A mount's number that is never used again (Linux 6.8). */
export const STATX_MNT_ID_UNIQUE = 0x4000
export const STATX_SUBVOL = 0x8000
export const STATX_WRITE_ATOMIC = 0x10000
export const STATX_DIO_READ_ALIGN = 0x20000

/** `struct cachestat_range`, and behind it a `struct cachestat`: cachestat(2). */
export const CACHESTAT = {
  range: 16,
  size: 40,
  cache: 0,
  dirty: 8,
  writeback: 16,
  evicted: 24,
  recentlyEvicted: 32
} as const

/** Requests of ioctl(2): linux/fs.h. The numbers hold the sizes of what they point to, which are the same on both architectures. */
export const FICLONERANGE = 0x4020940d
export const FS_IOC_GETFLAGS = 0x80086601
export const FS_IOC_SETFLAGS = 0x40086602
export const FS_IOC_FIEMAP = 0xc020660b
export const FIEMAP_FLAG_SYNC = 1

/** `struct fiemap`, FS_IOC_FIEMAP(2const), and each `struct fiemap_extent` behind it. */
export const FIEMAP = { size: 32, start: 0, length: 8, flags: 16, mapped: 20, count: 24 } as const
export const FIEMAP_EXTENT = { size: 56, logical: 0, physical: 8, length: 16, flags: 40 } as const

/** `struct statfs`, statfs(2). Eleven 64-bit words and four spare ones. */
export const STATFS = {
  size: 120,
  type: 0,
  bsize: 8,
  blocks: 16,
  bfree: 24,
  bavail: 32,
  files: 40,
  ffree: 48,
  fsid: 56,
  namelen: 64,
  frsize: 72,
  flags: 80
} as const

/** `struct linux_dirent64`, getdents64(2). */
export const DIRENT = { ino: 0, reclen: 16, type: 18, name: 19 } as const

/** `struct open_how`, openat2(2): flags, mode, resolve, 64 bits each. */
export const OPEN_HOW = { size: 24 } as const
export const RESOLVE_CACHED = 0x20
/** Not through mounts, nor links of procfs, nor out of the directory. */
export const RESOLVE_WITHIN = 0x01 | 0x02 | 0x08

export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const AT_SYMLINK_FOLLOW = 0x400
export const AT_EACCESS = 0x200
export const AT_REMOVEDIR = 0x200
export const AT_EMPTY_PATH = 0x1000
export const AT_STATX_FORCE_SYNC = 0x2000
export const AT_STATX_DONT_SYNC = 0x4000

export const F_GETFL = 3
export const F_SETFL = 4
export const F_DUPFD_CLOEXEC = 1030
/** `RWF_*` of preadv2(2). A kernel that does not know one of them says EOPNOTSUPP. */
export const RWF = {
  HIPRI: 0x1,
  DSYNC: 0x2,
  SYNC: 0x4,
  NOWAIT: 0x8,
  APPEND: 0x10,
  ATOMIC: 0x40,
  DONTCACHE: 0x80
} as const
export const F_ADD_SEALS = 1033
export const F_GET_SEALS = 1034
export const F_SETPIPE_SZ = 1031
export const F_GETPIPE_SZ = 1032

export const S_IFMT = 0o170000
export const S_IFIFO = 0o010000
export const S_IFCHR = 0o020000
export const S_IFDIR = 0o040000
export const S_IFBLK = 0o060000
export const S_IFREG = 0o100000
export const S_IFSOCK = 0o140000

/** Open flags that Node's constants lack. Values of the generic table; neither architecture here overrides them. */
export const O_ACCMODE = 3
export const O_CLOEXEC = 0o2000000
export const O_PATH = 0o10000000
/** With O_DIRECTORY, which differs between architectures. */
export const O_TMPFILE = 0o20000000 | (process.arch === "arm64" ? 0o40000 : 0o200000)

/** The most bytes one read or write moves: `MAX_RW_COUNT`. A longer request gives a short result, as read(2) says. */
export const MAX_RW_COUNT = 0x7ffff000
