/**
 * System calls that answer from the caches or say that they cannot: the way to finish a request without a thread and without a
 * round trip. Nothing here waits for a disk, a peer or a user-space file system; whatever is not certain is `undefined`.
 *
 * The small structures below are permanent and reused by every call. That is sound because each call is over when it returns.
 */
import { readFileSync } from "node:fs"
import { errno } from "./errno.ts"
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_STATX_DONT_SYNC,
  O_CLOEXEC,
  O_PATH,
  OPEN_HOW,
  RESOLVE_CACHED,
  RWF_NOWAIT,
  STATX,
  STATX_BASIC_STATS,
  STATX_BTIME
} from "./layout.ts"
import { syscall, type Word } from "./libc.ts"
import { type Cell, permanent } from "./memory.ts"
import { unsupported } from "./platform.ts"
import { NR } from "./syscalls.ts"

const vector = new Uint32Array(4)
const vectorAddress = permanent(vector)
const HIGH = 4294967296

/**
 * preadv2(2) with RWF_NOWAIT: the bytes that are in the page cache, or `-errno`. -EAGAIN: something is not cached.
 * -EOPNOTSUPP: this file system cannot tell. Never for O_DIRECT descriptors, where it would wait for the device.
 */
export const readNoWait = (fd: number, address: number, length: number, offset: Word): number => {
  vector[0] = address
  vector[1] = address / HIGH
  vector[2] = length
  return syscall(NR.preadv2, fd, vectorAddress, 1, offset, 0, RWF_NOWAIT)
}

const openHow = (flags: number): BigUint64Array => BigUint64Array.of(BigInt(flags), 0n, BigInt(RESOLVE_CACHED))
const followAddress = permanent(openHow(O_PATH | O_CLOEXEC))
// O_NOFOLLOW differs between architectures.
const noFollowAddress = permanent(openHow(O_PATH | O_CLOEXEC | (process.arch === "arm64" ? 0o100000 : 0o400000)))
const emptyPathAddress = permanent(new Uint8Array(8))

const STATX_MNT_ID = 0x1000
const MASK = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID
const MNT_ID = 144

/** File systems on which statx(2) of a cached inode reads memory only. Network and user-space ones may wait for a peer. */
const local = new Set(
  "ext2 ext3 ext4 xfs btrfs bcachefs f2fs zfs tmpfs ramfs devtmpfs overlay squashfs erofs iso9660 vfat exfat".split(" ")
)

/** By mount and device: a mount number is used again after an unmount, hardly with the same device. */
const mounts = new Map<string, boolean>()

const isLocal = (mount: number, major: number, minor: number): boolean => {
  const key = `${mount}:${major}:${minor}`
  let answer = mounts.get(key)
  if (answer === undefined) {
    answer = false
    try {
      // proc(5): "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw". Memory of the kernel, no disk.
      for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
        if (!line.startsWith(`${mount} `)) continue
        answer = local.has(line.slice(line.indexOf(" - ") + 3).split(" ", 1)[0])
      }
    } catch {
      // No procfs: nothing is certain.
    }
    mounts.set(key, answer)
  }
  return answer
}

// The last mount asked about, without a Map and a string: trees are walked within one mount.
let lastMount = -1
let lastMajor = -1
let lastMinor = -1
let lastLocal = false

const isLocalCached = (mount: number, major: number, minor: number): boolean => {
  if (mount !== lastMount || major !== lastMajor || minor !== lastMinor) {
    lastLocal = isLocal(mount, major, minor)
    lastMount = mount
    lastMajor = major
    lastMinor = minor
  }
  return lastLocal
}

/** statx(2) of a descriptor into the cell, from memory only: whether the cell now holds the answer. */
export const statFdCached = (fd: number, cell: Cell): boolean => {
  if (
    syscall(NR.statx, fd, emptyPathAddress, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, MASK, cell.address) !== 0 ||
    (cell.u32[STATX.mask / 4] & STATX_MNT_ID) === 0
  ) {
    return false
  }
  return isLocalCached(cell.u32[MNT_ID / 4], cell.u32[STATX.devMajor / 4], cell.u32[STATX.devMinor / 4])
}

/** Off once the kernel has shown that it lacks openat2(2) or RESOLVE_CACHED (Linux 5.12), or that a sandbox forbids it. */
let openCached = unsupported === undefined

/** statx(2) of a path into the cell, from the dentry and inode caches only: whether the cell now holds the answer. */
export const statPathCached = (path: number, followLinks: boolean, cell: Cell): boolean => {
  if (!openCached) return false
  const fd = syscall(NR.openat2, AT_FDCWD, path, followLinks ? followAddress : noFollowAddress, OPEN_HOW.size)
  if (fd < 0) {
    if (fd === -errno.ENOSYS || fd === -errno.EINVAL || fd === -errno.EPERM) openCached = false
    return false
  }
  const answered = statFdCached(fd, cell)
  // An O_PATH descriptor has no file behind it: closing it waits for nothing.
  syscall(NR.close, fd)
  return answered
}
