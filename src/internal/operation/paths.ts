/** Operations on what a path leads to. */

import type { Offset, Path } from "../engine/arguments.ts"
import { checkFd, checkOffset, checkUint32 } from "../engine/arguments.ts"
import { targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define, PENDING, UNFIT } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { pathFromBytes } from "../engine/pathNames.ts"
import type { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, STATX_BTIME } from "../native/layout.ts"
import { addressOf } from "../native/libc.ts"
import { statFdCached, statPathCached } from "../native/nonblocking.ts"
import { NR } from "../native/syscalls.ts"
import { forgetTrust } from "../native/trust.ts"
import { IORING_OP } from "../native/uring.ts"
import { type AtOptions, type PathInput, pathInput, startingAt, startOf } from "./at.ts"
import { decodeStat, decodeStatVfs, type Stat, type StatVfs } from "./metadata.ts"
import { type OpenFlag, openFlags } from "./openFlags.ts"
import { statxForm } from "./statx.ts"
import { encodeWithin, onPlace, openedWithin } from "./through.ts"

/**
 * What a file is opened for, and the permissions of a file that is created.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenOptions extends AtOptions {
  /**
   * fopen(3)'s letters, or the bits of open(2), which `constants` of `node:fs` has: `O_RDWR | O_CREAT` keeps what is there, and makes the file
   * if it is missing, which no letters do without appending. Default `"r"`. O_CLOEXEC is always set.
   */
  readonly flag?: OpenFlag | number | undefined
  /** Permissions of a new file, less the umask. Default 0o666. */
  readonly mode?: number | undefined
}

const openOptions = optionsReader<OpenOptions>({ at: true, flag: true, mode: true })

const openInput = (path: Path, options?: OpenOptions) => ({ path, ...startingAt(openOptions(options)) })

export const open = define(
  openInput,
  openedWithin<ReturnType<typeof openInput>, number>(
    {
      name: "open",
      man: "open(2)",
      encode: (submission, { at, flag = "r", mode = 0o666, path }) => {
        submission.nr = NR.openat
        submission.a0 = startOf(at)
        submission.a2 = openFlags(flag)
        submission.a3 = checkUint32(mode, "mode")
        submission.a1 = submission.path(path)
      },
      uring: {
        opcode: IORING_OP.OPENAT,
        prepare: (entry, r) =>
          entry.prepare(IORING_OP.OPENAT, r.a0 as number, r.a1 as number, r.a3 as number, 0, r.a2 as number)
      },
      producesDescriptor: true,
      decode: (_, fd) => {
        forgetTrust(fd)
        return fd
      }
    },
    (submission, { flag = "r", mode = 0o666, path, ...start }) =>
      encodeWithin(submission, start, path, openFlags(flag), checkUint32(mode, "mode"))
  )
)

const STATX_MASK = STATX_BASIC_STATS | STATX_BTIME

const encodeStat = (flags: number) => (submission: Submission, input: PathInput) => {
  submission.nr = NR.statx
  submission.a0 = startOf(input.at)
  submission.a1 = submission.path(input.path)
  submission.a2 = flags
  submission.a3 = STATX_MASK
  submission.a4 = submission.cell.address
}

/** From the caches. They are only asked about paths that start at the root or at the current directory. */
const statInline =
  (followLinks: boolean) =>
  ({ a1, cell }: Submission, { at }: PathInput): number =>
    at !== undefined ? UNFIT : statPathCached(a1 as number, followLinks, cell) ? 0 : PENDING

/** Of the descriptor in the first argument. */
const encodeStatOfDescriptor = (submission: Submission): void => {
  submission.nr = NR.statx
  submission.a1 = submission.path("")
  submission.a2 = AT_EMPTY_PATH
  submission.a3 = STATX_MASK
  submission.a4 = submission.cell.address
}

export const stat = define(
  pathInput,
  onPlace<PathInput, Stat>(
    {
      name: "stat",
      man: "statx(2)",
      encode: encodeStat(0),
      uring: statxForm,
      inline: statInline(true),
      decode: decodeStat
    },
    { follows: () => true, encode: encodeStatOfDescriptor }
  )
)

export const lstat = define(
  pathInput,
  onPlace<PathInput, Stat>(
    {
      name: "lstat",
      man: "statx(2)",
      encode: encodeStat(AT_SYMLINK_NOFOLLOW),
      uring: statxForm,
      inline: statInline(false),
      decode: decodeStat
    },
    { follows: () => false, encode: encodeStatOfDescriptor }
  )
)

export const fstat = define(targetOf, {
  name: "fstat",
  man: "statx(2)",
  encode: (submission, { fd }) => {
    encodeStatOfDescriptor(submission)
    submission.a0 = checkFd(fd)
  },
  uring: statxForm,
  inline: (submission, { fd }) => (statFdCached(fd, submission.cell) ? 0 : PENDING),
  decode: decodeStat
})

const truncateInput = (path: Path, length: Offset = 0, options?: AtOptions) => ({
  length,
  ...pathInput(path, options)
})

const encodeTruncate = (submission: Submission, { length, path }: ReturnType<typeof truncateInput>): void => {
  submission.nr = NR.truncate
  submission.a1 = checkOffset(length, "length")
  submission.a0 = submission.path(path)
}

export const truncate = define(
  truncateInput,
  onPlace<ReturnType<typeof truncateInput>, void>(
    { name: "truncate", man: "truncate(2)", encode: encodeTruncate, decode: asVoid },
    { follows: () => true, encode: encodeTruncate, path: 0, always: true }
  )
)

/** The longest target of a symbolic link, with room to see that nothing was cut. */
const PATH_MAX = 4096

/** The target goes to memory of the submission's. */
const encodeReadlink = (submission: Submission): void => {
  submission.nr = NR.readlinkat
  const target = Buffer.allocUnsafeSlow(PATH_MAX)
  submission.output = target
  submission.a2 = addressOf(target)
  submission.a3 = PATH_MAX
}

export const readlink = define(
  pathInput,
  onPlace<PathInput, Path>(
    {
      name: "readlink",
      man: "readlink(2)",
      encode: (submission, { at, path }) => {
        encodeReadlink(submission)
        submission.a0 = startOf(at)
        submission.a1 = submission.path(path)
      },
      decode: ({ output }, result) => pathFromBytes(output!, 0, result)
    },
    {
      follows: () => false,
      encode: (submission) => {
        encodeReadlink(submission)
        submission.a1 = submission.path("")
      },
      // What readlinkat(2) says of a descriptor that is not a link's.
      errors: { [errno.ENOENT]: errno.EINVAL }
    }
  )
)

export const statvfs = define(
  pathInput,
  onPlace<PathInput, StatVfs>(
    {
      name: "statvfs",
      man: "statfs(2)",
      encode: (submission, { path }) => {
        submission.nr = NR.statfs
        submission.a0 = submission.path(path)
        submission.a1 = submission.cell.address
      },
      decode: decodeStatVfs
    },
    {
      follows: () => true,
      encode: (submission) => {
        submission.nr = NR.fstatfs
        submission.a1 = submission.cell.address
      },
      always: true
    }
  )
)

export const fstatvfs = define(targetOf, {
  name: "fstatvfs",
  man: "fstatfs(2)",
  encode: (submission, { fd }) => {
    submission.nr = NR.fstatfs
    submission.a0 = checkFd(fd)
    submission.a1 = submission.cell.address
  },
  decode: decodeStatVfs
})
