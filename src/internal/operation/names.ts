/** Operations on names: they make, remove and move them. */
import type { Path } from "../engine/arguments.ts"
import { bad, checkName, checkUint32, show } from "../engine/arguments.ts"
import { asVoid, define, type UringForm } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import type { Submission } from "../engine/submission.ts"
import { AT_REMOVEDIR, AT_SYMLINK_FOLLOW, S_IFBLK, S_IFCHR, S_IFIFO, S_IFREG, S_IFSOCK } from "../native/layout.ts"
import { NR } from "../native/syscalls.ts"
import { IORING_OP } from "../native/uring.ts"
import {
  type AtOptions,
  type BothAtOptions,
  bothStartingAt,
  type PathInput,
  pathInput,
  startingAt,
  startOf
} from "./at.ts"
import { makedev } from "./metadata.ts"
import { onName } from "./through.ts"

const encodeUnlink = (flags: number) => (submission: Submission, input: PathInput) => {
  submission.nr = NR.unlinkat
  submission.a0 = startOf(input.at)
  submission.a1 = submission.path(input.path)
  submission.a2 = flags
}

const unlinkForm: UringForm = {
  opcode: IORING_OP.UNLINKAT,
  prepare: (entry, r) => entry.prepare(IORING_OP.UNLINKAT, r.a0 as number, r.a1 as number, 0, 0, r.a2 as number)
}

export const unlink = define(
  pathInput,
  onName<PathInput, void>(
    { name: "unlink", man: "unlink(2)", encode: encodeUnlink(0), uring: unlinkForm, decode: asVoid },
    { word: 0 }
  )
)

export const rmdir = define(
  pathInput,
  onName<PathInput, void>(
    { name: "rmdir", man: "rmdir(2)", encode: encodeUnlink(AT_REMOVEDIR), uring: unlinkForm, decode: asVoid },
    { word: 0 }
  )
)

/** `RENAME_*` of renameat2(2). */
const renameFlags = { replace: 0, noReplace: 1, exchange: 2 } as const
const RENAME_WHITEOUT = 4

/**
 * How rename(2) treats a name that exists, and where the paths start.
 *
 * @since 0.1.0
 * @category models
 */
export interface RenameOptions extends BothAtOptions {
  /** `"replace"` (the default), `"noReplace"` fails with EEXIST, `"exchange"` swaps the two names. */
  readonly existing?: keyof typeof renameFlags | undefined
  /**
   * `true` leaves a whiteout behind: the character device 0, 0, which hides a name of the lower layer of an overlay. EINVAL where the file system has
   * none; before Linux 5.8, EPERM without the right to make devices. Not together with `"exchange"`. Default `false`.
   */
  readonly whiteout?: boolean | undefined
}

const renameOptions = optionsReader<RenameOptions>({ at: true, existing: true, toAt: true, whiteout: true })

const renameInput = (path: Path, to: Path, options?: RenameOptions) => ({
  path,
  to,
  ...bothStartingAt(renameOptions(options))
})

