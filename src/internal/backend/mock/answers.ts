/** Answers that are more than a number, written in the kernel's structures: the catalogue's entries decode them there. */

import type { Submission } from "../../engine/submission.ts"
import {
  CACHESTAT,
  DIRENT,
  FIEMAP,
  FIEMAP_EXTENT,
  STATFS,
  STATX,
  STATX_BASIC_STATS,
  STATX_BTIME,
  STATX_DIOALIGN,
  STATX_MNT_ID,
  STATX_MNT_ID_UNIQUE
} from "../../native/layout.ts"
import type { Cell } from "../../native/memory.ts"
import { DIRECT_UNIT, PAGE } from "./content.ts"
import type { Description } from "./descriptors.ts"
import { fail } from "./failure.ts"
import type { FileSystem } from "./filesystem.ts"
import { Directory, type Inode, RegularFile } from "./inode.ts"
import { NAME_MAX, toBytes } from "./paths.ts"
import type { RangeLock } from "./rangeLocks.ts"

const SECOND = 1_000_000_000n
/** A device number that no machine has. */
const DEVICE = { major: 0, minor: 0xa10 }

const writeTime = ({ i64, u32 }: Cell, at: number, time: bigint): void => {
  const nanoseconds = ((time % SECOND) + SECOND) % SECOND
  i64[at / 8] = (time - nanoseconds) / SECOND
  u32[at / 4 + 2] = Number(nanoseconds)
}

/** `struct statx` */
export const writeStat = (cell: Cell, inode: Inode): void => {
  const { u32, u64 } = cell
  u32.fill(0, 0, STATX.size / 4)
  u32[STATX.mask / 4] = STATX_BASIC_STATS | STATX_BTIME
  u32[STATX.blksize / 4] = PAGE
  u32[STATX.nlink / 4] = inode.links
  u32[STATX.uid / 4] = inode.uid
  u32[STATX.gid / 4] = inode.gid
  u32[STATX.mode / 4] = inode.type | inode.mode
  u64[STATX.ino / 8] = BigInt(inode.ino)
  u64[STATX.fileSize / 8] = BigInt(inode.size)
  u64[STATX.blocks / 8] = BigInt(inode.blocks)
  writeTime(cell, STATX.atime, inode.atime)
  writeTime(cell, STATX.btime, inode.birth)
  writeTime(cell, STATX.ctime, inode.ctime)
  writeTime(cell, STATX.mtime, inode.mtime)
  u32[STATX.rdevMajor / 4] = inode.device.major
  u32[STATX.rdevMinor / 4] = inode.device.minor
  u32[STATX.devMajor / 4] = DEVICE.major
  u32[STATX.devMinor / 4] = DEVICE.minor
}

/** The one mount, by either number. */
const MOUNT = 1n
const STATX_ATTR_NODUMP = 0x40n
const STATX_ATTR_MOUNT_ROOT = 0x2000n

/** The rest of a `struct statx`: what is asked for by `mask`, and is known here. */
export const writeStatx = (cell: Cell, inode: Inode, mask: number): void => {
  const { u32, u64 } = cell
  writeStat(cell, inode)
  const isRoot = inode instanceof Directory && inode.parent === null
  u64[STATX.attributesMask / 8] = STATX_ATTR_MOUNT_ROOT | STATX_ATTR_NODUMP
  // The flag of that name has the same number.
  u64[STATX.attributes / 8] = (BigInt(inode.flags) & STATX_ATTR_NODUMP) | (isRoot ? STATX_ATTR_MOUNT_ROOT : 0n)
  u64[STATX.mntId / 8] = MOUNT
  u32[STATX.mask / 4] |= (mask & STATX_MNT_ID_UNIQUE) !== 0 ? STATX_MNT_ID_UNIQUE : STATX_MNT_ID
  if (!(inode instanceof RegularFile)) return
  u32[STATX.dioMemAlign / 4] = DIRECT_UNIT
  u32[STATX.dioOffsetAlign / 4] = DIRECT_UNIT
  u32[STATX.mask / 4] |= STATX_DIOALIGN
}

/** What statfs(2) tells of tmpfs. */
const TMPFS_MAGIC = 0x01021994
const INODES = 1_000_000

/** `struct statfs` */
export const writeStatFs = ({ u32, u64 }: Cell, { space }: FileSystem): void => {
  u32.fill(0, 0, STATFS.size / 4)
  const write = (at: number, value: number): void => {
    u64[at / 8] = BigInt(value)
  }
  write(STATFS.type, TMPFS_MAGIC)
  write(STATFS.bsize, PAGE)
  write(STATFS.frsize, PAGE)
  write(STATFS.blocks, space.pages)
  write(STATFS.bfree, Math.max(0, space.pages - space.used))
  write(STATFS.bavail, Math.max(0, space.pages - space.used))
  write(STATFS.files, INODES)
  write(STATFS.ffree, INODES)
  write(STATFS.namelen, NAME_MAX)
}

