/** Operations on names. */

import type { Offset, Path } from "../engine/arguments.ts"
import { bad, checkFd, checkName, checkOffset, checkUint32, show } from "../engine/arguments.ts"
import { targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define, PENDING, UNFIT, type UringForm } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { pathFromBytes } from "../engine/pathNames.ts"
import type { Submission } from "../engine/submission.ts"
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFREG,
  S_IFSOCK,
  STATX_BASIC_STATS,
  STATX_BTIME
} from "../native/layout.ts"
import { addressOf } from "../native/libc.ts"
import { statFdCached, statPathCached } from "../native/nonblocking.ts"
import { NR } from "../native/syscalls.ts"
import { forgetTrust } from "../native/trust.ts"
import { IORING_OP } from "../native/uring.ts"
import { type AtOptions, atOptions, startOf } from "./at.ts"
import { decodeStat, decodeStatVfs, makedev } from "./metadata.ts"
import { type OpenFlag, openFlags } from "./openFlags.ts"
import { statxForm } from "./statx.ts"

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

export const open = define((path: Path, options?: OpenOptions) => ({ path, ...openOptions(options) }), {
  name: "open",
  man: "open(2)",
  encode: (submission, input) => {
    const { flag = "r", mode = 0o666, path } = input
    submission.nr = NR.openat
    submission.a0 = startOf(input)
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
})

const STATX_MASK = STATX_BASIC_STATS | STATX_BTIME

export interface PathInput extends AtOptions {
  readonly path: Path
}

const pathInput = (path: Path, options?: AtOptions): PathInput => ({ path, ...atOptions(options) })

const encodeStat = (flags: number) => (submission: Submission, input: PathInput) => {
  submission.nr = NR.statx
  submission.a0 = startOf(input)
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

export const stat = define(pathInput, {
  name: "stat",
  man: "statx(2)",
  encode: encodeStat(0),
  uring: statxForm,
  inline: statInline(true),
  decode: decodeStat
})

export const lstat = define(pathInput, {
  name: "lstat",
  man: "statx(2)",
  encode: encodeStat(AT_SYMLINK_NOFOLLOW),
  uring: statxForm,
  inline: statInline(false),
  decode: decodeStat
})

export const fstat = define(targetOf, {
  name: "fstat",
  man: "statx(2)",
  encode: (submission, { fd }) => {
    submission.nr = NR.statx
    submission.a0 = checkFd(fd)
    submission.a1 = submission.path("")
    submission.a2 = AT_EMPTY_PATH
    submission.a3 = STATX_MASK
    submission.a4 = submission.cell.address
  },
  uring: statxForm,
  inline: (submission, { fd }) => (statFdCached(fd, submission.cell) ? 0 : PENDING),
  decode: decodeStat
})

export const truncate = define((path: Path, length: Offset = 0) => ({ path, length }), {
  name: "truncate",
  man: "truncate(2)",
  encode: (submission, { length, path }) => {
    submission.nr = NR.truncate
    submission.a1 = checkOffset(length, "length")
    submission.a0 = submission.path(path)
  },
  decode: asVoid
})

const encodeUnlink = (flags: number) => (submission: Submission, input: PathInput) => {
  submission.nr = NR.unlinkat
  submission.a0 = startOf(input)
  submission.a1 = submission.path(input.path)
  submission.a2 = flags
}

const unlinkForm: UringForm = {
  opcode: IORING_OP.UNLINKAT,
  prepare: (entry, r) => entry.prepare(IORING_OP.UNLINKAT, r.a0 as number, r.a1 as number, 0, 0, r.a2 as number)
}

export const unlink = define(pathInput, {
  name: "unlink",
  man: "unlink(2)",
  encode: encodeUnlink(0),
  uring: unlinkForm,
  decode: asVoid
})

export const rmdir = define(pathInput, {
  name: "rmdir",
  man: "rmdir(2)",
  encode: encodeUnlink(AT_REMOVEDIR),
  uring: unlinkForm,
  decode: asVoid
})

/** `RENAME_*` of renameat2(2). */
const renameFlags = { replace: 0, noReplace: 1, exchange: 2 } as const
const RENAME_WHITEOUT = 4

/**
 * How rename(2) treats a name that exists.
 *
 * @since 0.1.0
 * @category models
 */
export interface RenameOptions {
  /** `"replace"` (the default), `"noReplace"` fails with EEXIST, `"exchange"` swaps the two names. */
  readonly existing?: keyof typeof renameFlags | undefined
  /**
   * `true` leaves a whiteout behind: the character device 0, 0, which hides a name of the lower layer of an overlay. EINVAL where the file system has
   * none; before Linux 5.8, EPERM without the right to make devices. Not together with `"exchange"`. Default `false`.
   */
  readonly whiteout?: boolean | undefined
}

const renameOptions = optionsReader<RenameOptions>({ existing: true, whiteout: true })

const renameInput = (path: Path, to: Path, options?: RenameOptions) => ({ path, to, ...renameOptions(options) })

export const rename = define(renameInput, {
  name: "rename",
  man: "rename(2)",
  encode: (submission, { existing = "replace", path, to, whiteout }) => {
    const flags = checkName(renameFlags, existing, "existing")
    if (whiteout === true && existing === "exchange") bad("whiteout", "an exchange leaves no name behind")
    submission.nr = NR.renameat2
    submission.a0 = AT_FDCWD
    submission.a1 = submission.path(path)
    submission.a2 = AT_FDCWD
    submission.a3 = submission.path(to, "to")
    submission.a4 = whiteout === true ? flags | RENAME_WHITEOUT : flags
  },
  uring: {
    opcode: IORING_OP.RENAMEAT,
    // `length` is the second directory descriptor, `offset` the second path.
    prepare: (entry, r) =>
      entry.prepare(IORING_OP.RENAMEAT, r.a0 as number, r.a1 as number, r.a2 as number, r.a3, r.a4 as number)
  },
  decode: asVoid
})

/**
 * Where a directory is made, and its permissions.
 *
 * @since 0.1.0
 * @category models
 */
export interface MkdirOptions extends AtOptions {
  /** Permissions, less the umask. Default 0o777. */
  readonly mode?: number | undefined
}

const mkdirOptions = optionsReader<MkdirOptions>({ at: true, mode: true })

export const mkdir = define((path: Path, options?: MkdirOptions) => ({ path, ...mkdirOptions(options) }), {
  name: "mkdir",
  man: "mkdir(2)",
  encode: (submission, input) => {
    const { mode = 0o777, path } = input
    submission.nr = NR.mkdirat
    submission.a0 = startOf(input)
    submission.a2 = checkUint32(mode, "mode")
    submission.a1 = submission.path(path)
  },
  uring: {
    opcode: IORING_OP.MKDIRAT,
    prepare: (entry, r) => entry.prepare(IORING_OP.MKDIRAT, r.a0 as number, r.a1 as number, r.a2 as number, 0, 0)
  },
  decode: asVoid
})

/** `S_IF*` of what mknod(2) makes. */
const nodeTypes = {
  File: S_IFREG,
  FIFO: S_IFIFO,
  Socket: S_IFSOCK,
  CharacterDevice: S_IFCHR,
  BlockDevice: S_IFBLK
} as const

/**
 * What mknod(2) makes: an empty file, a FIFO, the name of a socket that nobody listens to, or a device.
 *
 * @since 0.1.0
 * @category models
 */
export type NodeType = keyof typeof nodeTypes

/**
 * Where mknod(2) makes it, its permissions, and which device it stands for.
 *
 * @since 0.1.0
 * @category models
 */
export interface MknodOptions extends AtOptions {
  /** Permissions, less the umask. Default 0o666. */
  readonly mode?: number | undefined
  /** Of a device, which needs both: 0 to 4095. */
  readonly major?: number | undefined
  /** 0 to 1048575. */
  readonly minor?: number | undefined
}

const mknodOptions = optionsReader<MknodOptions>({ at: true, mode: true, major: true, minor: true })

const isDevice = (type: NodeType): boolean => type === "CharacterDevice" || type === "BlockDevice"

const part = (value: number | undefined, argument: string, most: number, type: NodeType): number => {
  if (!isDevice(type)) return value === undefined ? 0 : bad(argument, `a ${type} is no device`)
  return Number.isInteger(value) && value! >= 0 && value! <= most
    ? value!
    : bad(argument, `of a device, an integer from 0 to ${most}, not ${show(value)}`)
}

export const mknod = define(
  (path: Path, type: NodeType, options?: MknodOptions) => ({ path, type, ...mknodOptions(options) }),
  {
    name: "mknod",
    man: "mknod(2)",
    encode: (submission, input) => {
      const { mode = 0o666, type } = input
      const format = checkName(nodeTypes, type, "type")
      const [major, minor] = [part(input.major, "major", 0xfff, type), part(input.minor, "minor", 0xfffff, type)]
      submission.nr = NR.mknodat
      submission.a0 = startOf(input)
      submission.a2 = format | (checkUint32(mode, "mode") & 0o7777)
      submission.a3 = Number(makedev(major, minor))
      submission.a1 = submission.path(input.path)
    },
    decode: asVoid
  }
)

/**
 * What link(2) does with a symbolic link.
 *
 * @since 0.1.0
 * @category models
 */
export interface HardLinkOptions {
  /**
   * Default `false`: a symbolic link gets another name itself. `true`: the file that it points to. So a file without a name gets one, of what
   * /proc/self/fd says.
   */
  readonly follow?: boolean | undefined
}

const hardLinkOptions = optionsReader<HardLinkOptions>({ follow: true })

const linkInput = (path: Path, to: Path, options?: HardLinkOptions) => ({ path, to, ...hardLinkOptions(options) })

export const link = define(linkInput, {
  name: "link",
  man: "link(2)",
  encode: (submission, { follow, path, to }) => {
    submission.nr = NR.linkat
    submission.a0 = AT_FDCWD
    submission.a1 = submission.path(path)
    submission.a2 = AT_FDCWD
    submission.a3 = submission.path(to, "to")
    submission.a4 = follow === true ? AT_SYMLINK_FOLLOW : 0
  },
  uring: {
    opcode: IORING_OP.LINKAT,
    prepare: (entry, r) =>
      entry.prepare(IORING_OP.LINKAT, r.a0 as number, r.a1 as number, r.a2 as number, r.a3, r.a4 as number)
  },
  decode: asVoid
})

const symlinkInput = (target: Path, path: Path, options?: AtOptions) => ({ target, ...pathInput(path, options) })

export const symlink = define(symlinkInput, {
  name: "symlink",
  man: "symlink(2)",
  encode: (submission, input) => {
    const { path, target } = input
    submission.nr = NR.symlinkat
    submission.a0 = submission.path(target, "target")
    submission.a1 = startOf(input)
    submission.a2 = submission.path(path)
  },
  uring: {
    opcode: IORING_OP.SYMLINKAT,
    prepare: (entry, r) => entry.prepare(IORING_OP.SYMLINKAT, r.a1 as number, r.a0 as number, 0, r.a2, 0)
  },
  decode: asVoid
})

/** The longest target of a symbolic link, with room to see that nothing was cut. */
const PATH_MAX = 4096

export const readlink = define(pathInput, {
  name: "readlink",
  man: "readlink(2)",
  encode: (submission, input) => {
    submission.nr = NR.readlinkat
    submission.a0 = startOf(input)
    submission.a1 = submission.path(input.path)
    const target = Buffer.allocUnsafeSlow(PATH_MAX)
    submission.output = target
    submission.a2 = addressOf(target)
    submission.a3 = PATH_MAX
  },
  decode: ({ output }, result) => pathFromBytes(output!, 0, result)
})

export const statvfs = define((path: Path) => ({ path }), {
  name: "statvfs",
  man: "statfs(2)",
  encode: (submission, { path }) => {
    submission.nr = NR.statfs
    submission.a0 = submission.path(path)
    submission.a1 = submission.cell.address
  },
  decode: decodeStatVfs
})

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