export const rename = define(
  renameInput,
  onName<ReturnType<typeof renameInput>, void>(
    {
      name: "rename",
      man: "rename(2)",
      encode: (submission, { at, existing = "replace", path, to, toAt, whiteout }) => {
        const flags = checkName(renameFlags, existing, "existing")
        if (whiteout === true && existing === "exchange") bad("whiteout", "an exchange leaves no name behind")
        submission.nr = NR.renameat2
        submission.a0 = startOf(at)
        submission.a1 = submission.path(path)
        submission.a2 = startOf(toAt, "toAt")
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
    },
    { word: 0, toWord: 2 }
  )
)

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

const mkdirInput = (path: Path, options?: MkdirOptions) => ({ path, ...startingAt(mkdirOptions(options)) })

export const mkdir = define(
  mkdirInput,
  onName<ReturnType<typeof mkdirInput>, void>(
    {
      name: "mkdir",
      man: "mkdir(2)",
      encode: (submission, { at, mode = 0o777, path }) => {
        submission.nr = NR.mkdirat
        submission.a0 = startOf(at)
        submission.a2 = checkUint32(mode, "mode")
        submission.a1 = submission.path(path)
      },
      uring: {
        opcode: IORING_OP.MKDIRAT,
        prepare: (entry, r) => entry.prepare(IORING_OP.MKDIRAT, r.a0 as number, r.a1 as number, r.a2 as number, 0, 0)
      },
      decode: asVoid
    },
    { word: 0 }
  )
)

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

const mknodInput = (path: Path, type: NodeType, options?: MknodOptions) => ({
  path,
  type,
  ...startingAt(mknodOptions(options))
})

export const mknod = define(
  mknodInput,
  onName<ReturnType<typeof mknodInput>, void>(
    {
      name: "mknod",
      man: "mknod(2)",
      encode: (submission, input) => {
        const { mode = 0o666, type } = input
        const format = checkName(nodeTypes, type, "type")
        const [major, minor] = [part(input.major, "major", 0xfff, type), part(input.minor, "minor", 0xfffff, type)]
        submission.nr = NR.mknodat
        submission.a0 = startOf(input.at)
        submission.a2 = format | (checkUint32(mode, "mode") & 0o7777)
        submission.a3 = Number(makedev(major, minor))
        submission.a1 = submission.path(input.path)
      },
      decode: asVoid
    },
    { word: 0 }
  )
)

/**
 * What link(2) does with a symbolic link, and where the paths start.
 *
 * @since 0.1.0
 * @category models
 */
export interface HardLinkOptions extends BothAtOptions {
  /**
   * Default `false`: a symbolic link gets another name itself. `true`: the file that it points to. So a file without a name gets one, of what
   * /proc/self/fd says.
   */
  readonly follow?: boolean | undefined
}

const hardLinkOptions = optionsReader<HardLinkOptions>({ at: true, follow: true, toAt: true })

const linkInput = (path: Path, to: Path, options?: HardLinkOptions) => ({
  path,
  to,
  ...bothStartingAt(hardLinkOptions(options))
})

export const link = define(
  linkInput,
  onName<ReturnType<typeof linkInput>, void>(
    {
      name: "link",
      man: "link(2)",
      encode: (submission, { at, follow, path, to, toAt }) => {
        submission.nr = NR.linkat
        submission.a0 = startOf(at)
        submission.a1 = submission.path(path)
        submission.a2 = startOf(toAt, "toAt")
        submission.a3 = submission.path(to, "to")
        submission.a4 = follow === true ? AT_SYMLINK_FOLLOW : 0
      },
      uring: {
        opcode: IORING_OP.LINKAT,
        prepare: (entry, r) =>
          entry.prepare(IORING_OP.LINKAT, r.a0 as number, r.a1 as number, r.a2 as number, r.a3, r.a4 as number)
      },
      decode: asVoid
    },
    { word: 0, toWord: 2, isSource: true }
  )
)

const symlinkInput = (target: Path, path: Path, options?: AtOptions) => ({ target, ...pathInput(path, options) })

export const symlink = define(
  symlinkInput,
  onName<ReturnType<typeof symlinkInput>, void>(
    {
      name: "symlink",
      man: "symlink(2)",
      encode: (submission, { at, path, target }) => {
        submission.nr = NR.symlinkat
        submission.a0 = submission.path(target, "target")
        submission.a1 = startOf(at)
        submission.a2 = submission.path(path)
      },
      uring: {
        opcode: IORING_OP.SYMLINKAT,
        prepare: (entry, r) => entry.prepare(IORING_OP.SYMLINKAT, r.a1 as number, r.a0 as number, 0, r.a2, 0)
      },
      decode: asVoid
    },
    { word: 1 }
  )
)