const F_UNLCK = 2
const OFFSETS = 1n << 63n

/** `struct flock`, from its type on. The locks of open descriptions have -1 for a process. */
export const writeLock = ({ i64, u32, u64 }: Cell, lock: RangeLock | undefined): void => {
  if (lock === undefined) {
    u32[0] = F_UNLCK
    return
  }
  u32[0] = lock.isExclusive ? 1 : 0
  u64[1] = lock.start
  u64[2] = lock.end === OFFSETS ? 0n : lock.end - lock.start
  i64[3] = -1n
}

/** `struct cachestat`: all that was written is in memory, and nothing was ever evicted. */
export const writeCacheStat = ({ u64 }: Cell, { inode }: Description, from: number, length: number): void => {
  u64.fill(0n, CACHESTAT.range / 8, (CACHESTAT.range + CACHESTAT.size) / 8)
  if (!(inode instanceof RegularFile)) return
  const { cached, dirty } = inode.content.pagesIn(from, length === 0 ? Number.MAX_SAFE_INTEGER : from + length)
  u64[(CACHESTAT.range + CACHESTAT.cache) / 8] = BigInt(cached)
  u64[(CACHESTAT.range + CACHESTAT.dirty) / 8] = BigInt(dirty)
}

/** `FIEMAP_EXTENT_*`. */
const EXTENT_LAST = 0x1
const EXTENT_UNKNOWN = 0x2
const EXTENT_UNWRITTEN = 0x800

/** `struct fiemap`: pieces in their order. They are in memory, and no place on a disk is known of them. */
export const writeExtents = (output: Buffer, { inode }: Description): void => {
  if (inode instanceof Directory) fail("EOPNOTSUPP")
  if (!(inode instanceof RegularFile)) return fail("ENOTTY")
  const start = output.readBigUInt64LE(FIEMAP.start)
  const end = start + output.readBigUInt64LE(FIEMAP.length)
  const room = output.readUInt32LE(FIEMAP.count)
  const runs = inode.content.runs
  let mapped = 0
  for (const run of runs) {
    const [from, to] = [BigInt(run.first * PAGE), BigInt((run.first + run.count) * PAGE)]
    if (to <= start || from >= end) continue
    if (mapped === room) break
    const at = FIEMAP.size + mapped++ * FIEMAP_EXTENT.size
    output.writeBigUInt64LE(from, at + FIEMAP_EXTENT.logical)
    output.writeBigUInt64LE(to - from, at + FIEMAP_EXTENT.length)
    const last = run === runs.at(-1) ? EXTENT_LAST : 0
    output.writeUInt32LE(last | EXTENT_UNKNOWN | (run.isData ? 0 : EXTENT_UNWRITTEN), at + FIEMAP_EXTENT.flags)
  }
  output.writeUInt32LE(mapped, FIEMAP.mapped)
}

/** One `struct linux_dirent64`. Returns its length, or 0 where it does not fit. */
const writeName = (output: Buffer, at: number, name: string, inode: Inode, position: number): number => {
  const bytes = toBytes(name)
  const length = Math.ceil((DIRENT.name + bytes.length + 1) / 8) * 8
  if (at + length > output.length) return 0
  output.fill(0, at, at + length)
  output.writeBigUInt64LE(BigInt(inode.ino), at + DIRENT.ino)
  output.writeBigInt64LE(BigInt(position), at + DIRENT.ino + 8)
  output.writeUInt16LE(length, at + DIRENT.reclen)
  output[at + DIRENT.type] = inode.type >> 12
  bytes.copy(output, at + DIRENT.name)
  return length
}

/**
 * getdents64(2): the names from the description's position on, as many as fit, and whether these are the last. A name that exists all the
 * time is told once, though others are made and removed: positions are given in the order in which names were made, and not again.
 */
export const writeNames = (submission: Submission, description: Description): number => {
  const output = submission.names!
  const { inode } = description
  if (!(inode instanceof Directory)) return fail("ENOTDIR")
  if (inode.isRemoved) fail("ENOENT")
  let done = 0
  const tell = (name: string, of: Inode, position: number): boolean => {
    if (position < description.position) return true
    const length = writeName(output, done, name, of, position + 1)
    if (length === 0) return false
    done += length
    description.position = position + 1
    return true
  }
  let fits = tell(".", inode, 0) && tell("..", inode.parent ?? inode, 1)
  for (const [name, { inode: of, position }] of inode.names) {
    if (!fits) break
    fits = tell(name, of, position)
  }
  submission.atEnd = fits
  return done
}
