/** Operations on the owner of a file, its permissions, and its times. */
import type { FileTime } from "../../operation/attributes.ts"
import { fail } from "./failure.ts"
import type { FileSystem } from "./filesystem.ts"
import { MAY_WRITE, S_ISGID, S_ISUID } from "./flags.ts"
import { Directory, type Inode, RegularFile, SymbolicLink } from "./inode.ts"

export const chmod = (fs: FileSystem, inode: Inode, mode: number): void => {
  if (inode instanceof SymbolicLink) fail("EOPNOTSUPP")
  if (!fs.owns(inode)) fail("EPERM")
  inode.mode = mode & 0o7777
  if (!fs.isRoot && !fs.inGroup(inode.gid)) inode.mode &= ~S_ISGID
  fs.changed(inode)
}

/** `(uid_t) -1`: the owner stays. */
const UNCHANGED = 0xffffffff

export const chown = (fs: FileSystem, inode: Inode, uid: number, gid: number): void => {
  const newUid = uid === UNCHANGED ? inode.uid : uid
  const newGid = gid === UNCHANGED ? inode.gid : gid
  if (!fs.isRoot) {
    if (uid !== UNCHANGED && (!fs.owns(inode) || newUid !== inode.uid)) fail("EPERM")
    if (gid !== UNCHANGED && !(fs.owns(inode) && (newGid === inode.gid || fs.inGroup(newGid)))) fail("EPERM")
  }
  inode.uid = newUid
  inode.gid = newGid
  // A program must not run as its new owner because the old owner had set the bit.
  if (!(inode instanceof Directory)) inode.mode &= ~(S_ISUID | ((inode.mode & 0o010) !== 0 ? S_ISGID : 0))
  fs.changed(inode)
}

const SECOND = 1_000_000_000n
const EARLIEST = -(2n ** 31n) * SECOND
const LATEST = (2n ** 34n - 2n ** 31n - 1n) * SECOND

/** The times that ext4 can keep: 1901 to 2446, and whole seconds at both ends. */
export const kept = (time: bigint): bigint => (time >= LATEST ? LATEST : time < EARLIEST + SECOND ? EARLIEST : time)

export const utimes = (fs: FileSystem, inode: Inode, atime: FileTime, mtime: FileTime): void => {
  const isNow = atime === "now" && mtime === "now"
  if (!fs.owns(inode)) {
    if (!isNow) fail("EPERM")
    if (!fs.permits(inode, MAY_WRITE)) fail("EACCES")
  }
  fs.changed(inode)
  if (atime !== undefined) inode.atime = atime === "now" ? inode.ctime : kept(atime)
  if (mtime !== undefined) inode.mtime = mtime === "now" ? inode.ctime : kept(mtime)
}

/**
 * `FS_*_FL` that change nothing here: sync, noDump, noAtime, dirSync, extents. Those that forbid changes are not kept: a file that has one and can be
 * changed all the same would be a lie.
 */
const KEPT_FLAGS = 0x8 | 0x40 | 0x80 | 0x10000 | 0x80000

export const flagsOf = (inode: Inode): number =>
  inode instanceof RegularFile || inode instanceof Directory ? inode.flags : fail("ENOTTY")

export const setFlags = (fs: FileSystem, inode: Inode, flags: number): void => {
  flagsOf(inode)
  if (!fs.owns(inode)) fail("EPERM")
  if ((flags & ~KEPT_FLAGS) !== 0) fail("EOPNOTSUPP")
  inode.flags = flags
  fs.changed(inode)
}
