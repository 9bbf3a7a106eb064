/**
 * System calls that answer from the caches or say that they cannot: requests are finished without a thread and without a round trip. No
 * call here waits for a disk, a peer or a user-space file system. An answer that is not certain is `undefined`.
 *
 * The small structures below are permanent and reused by every call. That is sound because each call is over when it returns.
 */
import { constants, readFileSync } from "node:fs"
import { release } from "node:os"
import { errno } from "./errno.ts"
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_STATX_DONT_SYNC,
  F_SETFL,
  O_CLOEXEC,
  O_PATH,
  OPEN_HOW,
  RESOLVE_CACHED,
  RWF,
  S_IFMT,
  S_IFREG,
  STATX,
  STATX_BASIC_STATS,
  STATX_BTIME,
  STATX_MNT_ID,
  STATX_MNT_ID_UNIQUE
} from "./layout.ts"
import { syscall, type Word } from "./libc.ts"
import { now } from "./loop.ts"
import { Cell, permanent, writePath } from "./memory.ts"
import { isLocal, isOfKernel, parseMounts, typeIn, UNTOLD } from "./mountTable.ts"
import { unsupported } from "./platform.ts"
import { NR } from "./syscalls.ts"

/** Two `struct iovec`. The second is one byte beyond those asked for. */
const vector = new Uint32Array(8)
const vectorAddress = permanent(vector)
const spillAddress = permanent(new Uint8Array(8))
const HIGH = 4294967296

/**
 * Linux 5.9 and 5.10 answer 0 for bytes that are not cached, as at the end of the file.
 */
export const zeroIsEnd = !/^5\.(9|10)\./.test(release())

/**
 * preadv2(2) with RWF_NOWAIT: the bytes that are in the page cache, or `-errno`. -EAGAIN: something is not cached.
 * -EOPNOTSUPP: this file system cannot tell. Never for O_DIRECT descriptors, where it would wait for the device.
 */
export const readNoWait = (fd: number, address: number, length: number, offset: Word): number => {
  vector[0] = address
  vector[1] = address / HIGH
  vector[2] = length
  return syscall(NR.preadv2, fd, vectorAddress, 1, offset, 0, RWF.NOWAIT)
}

/** The same with one byte more, which is thrown away: `length + 1` tells that there are more bytes. */
export const readNoWaitAndOne = (fd: number, address: number, length: number, offset: Word): number => {
  vector[0] = address
  vector[1] = address / HIGH
  vector[2] = length
  vector[4] = spillAddress
  vector[5] = spillAddress / HIGH
  vector[6] = 1
  return syscall(NR.preadv2, fd, vectorAddress, 2, offset, 0, RWF.NOWAIT)
}

const openHow = (flags: number): BigUint64Array => BigUint64Array.of(BigInt(flags), 0n, BigInt(RESOLVE_CACHED))
const followAddress = permanent(openHow(O_PATH | O_CLOEXEC))
// O_NOFOLLOW differs between architectures.
const noFollowAddress = permanent(openHow(O_PATH | O_CLOEXEC | (process.arch === "arm64" ? 0o100000 : 0o400000)))
const emptyPathAddress = permanent(new Uint8Array(8))

/** Of a mount, the number that is never used again; older kernels answer with the other one. */
const MASK = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID | STATX_MNT_ID_UNIQUE
const MNT_ID = STATX.mntId

/**
 * Local file systems that ask their layers, which may be of any type, for permissions and opens (an open for writing copies a whole file
 * from one layer to the other); or that may read lists of their own.
 */
const asksLayers = new Set(["overlay", UNTOLD, "zfs"])

/** Whether open(2) of a name that is in the caches may wait for a disk or a server. */
export const mayWaitToOpen = (type: string): boolean => asksLayers.has(type) || !(isLocal(type) || isOfKernel(type))

/** File systems that may read from the disk, or wait for a lock whose holder reads from it, when a directory is opened or closed. */
const waitsForDirectories = new Set([...asksLayers, "btrfs", "xfs", "bcachefs"])

/** For a question that is asked while another cell holds an answer. Only used during a call. */
const aside = new Cell()

/** The mount that a path, a character a byte, leads to, if every part of the path is in the caches. Not the unique number. */
const mountOf = (path: string): number | undefined => {
  if (path.length >= aside.path.length) return undefined
  for (let i = 0; i <= path.length; i++) aside.path[i] = i < path.length ? path.charCodeAt(i) : 0
  const fd = openPathCached(AT_FDCWD, aside.pathAddress, true)
  if (fd < 0) return undefined
  const answered = statx(fd, STATX_MNT_ID, aside) && (aside.u32[STATX.mask / 4] & STATX_MNT_ID) !== 0
  closePath(fd)
  return answered ? aside.u32[MNT_ID / 4] : undefined
}

