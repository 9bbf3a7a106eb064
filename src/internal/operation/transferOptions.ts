/** What may be asked of one transfer: where it starts, and the flags of preadv2(2) and pwritev2(2). */
import { BadArgument, type Offset, show } from "../engine/arguments.ts"
import { unreadable } from "../engine/options.ts"
import { RWF } from "../native/layout.ts"

/**
 * Where a transfer starts. Left out: at the descriptor's own position, which moves; the only choice for pipes, sockets, and files of
 * /proc that are written to. Several at the position at once keep their bytes together, as in read(2) and write(2); which of them comes
 * first is not said.
 *
 * @since 0.1.0
 * @category models
 */
export interface TransferOptions {
  /** Bytes from the start of the file. */
  readonly offset?: Offset | undefined
}

/**
 * How bytes are read, preadv2(2). What the kernel or the file system does not know is EOPNOTSUPP, and nothing is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadOptions extends TransferOptions {
  /** The device is asked again and again instead of waited for. Of direct I/O on devices with queues for it; elsewhere without effect. */
  readonly highPriority?: boolean | undefined
  /** The pages that are read do not stay in the page cache. Linux 6.14; ext4, xfs, btrfs, bcachefs. */
  readonly uncached?: boolean | undefined
  /**
   * Reads what is there now. EAGAIN (`AioError.catchCode("EAGAIN", ...)`) where the first byte would have to be waited for: for a disk, for the
   * peer of a pipe or a socket. Fewer bytes where a later one would.
   */
  readonly noWait?: boolean | undefined
}

/**
 * How all of some bytes are written, with as many writes as it takes. See `WriteOptions`.
 *
 * @since 0.1.0
 * @category models
 */
export interface WriteAllOptions extends TransferOptions {
  /** Ends when the bytes, and the metadata needed to read them, are on the device: as if `fdatasync` of this range followed. */
  readonly dataSync?: boolean | undefined
  /** Ends when the bytes and all metadata are on the device: as if `fsync` of this range followed. */
  readonly sync?: boolean | undefined
  /** Writes at the end of the file, in one step, whatever `offset` says. Without an `offset` the descriptor's position moves there, too. */
  readonly append?: boolean | undefined
  /** The device is asked again and again instead of waited for. Of direct I/O on devices with queues for it; elsewhere without effect. */
  readonly highPriority?: boolean | undefined
  /** The pages that are written leave the page cache when they are on the device. Linux 6.14; ext4, xfs, btrfs, bcachefs. */
  readonly uncached?: boolean | undefined
}

/**
 * How bytes are written, pwritev2(2). What the kernel or the file system does not know is EOPNOTSUPP, and nothing is written.
 *
 * @since 0.1.0
 * @category models
 */
export interface WriteOptions extends WriteAllOptions {
  /**
   * After a loss of power all of the bytes are there, or none. Linux 6.11, direct I/O, on devices that can. The length is a power of two within
   * what statx(2) tells of the file, the offset a multiple of it: EINVAL otherwise.
   */
  readonly atomic?: boolean | undefined
  /**
   * Writes what there is room for now. EAGAIN (`AioError.catchCode("EAGAIN", ...)`) where the first byte would have to wait: for a disk, or for
   * a peer that reads. Many file systems write like this to files opened for direct I/O only, and say EOPNOTSUPP elsewhere.
   */
  readonly noWait?: boolean | undefined
}

const bit = (name: string, value: unknown, flag: number): number => {
  if (value === undefined || value === false) return 0
  if (value === true) return flag
  throw new BadArgument(name, `must be true or false, not ${show(value)}`)
}

/** The `RWF_*` of a transfer's options, which are an object. Throws `BadArgument`. */
export type FlagsOf = (options: object) => number

// Transfers are made often: each property is named, so that asking for one that is not there costs next to nothing. `name` is the one that is
// being read, for a getter that throws.

export const readFlags: FlagsOf = (options: ReadOptions) => {
  let name = "highPriority"
  let highPriority: unknown
  let noWait: unknown
  let uncached: unknown
  try {
    highPriority = options.highPriority
    name = "uncached"
    uncached = options.uncached
    name = "noWait"
    noWait = options.noWait
  } catch (error) {
    throw unreadable(name, error)
  }
  return (
    bit("highPriority", highPriority, RWF.HIPRI) |
    bit("uncached", uncached, RWF.DONTCACHE) |
    bit("noWait", noWait, RWF.NOWAIT)
  )
}

export const writeAllFlags: FlagsOf = (options: WriteAllOptions) => {
  let name = "dataSync"
  let append: unknown
  let dataSync: unknown
  let highPriority: unknown
  let sync: unknown
  let uncached: unknown
  try {
    dataSync = options.dataSync
    name = "sync"
    sync = options.sync
    name = "append"
    append = options.append
    name = "highPriority"
    highPriority = options.highPriority
    name = "uncached"
    uncached = options.uncached
  } catch (error) {
    throw unreadable(name, error)
  }
  return (
    bit("dataSync", dataSync, RWF.DSYNC) |
    bit("sync", sync, RWF.SYNC) |
    bit("append", append, RWF.APPEND) |
    bit("highPriority", highPriority, RWF.HIPRI) |
    bit("uncached", uncached, RWF.DONTCACHE)
  )
}

export const writeFlags: FlagsOf = (options: WriteOptions) => {
  const flags = writeAllFlags(options)
  let name = "atomic"
  let atomic: unknown
  let noWait: unknown
  try {
    atomic = options.atomic
    name = "noWait"
    noWait = options.noWait
  } catch (error) {
    throw unreadable(name, error)
  }
  return flags | bit("atomic", atomic, RWF.ATOMIC) | bit("noWait", noWait, RWF.NOWAIT)
}
