/** statx(2) with everything that it tells. `stat` asks for what most programs want, and is tried in the caches first. */
import { checkFd, checkName, type Path } from "../engine/arguments.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { define, type UringForm } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import type { Submission } from "../engine/submission.ts"
import {
  AT_EMPTY_PATH,
  AT_STATX_DONT_SYNC,
  AT_STATX_FORCE_SYNC,
  STATX,
  STATX_BASIC_STATS,
  STATX_BTIME,
  STATX_DIO_READ_ALIGN,
  STATX_DIOALIGN,
  STATX_MNT_ID,
  STATX_MNT_ID_UNIQUE,
  STATX_SUBVOL,
  STATX_WRITE_ATOMIC
} from "../native/layout.ts"
import { NR } from "../native/syscalls.ts"
import { IORING_OP } from "../native/uring.ts"
import { startingAt, startOf } from "./at.ts"
import { atFlags, follows, type LinkOptions } from "./links.ts"
import { type DeviceNumbers, decodeStat, type Stat } from "./metadata.ts"
import { onPlace } from "./through.ts"

export const statxForm: UringForm = {
  opcode: IORING_OP.STATX,
  punted: true,
  prepare: (entry, r) =>
    entry.prepare(IORING_OP.STATX, r.a0 as number, r.a1 as number, r.a3 as number, r.a4, r.a2 as number)
}

/** `AT_STATX_*`. */
const syncs = { asStat: 0, force: AT_STATX_FORCE_SYNC, dont: AT_STATX_DONT_SYNC } as const

/** Mounts have two numbers. */
const mountIds = { reusable: STATX_MNT_ID, unique: STATX_MNT_ID_UNIQUE } as const

/**
 * How a remote file system is asked, and for which number of its mount.
 *
 * @since 0.1.0
 * @category models
 */
export interface FstatxOptions {
  /**
   * `"asStat"` (the default): as the file system does it for stat(2). `"force"`: the server is asked, and what is to be written goes to it first.
   * `"dont"`: from the caches, where there is anything in them, as old as it may be.
   */
  readonly sync?: keyof typeof syncs | undefined
  /** `"reusable"` (the default): the number in /proc/self/mountinfo. `"unique"`: the one that no other mount ever gets (Linux 6.8). */
  readonly mountId?: keyof typeof mountIds | undefined
}

/**
 * The same, and of which file.
 *
 * @since 0.1.0
 * @category models
 */
export interface StatxOptions extends FstatxOptions, LinkOptions {}

/** `STATX_ATTR_*`. */
const attributes = {
  compressed: 0x4,
  immutable: 0x10,
  append: 0x20,
  noDump: 0x40,
  encrypted: 0x800,
  automount: 0x1000,
  mountRoot: 0x2000,
  verity: 0x100000,
  dax: 0x200000,
  writeAtomic: 0x400000
} as const

/**
 * Attributes of a file, each `undefined` where its file system does not say.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileAttributes {
  readonly compressed: boolean | undefined
  /** Nobody may change it, nor remove it. */
  readonly immutable: boolean | undefined
  /** It may only be written to at its end. */
  readonly append: boolean | undefined
  /** dump(8) leaves it out. */
  readonly noDump: boolean | undefined
  readonly encrypted: boolean | undefined
  /** A directory on which something will be mounted when it is used. */
  readonly automount: boolean | undefined
  readonly mountRoot: boolean | undefined
  /** fs-verity protects its bytes. */
  readonly verity: boolean | undefined
  /** Read and written without the page cache, as memory. */
  readonly dax: boolean | undefined
  /** `atomicWrites` are possible. */
  readonly writeAtomic: boolean | undefined
}

/**
 * What statx(2) tells beyond stat(2). What the kernel or the file system does not say is `undefined`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Statx extends Stat {
  /** Of `dev`. */
  readonly device: DeviceNumbers
  /** Of `rdev`. */
  readonly specialDevice: DeviceNumbers
  readonly attributes: FileAttributes
  /** The number of its mount. (Linux 5.8) */
  readonly mountId: bigint | undefined
  /** The number that no other mount ever gets, if it was asked for. (Linux 6.8) */
  readonly uniqueMountId: bigint | undefined
  /** Of its subvolume. (Linux 6.10: bcachefs, btrfs) */
  readonly subvolume: bigint | undefined
  /** What O_DIRECT asks of addresses, and of offsets and lengths, in bytes; of reads, if they may do with less. 0: it cannot be had. (Linux 6.1) */
  readonly directAlignment:
    | { readonly memory: number; readonly offset: number; readonly readOffset: number | undefined }
    | undefined
  /**
   * Bytes of a write that the disk does entirely or not at all (RWF_ATOMIC): from `unitMin` to `unitMax`, up to `unitMaxOptimal` without an extra
   * cost, from `segmentsMax` buffers at most. 0: it cannot be had. (Linux 6.11)
   */
  readonly atomicWrites:
    | {
        readonly unitMin: number
        readonly unitMax: number
        readonly unitMaxOptimal: number
        readonly segmentsMax: number
      }
    | undefined
  /** `STATX_*`: the fields that are filled in. */
  readonly mask: number
  /** `STATX_ATTR_*`: those that are set, and those that the file system knows of. */
  readonly attributeBits: bigint
  readonly attributeMask: bigint
}