/** The type of a mount's file system if `typeIn` knows it, otherwise "". */
const typeOfMount = (mount: number): string => {
  let type = ""
  try {
    // The kernel's memory, without a disk.
    type = typeIn(parseMounts(readFileSync("/proc/self/mountinfo", "latin1")), mount, mountOf)
  } catch {
    // No procfs: nothing is certain.
  }
  return type === "" && mount === memoryMount() ? "tmpfs" : type
}

const nameAddress = permanent(Buffer.from("effect-aio\0"))
const MFD_CLOEXEC = 1
let memory: number | undefined

/** The kernel's own mount of files without a path (memfd_create(2)), which no list shows. -1 where it cannot be found. */
const memoryMount = (): number => {
  if (memory !== undefined) return memory
  const fd = syscall(NR.memfd_create, nameAddress, MFD_CLOEXEC)
  if (fd < 0) return -1
  memory = statx(fd, STATX_MNT_ID, aside) ? aside.u32[MNT_ID / 4] : -1
  syscall(NR.close, fd)
  return memory
}

/** Milliseconds for which an answer holds where mounts have no unique numbers: another file system may have got the number since. */
const RECHECK = 1000

interface Mount {
  readonly unique: boolean
  readonly idLow: number
  readonly idHigh: number
  readonly type: string
  readonly asked: number
}

/** The mounts that were asked about, the latest first: trees are walked within one mount, and a process uses few. */
const mounts: Array<Mount> = []
const MOST_MOUNTS = 16

const statx = (fd: number, mask: number, cell: Cell): boolean =>
  syscall(NR.statx, fd, emptyPathAddress, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, mask, cell.address) === 0

const typeOf = (fd: number, cell: Cell, unique: boolean): string => {
  const idLow = cell.u32[MNT_ID / 4]
  const idHigh = cell.u32[MNT_ID / 4 + 1]
  const isIt = (mount: Mount): boolean => mount.idLow === idLow && mount.idHigh === idHigh && mount.unique === unique
  const index = mounts.length > 0 && isIt(mounts[0]) ? 0 : mounts.findIndex(isIt)
  const known = index === -1 ? undefined : mounts[index]
  if (known !== undefined && (unique || now() - known.asked < RECHECK)) {
    if (index > 0) mounts.unshift(...mounts.splice(index, 1))
    return known.type
  }
  // mountinfo only knows the other number. The descriptor keeps its mount meanwhile, and so the number from being used again.
  const type = !unique || statx(fd, STATX_MNT_ID, cell) ? typeOfMount(cell.u32[MNT_ID / 4]) : ""
  if (index !== -1) mounts.splice(index, 1)
  mounts.unshift({ unique, idLow, idHigh, type, asked: now() })
  mounts.length = Math.min(mounts.length, MOST_MOUNTS)
  // The cell is to hold the answer, and was just used for another question.
  return type !== "" && unique && !statx(fd, MASK, cell) ? "" : type
}

/** statx(2) of a descriptor into the cell, from memory only: the type of its file system, or "" if the cell does not hold the answer. */
export const statWithType = (fd: number, cell: Cell): string => (statx(fd, MASK, cell) ? typeOfAnswer(fd, cell) : "")

/** The same, also for the kernel's own file systems. */
const anyTypeOfAnswer = (fd: number, cell: Cell): string => {
  const answered = cell.u32[STATX.mask / 4]
  const unique = (answered & STATX_MNT_ID_UNIQUE) !== 0
  return unique || (answered & STATX_MNT_ID) !== 0 ? typeOf(fd, cell, unique) : ""
}

/** The type of the file system if it is local, otherwise "", when the cell holds the answer about the descriptor. */
export const typeOfAnswer = (fd: number, cell: Cell): string => {
  const type = anyTypeOfAnswer(fd, cell)
  return isOfKernel(type) ? "" : type
}

/** Only used during a call. */
const passing = new Cell()

/** Added to the type of a regular file that is not on a local file system. */
export const ELSEWHERE = 1

/**
 * The type of a descriptor's file (`S_IFMT`), from memory only: 0 for an eventfd and the like, `S_IFREG + ELSEWHERE` for a regular file
 * whose file system is not known to answer without a server, -1 for a number that is not a descriptor.
 */
