/** The answers of statx(2) and statfs(2), decoded from a request's cell. */

import type { Submission } from "../engine/submission.ts"
import { STATFS, STATX, STATX_BTIME } from "../native/layout.ts"

/**
 * The kind of file that a name stands for.
 *
 * @since 0.1.0
 * @category models
 */
export type FileType =
  | "File"
  | "Directory"
  | "SymbolicLink"
  | "BlockDevice"
  | "CharacterDevice"
  | "FIFO"
  | "Socket"
  | "Unknown"

const typesByMode: ReadonlyArray<FileType> = [
  "Unknown",
  "FIFO",
  "CharacterDevice",
  "Unknown",
  "Directory",
  "Unknown",
  "BlockDevice",
  "Unknown",
  "File",
  "Unknown",
  "SymbolicLink",
  "Unknown",
  "Socket",
  "Unknown",
  "Unknown",
  "Unknown"
]

/** The type in the upper four bits of a mode; `d_type` of a directory entry is the same number. */
export const fileType = (bits: number): FileType => typesByMode[bits & 15]

/**
 * The answer of stat(2), as statx(2) gives it. Times are nanoseconds since 1970.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stat {
  readonly type: FileType
  /** Type and permission bits. */
  readonly mode: number
  /** Device of the file system: major and minor packed as makedev(3) does. `deviceNumbers` takes them apart. */
  readonly dev: bigint
  readonly ino: bigint
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  /** The device that a special file stands for. */
  readonly rdev: bigint
  /** Bytes. */
  readonly size: bigint
  /** Preferred size of a transfer, in bytes. */
  readonly blksize: number
  /** Allocated space in units of 512 bytes. */
  readonly blocks: bigint
  readonly atimeNs: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  /** When the file was created; `undefined` where the file system does not keep it. */
  readonly birthtimeNs: bigint | undefined
}

/** `makedev(3)` of glibc and musl. */
export const makedev = (major: number, minor: number): bigint =>
  major < 0x1000 && minor < 0x100
    ? BigInt(major * 256 + minor)
    : (BigInt(major & 0xfffff000) << 32n) |
      (BigInt(major & 0xfff) << 8n) |
      (BigInt(minor & 0xffffff00) << 12n) |
      BigInt(minor & 0xff)

/**
 * The two numbers of a device.
 *
 * @since 0.1.0
 * @category models
 */
export interface DeviceNumbers {
  readonly major: number
  readonly minor: number
}

/** `major(3)` and `minor(3)`: 32 bits each, of 64. */
export const deviceNumbers = (device: bigint): DeviceNumbers => {
  if (typeof device !== "bigint") return { major: Number.NaN, minor: Number.NaN }
  const bits = (from: bigint, mask: bigint): bigint => (device >> from) & mask
  return {
    major: Number(bits(8n, 0xfffn) | (bits(44n, 0xfffffn) << 12n)),
    minor: Number(bits(0n, 0xffn) | (bits(20n, 0xffffffn) << 8n))
  }
}

/** Where a `struct statx` has what programs ask of it. */
export const statOffsets = { mode: STATX.mode, ino: STATX.ino, size: STATX.fileSize } as const

export const decodeStat = ({ cell }: Submission): Stat => {
  const { i64, u32, u64 } = cell
  const time = (offset: number): bigint => i64[offset / 8] * 1_000_000_000n + BigInt(u32[offset / 4 + 2])
  const mode = u32[STATX.mode / 4] & 0xffff
  return {
    type: fileType(mode >> 12),
    mode,
    dev: makedev(u32[STATX.devMajor / 4], u32[STATX.devMinor / 4]),
    ino: u64[STATX.ino / 8],
    nlink: u32[STATX.nlink / 4],
    uid: u32[STATX.uid / 4],
    gid: u32[STATX.gid / 4],
    rdev: makedev(u32[STATX.rdevMajor / 4], u32[STATX.rdevMinor / 4]),
    size: u64[STATX.fileSize / 8],
    blksize: u32[STATX.blksize / 4],
    blocks: u64[STATX.blocks / 8],
    atimeNs: time(STATX.atime),
    mtimeNs: time(STATX.mtime),
    ctimeNs: time(STATX.ctime),
    birthtimeNs: (u32[STATX.mask / 4] & STATX_BTIME) === 0 ? undefined : time(STATX.btime)
  }
}

/** Bytes of a regular file, or 0 for any other kind, without the rest of a `Stat`. */
export const decodeFileSize = ({ cell }: Submission): number => {
  const { u32 } = cell
  if (typesByMode[(u32[STATX.mode / 4] >> 12) & 15] !== "File") return 0
  return u32[STATX.fileSize / 4] + u32[STATX.fileSize / 4 + 1] * 4294967296
}

/**
 * The answer of statvfs(3), as statfs(2) gives it.
 *
 * @since 0.1.0
 * @category models
 */
export interface StatVfs {
  /** Magic number of the file system, see statfs(2). */
  readonly type: number
  /** Preferred size of a transfer, in bytes. */
  readonly blockSize: number
  /** Unit of the block counts, in bytes. */
  readonly fragmentSize: number
  readonly blocks: bigint
  readonly blocksFree: bigint
  /** Free for users without privileges. */
  readonly blocksAvailable: bigint
  readonly files: bigint
  readonly filesFree: bigint
  /** Tells file systems apart, where they have such a number; 0 where they do not say. */
  readonly fsid: bigint
  /** Longest file name, in bytes. */
  readonly nameMax: number
  /** `ST_*` mount flags. */
  readonly flags: number
}

/** The kernel's own mark that the flags are filled in; statvfs(3) does not show it. */
const ST_VALID = 0x20

export const decodeStatVfs = ({ cell }: Submission): StatVfs => {
  const { u64 } = cell
  const number = (offset: number): number => Number(u64[offset / 8])
  return {
    type: number(STATFS.type),
    blockSize: number(STATFS.bsize),
    // statfs(2): old kernels leave f_frsize 0 where it equals f_bsize.
    fragmentSize: number(STATFS.frsize) || number(STATFS.bsize),
    blocks: u64[STATFS.blocks / 8],
    blocksFree: u64[STATFS.bfree / 8],
    blocksAvailable: u64[STATFS.bavail / 8],
    files: u64[STATFS.files / 8],
    filesFree: u64[STATFS.ffree / 8],
    fsid: u64[STATFS.fsid / 8],
    nameMax: number(STATFS.namelen),
    flags: number(STATFS.flags) & ~ST_VALID
  }
}
