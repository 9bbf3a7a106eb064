/**
 * How far a file's file system keeps "without waiting".
 *
 * A read with RWF_NOWAIT, and io_uring's first try of any transfer, do not wait for the bytes. But they start to read ahead, and for that, or to
 * find a block of a direct transfer, the file system looks up where the file lies. ext4 and xfs read that from the disk once, and wait in the
 * call: 40 ms on a disk whose reads take 40 ms (test/stalls). ext4 does so again for each block of a long map, ext2 and ext3 for every few
 * mebibytes of a file. btrfs may have to each time, for its checksums as well. node:fs has threads for it.
 *
 * So the first transfer on a file is left to a worker, unless cachestat(2) says that all its bytes are in the page cache, so that nothing
 * is looked up. From then on xfs is trusted, and ext4 where the map is short. The other file systems are asked each time.
 */
import { errno } from "./errno.ts"
import { S_IFMT, S_IFREG, STATX } from "./layout.ts"
import { syscall } from "./libc.ts"
import { Cell, permanent } from "./memory.ts"
import { statWithType, typeOfAnswer, typeOfDirectory } from "./nonblocking.ts"
import { NR } from "./syscalls.ts"

/** Not found out yet. */
export const UNASKED = 0
/** Does not wait after the first transfer. */
export const AFTER_FIRST = 1
/** Only bytes in the page cache, and the bytes behind them, can be read without waiting. */
export const NEVER = 2
/** Does not wait. */
export const ALWAYS = 3

export type Trust = typeof UNASKED | typeof AFTER_FIRST | typeof NEVER | typeof ALWAYS

const memory = new Set(["tmpfs", "ramfs", "devtmpfs"])
/** The map of a file is read once, and kept while the file is open. */
const remembers = new Set(["ext4", "xfs"])

/** Only used during a call. */
const passing = new Cell()

/** So many extents fit into the inode itself, on ext4 and on xfs. */
const BLOCKS_IN_INODE = 4

/** In units of 512 bytes. */
const isTiny = (cell: Cell): boolean =>
  cell.u32[STATX.blocks / 4] * 512 <= BLOCKS_IN_INODE * 4096 && cell.u32[STATX.blocks / 4 + 1] === 0

/** Bytes of an extent in ext4's map, and of the head of a block of them. */
const PLACE = 12

/**
 * Whether the extents of an ext4 file may be more than fit into one block of its map: there are as many as there are holes, as far as this
 * can be told. Blocks that were split are half full. (A file without holes may be in as many pieces. Such files are few, and cannot be
 * recognised.)
 */
const mayBeShredded = (cell: Cell): boolean => {
  const allocated = (cell.u32[STATX.blocks / 4] + cell.u32[STATX.blocks / 4 + 1] * 2 ** 32) * 512
  const holes = cell.u32[STATX.fileSize / 4] + cell.u32[STATX.fileSize / 4 + 1] * 2 ** 32 - allocated
  const blockSize = cell.u32[STATX.blksize / 4]
  return Math.min(allocated, holes) / blockSize > (blockSize - PLACE) / PLACE / 2
}

/** Decides from the answer of statx(2) that a cell holds. */
export const trustIn = (type: string, cell: Cell): Trust => {
  // Pipes, sockets and devices have no map to look up.
  if ((cell.u32[STATX.mode / 4] & S_IFMT) !== S_IFREG || memory.has(type)) return ALWAYS
  if (!remembers.has(type) || (type === "ext4" && mayBeShredded(cell))) return NEVER
  return isTiny(cell) ? ALWAYS : AFTER_FIRST
}

/** Of the file that statx(2) has answered about, with what `statFdCached` asks for. */
export const trustOfAnswer = (fd: number, cell: Cell): Trust => trustIn(typeOfAnswer(fd, cell), cell)

/** Whether small files of a directory are found and read without waiting, so far as they are in memory. "" is the current directory. */
export const findsSmallFilesIn = (directory: string): boolean => {
  const type = typeOfDirectory(directory === "" ? "." : directory, passing)
  return remembers.has(type) || type === "tmpfs"
}

/** What is remembered about an open file. */
interface Trusted {
  trust: Trust
}

/**
 * The same for descriptors of the program, by number. A number that was closed and opened again without this library's knowledge is taken
 * for the earlier file: this may cost a wait, and nothing else.
 */
const numbers = new Uint8Array(4096)

const remember = (fd: number, file: Trusted | undefined, trust: Trust): void => {
  if (file !== undefined) file.trust = trust
  else if (fd < numbers.length) numbers[fd] = trust
}

/** The number stands for another file from now on. */
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

/** The first transfer has moved bytes. No system call is made here: the descriptor may belong to a mock, or may not be used again. */
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

/** On other systems a page may be larger: then nothing counts as cached, and workers run the transfers. */
const PAGE = 4096

/**
 * Bytes behind a range that must be cached, too, where reading a page may start to read ahead: twice the largest window of any file system,
 * which is that of btrfs.
 */
const AHEAD = 8 << 20

/** Whether a range is in the page cache, with so much behind it that nothing is looked up for reading ahead. From memory only. */
export const isCached = (fd: number, offset: number | bigint, length: number, trust: Trust): boolean => {
  if (!counting || typeof offset !== "number") return false
  if (statWithType(fd, passing) === "") return false
  const size = passing.u32[STATX.fileSize / 4] + passing.u32[STATX.fileSize / 4 + 1] * 2 ** 32
  const end = Math.min(size, offset + length + (trust === NEVER ? AHEAD : 0))
  // At the end of the file there is nothing to look up.
  if (end <= offset) return true
  const first = Math.floor(offset / PAGE)
  const pages = Math.ceil(end / PAGE) - first
  range[0] = BigInt(first * PAGE)
  range[1] = BigInt(pages * PAGE)
  const result = syscall(NR.cachestat, fd, rangeAddress, countsAddress, 0)
  if (result === -errno.ENOSYS) counting = false
  return result === 0 && Number(counts[0]) >= pages
}