export const typeAndPlace = (fd: number): number => {
  if (!statx(fd, MASK, passing)) return -1
  const type = passing.u32[STATX.mode / 4] & S_IFMT
  if (type !== S_IFREG) return type
  const fileSystem = typeOfAnswer(fd, passing)
  return fileSystem === "" || fileSystem === UNTOLD ? type + ELSEWHERE : type
}

/**
 * Whether poll(2) of a descriptor is answered by the kernel. FUSE asks its server about a file, and waits for the answer. (All other kinds
 * of files are answered by the kernel, except character devices of servers in user space, which cannot be told from others.)
 */
export const pollsWithoutAsking = (fd: number): boolean =>
  !statx(fd, MASK, passing) || (passing.u32[STATX.mode / 4] & S_IFMT) !== S_IFREG || anyTypeOfAnswer(fd, passing) !== ""

/** statx(2) of a descriptor into the cell, from memory only: whether the cell now holds the answer. */
export const statFdCached = (fd: number, cell: Cell): boolean => statWithType(fd, cell) !== ""

/** Where the words of a `struct statx` stand that say which file it is. */
const identity = [STATX.ino / 4, STATX.ino / 4 + 1, STATX.devMajor / 4, STATX.devMinor / 4]

/** Off once the kernel has shown that it lacks openat2(2) or RESOLVE_CACHED (Linux 5.12), or that a sandbox forbids it. */
let openCached = unsupported === undefined

/** A descriptor with O_PATH of a path whose parts are all in the dentry cache, or -1. To be closed with `closePath`. */
const openPathCached = (at: number, path: number, followLinks: boolean): number => {
  if (!openCached) return -1
  const fd = syscall(NR.openat2, at, path, followLinks ? followAddress : noFollowAddress, OPEN_HOW.size)
  if (fd === -errno.ENOSYS || fd === -errno.EINVAL || fd === -errno.EPERM) openCached = false
  return Math.max(fd, -1)
}

/** An O_PATH descriptor has no open file behind it: closing it waits for nothing. */
const closePath = (fd: number): void => void syscall(NR.close, fd)

/** The type of the local file system that a directory is on, or "" where that is not in the caches. Uses the cell. */
export const typeOfDirectory = (path: string, cell: Cell): string => {
  if (!writePath(cell, path)) return ""
  const fd = openPathCached(AT_FDCWD, cell.pathAddress, true)
  if (fd < 0) return ""
  const type = statWithType(fd, cell)
  closePath(fd)
  return type
}

/** statx(2) of a path into the cell, from the dentry and inode caches only: whether the cell now holds the answer. */
export const statPathCached = (path: number, followLinks: boolean, cell: Cell): boolean => {
  const fd = openPathCached(AT_FDCWD, path, followLinks)
  if (fd < 0) return false
  const answered = statFdCached(fd, cell)
  closePath(fd)
  return answered
}

const GROUP_BITS = 0o070

/** The user that files are opened as. Asked once in a while: from an outdated answer follows no more than a wait. */
let user = { id: -1, asked: Number.NEGATIVE_INFINITY }

const userId = (): number => {
  const time = now()
  if (time - user.asked > RECHECK) user = { id: process.geteuid!(), asked: time }
  return user.id
}

/**
 * Whether permissions can be told from the inode alone. Where another user's file grants its group anything, an access control list may
 * grant more (acl(5)), and may have to be read.
 */
const needsNoList = (cell: Cell): boolean =>
  (cell.u32[STATX.mode / 4] & GROUP_BITS) === 0 || cell.u32[STATX.uid / 4] === userId()

/** The user whose capabilities were looked at, and whether these say nothing about files. */
let lookedAt: number | undefined
let plain = false

/**
 * access(2) follows the path with the rights of the real user, openat2(2) with the rights in force. They are the same where the real and
 * the effective user are, and either is root or has no capability to enter directories.
 */
const walksAsAccess = (): boolean => {
  const uid = process.getuid!()
  if (uid !== process.geteuid!() || process.getgid!() !== process.getegid!()) return false
  if (uid !== lookedAt) {
    lookedAt = uid
    try {
      // capabilities(7): CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH are bits 1 and 2.
      plain = uid === 0 || /^CapEff:.*[0189]$/m.test(readFileSync("/proc/thread-self/status", "latin1"))
    } catch {
      plain = false
    }
  }
  return plain
}