/** Bits that a kernel does not know are ignored by it, and not in its answer. */
const MASK = STATX_BASIC_STATS | STATX_BTIME | STATX_DIOALIGN | STATX_DIO_READ_ALIGN | STATX_SUBVOL | STATX_WRITE_ATOMIC

const encodeWanted = (submission: Submission, { mountId = "reusable" }: FstatxOptions): void => {
  submission.a3 = MASK | checkName(mountIds, mountId, "mountId")
  submission.a4 = submission.cell.address
}

const syncOf = ({ sync = "asStat" }: FstatxOptions): number => checkName(syncs, sync, "sync")

const decodeAttributes = (bits: bigint, mask: bigint): FileAttributes =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, bit]) => [
      name,
      (mask & BigInt(bit)) === 0n ? undefined : (bits & BigInt(bit)) !== 0n
    ])
  ) as Record<keyof typeof attributes, boolean | undefined>

const decode = (submission: Submission): Statx => {
  const { u32, u64 } = submission.cell
  const word = (offset: number): number => u32[offset / 4]
  const mask = word(STATX.mask)
  const says = (bit: number): boolean => (mask & bit) !== 0
  const [attributeBits, attributeMask] = [u64[STATX.attributes / 8], u64[STATX.attributesMask / 8]]
  return {
    ...decodeStat(submission),
    device: { major: word(STATX.devMajor), minor: word(STATX.devMinor) },
    specialDevice: { major: word(STATX.rdevMajor), minor: word(STATX.rdevMinor) },
    attributes: decodeAttributes(attributeBits, attributeMask),
    mountId: says(STATX_MNT_ID) ? u64[STATX.mntId / 8] : undefined,
    uniqueMountId: says(STATX_MNT_ID_UNIQUE) ? u64[STATX.mntId / 8] : undefined,
    subvolume: says(STATX_SUBVOL) ? u64[STATX.subvol / 8] : undefined,
    directAlignment: says(STATX_DIOALIGN)
      ? {
          memory: word(STATX.dioMemAlign),
          offset: word(STATX.dioOffsetAlign),
          // 0: no other than that of writes.
          readOffset: says(STATX_DIO_READ_ALIGN)
            ? word(STATX.dioReadOffsetAlign) || word(STATX.dioOffsetAlign)
            : undefined
        }
      : undefined,
    atomicWrites: says(STATX_WRITE_ATOMIC)
      ? {
          unitMin: word(STATX.atomicUnitMin),
          unitMax: word(STATX.atomicUnitMax),
          // 0: there is no difference, also on kernels that do not know it.
          unitMaxOptimal: word(STATX.atomicUnitMaxOptimal) || word(STATX.atomicUnitMax),
          segmentsMax: word(STATX.atomicSegmentsMax)
        }
      : undefined,
    mask,
    attributeBits,
    attributeMask
  }
}

const statxOptions = optionsReader<StatxOptions>({ at: true, follow: true, sync: true, mountId: true })

const statxInput = (path: Path, options?: StatxOptions) => ({ path, ...startingAt(statxOptions(options)) })
type StatxInput = ReturnType<typeof statxInput>

/** Of the descriptor in the first argument. */
const encodeOfDescriptor = (submission: Submission, input: FstatxOptions): void => {
  submission.nr = NR.statx
  submission.a2 = AT_EMPTY_PATH | syncOf(input)
  encodeWanted(submission, input)
  submission.a1 = submission.path("")
}

export const statx = define(
  statxInput,
  onPlace<StatxInput, Statx>(
    {
      name: "statx",
      man: "statx(2)",
      encode: (submission, input) => {
        submission.nr = NR.statx
        submission.a0 = startOf(input.at)
        submission.a2 = atFlags(input) | syncOf(input)
        encodeWanted(submission, input)
        submission.a1 = submission.path(input.path)
      },
      uring: statxForm,
      decode
    },
    { follows, encode: encodeOfDescriptor }
  )
)

const fstatxOptions = optionsReader<FstatxOptions>({ sync: true, mountId: true })

export const fstatx = define(
  (file: Target, options?: FstatxOptions) => ({ ...targetOf(file), ...fstatxOptions(options) }),
  {
    name: "fstatx",
    man: "statx(2)",
    encode: (submission, input) => {
      encodeOfDescriptor(submission, input)
      submission.a0 = checkFd(input.fd)
    },
    uring: statxForm,
    decode
  }
)
