/** Flags of inodes, as chattr(1) shows and changes them. */
import { bad, checkFd, checkName, checkUint32, show } from "../engine/arguments.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define } from "../engine/operation.ts"
import { elementsOf } from "../engine/options.ts"
import { FS_IOC_GETFLAGS, FS_IOC_SETFLAGS } from "../native/layout.ts"
import { NR } from "../native/syscalls.ts"

/** `FS_*_FL` of linux/fs.h. */
const bitsOf = {
  secureRemove: 0x1,
  undelete: 0x2,
  compress: 0x4,
  sync: 0x8,
  immutable: 0x10,
  append: 0x20,
  noDump: 0x40,
  noAtime: 0x80,
  noCompress: 0x400,
  encrypt: 0x800,
  index: 0x1000,
  journalData: 0x4000,
  noTail: 0x8000,
  dirSync: 0x10000,
  topDir: 0x20000,
  hugeFile: 0x40000,
  extents: 0x80000,
  verity: 0x100000,
  noCow: 0x800000,
  dax: 0x2000000,
  inlineData: 0x10000000,
  projectInherit: 0x20000000,
  caseFold: 0x40000000
} as const

/**
 * A flag of an inode, ioctl_iflags(2). What it does, and whether it may be set, depends on the file system.
 *
 * @since 0.1.0
 * @category models
 */
export type InodeFlag = keyof typeof bitsOf

/**
 * The flags of an inode.
 *
 * @since 0.1.0
 * @category models
 */
export interface InodeFlags {
  readonly flags: ReadonlyArray<InodeFlag>
  /** All of them, also those that have no name here. */
  readonly bits: number
}

export const getInodeFlags = define(targetOf, {
  name: "getInodeFlags",
  man: "ioctl_iflags(2)",
  encode: (submission, { fd }) => {
    submission.nr = NR.ioctl
    submission.a0 = checkFd(fd)
    submission.a1 = FS_IOC_GETFLAGS
    submission.a2 = submission.cell.address
  },
  decode: ({ cell }): InodeFlags => {
    const bits = cell.u32[0]
    const flags = Object.entries(bitsOf).flatMap(([name, bit]) => ((bits & bit) === 0 ? [] : [name as InodeFlag]))
    return { flags, bits }
  }
})

/** A copy of a list: the program may change its own. */
const flagsInput = (flags: number | ReadonlyArray<InodeFlag>) =>
  typeof flags === "number"
    ? flags
    : (elementsOf(flags, "flags") ?? bad("flags", `an array or bits, not ${show(flags)}`))

export const setInodeFlags = define(
  (file: Target, flags: number | ReadonlyArray<InodeFlag>) => ({ ...targetOf(file), flags: flagsInput(flags) }),
  {
    name: "setInodeFlags",
    man: "ioctl_iflags(2)",
    encode: (submission, { fd, flags }) => {
      const { cell } = submission
      submission.nr = NR.ioctl
      submission.a0 = checkFd(fd)
      submission.a1 = FS_IOC_SETFLAGS
      cell.u32[0] =
        typeof flags === "number"
          ? checkUint32(flags, "flags")
          : flags.reduce<number>((bits, name) => bits | checkName(bitsOf, name, "flags"), 0)
      // By its number the call has a long.
      cell.u32[1] = 0
      submission.a2 = cell.address
    },
    decode: asVoid
  }
)