/** faccessat2(2) from the caches only: 0, `-errno`, or `undefined`. `mode`: 0 asks whether the file exists. */
export const accessPathCached = (path: number, mode: number, cell: Cell): number | undefined => {
  if (!openCached || !walksAsAccess()) return undefined
  const fd = openPathCached(AT_FDCWD, path, true)
  if (fd < 0) return undefined
  let result: number | undefined
  const type = statWithType(fd, cell)
  if (type !== "") {
    if (mode === 0) result = 0
    else if (!asksLayers.has(type) && needsNoList(cell))
      result = syscall(NR.faccessat2, fd, emptyPathAddress, mode, AT_EMPTY_PATH)
  }
  closePath(fd)
  // The kernel lacks it (before Linux 5.8), or a sandbox forbids it.
  return result === -errno.ENOSYS || result === -errno.EPERM ? undefined : result
}

/** Whether a path is in the dentry cache, and its file or directory on a file system whose open(2) asks no server. */
export const opensWithoutAsking = (
  at: number,
  path: number,
  followLinks: boolean,
  isDirectory: boolean,
  cell: Cell
): boolean => {
  const place = openPathCached(at, path, followLinks)
  if (place < 0) return false
  const type = statWithType(place, cell)
  closePath(place)
  return type !== "" && !(isDirectory ? waitsForDirectories : asksLayers).has(type)
}

const { O_DIRECT, O_NOATIME, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants

/** With any other flag an open changes the file, or waits for more than its name. */
const plainFlags = O_RDONLY | O_CLOEXEC | O_DIRECT | O_NOATIME | O_NOFOLLOW | O_NONBLOCK

/** `STATX_ATTR_ENCRYPTED` and `STATX_ATTR_VERITY`: to open such a file, its key or its checksums are looked up. */
const ATTRIBUTES_READ = 0x100800

/** Of the file that statx(2) has answered about: whether open(2) for reading, and close(2) behind it, wait for nothing. */
const opensAtOnce = (type: string, cell: Cell): boolean =>
  (cell.u32[STATX.mode / 4] & S_IFMT) === S_IFREG &&
  !(type === "" || asksLayers.has(type)) &&
  (cell.u32[STATX.attributes / 4] & ATTRIBUTES_READ) === 0 &&
  needsNoList(cell)

/** For `openFileCached`. Written before each call, which is over when it returns. */
const how = openHow(0)
const howAddress = permanent(how)

/**
 * A descriptor of a regular file that is in the dentry cache, on a local file system where opening it for reading waits for nothing. Or -1. The
 * cell then holds what statx(2) says of it. O_NONBLOCK is set, for those who hold a lease on the file (fcntl(2)) and would be waited for.
 *
 * The name is looked up twice, since a FIFO is not to be opened at all: whoever waits for its other end would be told of it. If the name is
 * given to another file in between, the descriptor is that file's. `suits` may refuse the file by its file system and by what the cell says.
 */
export const openFileCached = (
  path: number,
  flags: number,
  cell: Cell,
  suits?: (type: string, cell: Cell) => boolean
): number => {
  if ((flags & ~plainFlags) !== 0) return -1
  const place = openPathCached(AT_FDCWD, path, (flags & O_NOFOLLOW) === 0)
  if (place < 0) return -1
  const type = statWithType(place, cell)
  const isFit = opensAtOnce(type, cell) && (suits === undefined || suits(type, cell))
  closePath(place)
  if (!isFit) return -1
  how[0] = BigInt(flags | O_NONBLOCK)
  return Math.max(syscall(NR.openat2, AT_FDCWD, path, howAddress, OPEN_HOW.size), -1)
}

/**
 * Whether a descriptor of `openFileCached` may stay open, and is as open(2) with these flags would have given it: without O_NONBLOCK, which would
 * make io_uring refuse to wait, and certainly of the file that the cell tells of.
 */
export const canStayOpen = (fd: number, flags: number, cell: Cell): boolean =>
  statx(fd, STATX_BASIC_STATS, aside) &&
  identity.every((at) => aside.u32[at] === cell.u32[at]) &&
  ((flags & O_NONBLOCK) !== 0 || syscall(NR.fcntl, fd, F_SETFL, flags & ~O_CLOEXEC) === 0)

const dotAddress = permanent(Buffer.from(".\0"))
// Cached, too: no access control list has to be read.
const directoryAddress = permanent(openHow(constants.O_DIRECTORY | O_CLOEXEC))

/**
 * A descriptor of a directory that is in the dentry cache, on a local file system where opening and closing it wait for nothing. Or -1.
 */
export const openDirectoryCached = (at: number, path: number, followLinks: boolean, cell: Cell): number => {
  const place = openPathCached(at, path, followLinks)
  if (place < 0) return -1
  const type = statWithType(place, cell)
  const fd =
    type !== "" && !waitsForDirectories.has(type)
      ? syscall(NR.openat2, place, dotAddress, directoryAddress, OPEN_HOW.size)
      : -1
  closePath(place)
  return Math.max(fd, -1)
}
