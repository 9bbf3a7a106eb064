/**
 * How far "without waiting" is kept by a file's file system.
 *
 * A read with RWF_NOWAIT, and io_uring's first try of any transfer, do not wait for the bytes. But they start to read ahead, and for that, or to
 * find a block of a direct transfer, the file system looks up where the file lies. ext4 and xfs read that from the disk once, and wait in the
 * call: 40 ms on a disk whose reads take 40 ms (test/stalls). ext4 does so again for each block of a long map, ext2 and ext3 for every few
 * mebibytes of a file. btrfs may have to each time, for its checksums as well. node:fs has threads for it.
 *
 * So the first transfer on a file is left to a worker, unless all its bytes are in the page cache, cachestat(2) says, so that nothing is looked
 * up. From then on xfs is trusted, and ext4 where the map is short; the others are asked each time.
 */
import { errno } from "./errno.ts"
import { S_IFMT, S_IFREG, STATX } from "./layout.ts"
import { syscall } from "./libc.ts"
import { Cell, permanent } from "./memory.ts"
import { statWithType, typeOfAnswer } from "./nonblocking.ts"
import { NR } from "./syscalls.ts"

/** Nobody has asked. */
export const UNASKED = 0
/** After its first transfer, it does not wait. */
export const AFTER_FIRST = 1
/** Only what is in the page cache, and what follows it, can be read without waiting. */
export const NEVER = 2
/** It does not wait. */
export const ALWAYS = 3

export type Trust = typeof UNASKED | typeof AFTER_FIRST | typeof NEVER | typeof ALWAYS

const memory = new Set(["tmpfs", "ramfs", "devtmpfs"])
/** Where a file lies is read once, and kept while the file is open. */
const remembers = new Set(["ext4", "xfs"])

/** Of no use when a call is over. */
const passing = new Cell()

/** So many places are in the inode itself, with what else there is of ext4 and xfs. */
const BLOCKS_IN_INODE = 4

/** In units of 512 bytes. */
const isTiny = (cell: Cell): boolean =>
  cell.u32[STATX.blocks / 4] * 512 <= BLOCKS_IN_INODE * 4096 && cell.u32[STATX.blocks / 4 + 1] === 0

/** Bytes of a place in ext4's map, and of the head of a block of them. */
const PLACE = 12

/**
 * Whether the places of an ext4 file may be more than one block of its map has room for: there are as many as there are holes, as far as that
 * can be told. Blocks that were split are half full. (A file without holes may be in as many pieces. Those are few, and nothing tells.)
 */
const mayBeShredded = (cell: Cell): boolean => {
  const allocated = (cell.u32[STATX.blocks / 4] + cell.u32[STATX.blocks / 4 + 1] * 2 ** 32) * 512
  const holes = cell.u32[STATX.fileSize / 4] + cell.u32[STATX.fileSize / 4 + 1] * 2 ** 32 - allocated
  const blockSize = cell.u32[STATX.blksize / 4]
  return Math.min(allocated, holes) / blockSize > (blockSize - PLACE) / PLACE / 2
}

/** From the answer of statx(2) that a cell holds. */
const trustIn = (type: string, cell: Cell): Trust => {
  // Pipes, sockets, devices: they have nothing to look up.
  if ((cell.u32[STATX.mode / 4] & S_IFMT) !== S_IFREG || memory.has(type)) return ALWAYS
  if (!remembers.has(type) || (type === "ext4" && mayBeShredded(cell))) return NEVER
  return isTiny(cell) ? ALWAYS : AFTER_FIRST
}

/** Of the file that statx(2) has answered about, with what `statFdCached` asks for. */
export const trustOfAnswer = (fd: number, cell: Cell): Trust => trustIn(typeOfAnswer(fd, cell), cell)

/** What is remembered about an open file. */
interface Trusted {
  trust: Trust
}

/**
 * The same for descriptors of others, by number. One that was closed and opened again without this library's knowledge is taken for the one
 * before: it may cost a wait, and nothing else.
 */
const numbers = new Uint8Array(4096)

const remember = (fd: number, file: Trusted | undefined, trust: Trust): void => {
  if (file !== undefined) file.trust = trust
  else if (fd < numbers.length) numbers[fd] = trust
}

/** A number stands for another file from now on. */
export const forgetTrust = (fd: number): void => {
  if (fd < numbers.length) numbers[fd] = UNASKED
}

/** Of an open file. */
export const trustOf = (fd: number, file: Trusted | undefined): Trust => {
  const known = file === undefined ? (numbers[fd] as Trust | undefined) : file.trust
  if (known !== undefined && known !== UNASKED) return known
  const type = statWithType(fd, passing)
  const trust = trustIn(type, passing)
  remember(fd, file, trust)
  return trust
}

/** A first transfer has moved bytes. Nothing is asked here: the descriptor may be one of a mock, or known to nobody who cares. */
export const hasMoved = (fd: number, file: Trusted | undefined): void => {
  if ((file === undefined ? numbers[fd] : file.trust) === AFTER_FIRST) remember(fd, file, ALWAYS)
}

/** `struct cachestat_range` and `struct cachestat`. Reused: each call is over when it returns. */
const range = new BigUint64Array(2)
const rangeAddress = permanent(range)
const counts = new BigUint64Array(5)
const countsAddress = permanent(counts)

/** Off once the kernel has shown that it lacks cachestat(2) (before Linux 6.5). */
let counting = true

/** Elsewhere a page may be larger: then nothing counts as cached, and workers do it. */
const PAGE = 4096

/**
 * Bytes behind a range that must be cached, too, where reading a page may start to read ahead: twice the largest window there is, that of
 * btrfs.
 */
const AHEAD = 8 << 20

/** Whether a range is in the page cache, with so much behind it that nothing is looked up for reading ahead. From memory only. */
export const isCached = (fd: number, offset: number | bigint, length: number, trust: Trust): boolean => {
  if (!counting || typeof offset !== "number") return false
  if (statWithType(fd, passing) === "") return false
  const size = passing.u32[STATX.fileSize / 4] + passing.u32[STATX.fileSize / 4 + 1] * 2 ** 32
  const end = Math.min(size, offset + length + (trust === NEVER ? AHEAD : 0))
  // At the end of the file there is nothing to look for.
  if (end <= offset) return true
  const first = Math.floor(offset / PAGE)
  const pages = Math.ceil(end / PAGE) - first
  range[0] = BigInt(first * PAGE)
  range[1] = BigInt(pages * PAGE)
  const result = syscall(NR.cachestat, fd, rangeAddress, countsAddress, 0)
  if (result === -errno.ENOSYS) counting = false
  return result === 0 && Number(counts[0]) >= pages
}
