/** Operations on the attributes of a file: its owner, its permissions and its times. */

import type { Path } from "../engine/arguments.ts"
import { BadArgument, checkFd, checkUint32, show } from "../engine/arguments.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define, PENDING, UNFIT } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import type { Submission } from "../engine/submission.ts"
import { AT_EACCESS, AT_EMPTY_PATH } from "../native/layout.ts"
import { accessPathCached } from "../native/nonblocking.ts"
import { NR } from "../native/syscalls.ts"
import { type AtOptions, startingAt, startOf } from "./at.ts"
import { atFlags, follows, type LinkOptions } from "./links.ts"
import { onPlace } from "./through.ts"

/**
 * What access(2) is asked for. Without any of these it is asked whether the file exists.
 *
 * @since 0.1.0
 * @category models
 */
export interface AccessOptions extends LinkOptions {
  readonly read?: boolean | undefined
  readonly write?: boolean | undefined
  /** Of a file: whether it may be executed. Of a directory: whether names in it may be used. */
  readonly execute?: boolean | undefined
  /**
   * Default `false`: the real user and group are asked about. `true`: those that open(2) goes by, the effective ones. This and `follow: false`
   * need Linux 5.8; ENOSYS before.
   */
  readonly effective?: boolean | undefined
}

const R_OK = 4
const W_OK = 2
const X_OK = 1

const accessOptions = optionsReader<AccessOptions>({
  read: true,
  write: true,
  execute: true,
  effective: true,
  follow: true,
  at: true
})

const accessInput = (path: Path, options?: AccessOptions) => ({ path, ...startingAt(accessOptions(options)) })
type AccessInput = ReturnType<typeof accessInput>

const accessMode = ({ execute, read, write }: AccessInput): number =>
  (read === true ? R_OK : 0) | (write === true ? W_OK : 0) | (execute === true ? X_OK : 0)

export const access = define(
  accessInput,
  onPlace<AccessInput, void>(
    {
      name: "access",
      man: "access(2)",
      encode: (submission, input) => {
        const flags = atFlags(input) | (input.effective === true ? AT_EACCESS : 0)
        // The older call has no flags.
        submission.nr = flags === 0 ? NR.faccessat : NR.faccessat2
        submission.a0 = startOf(input.at)
        submission.a1 = submission.path(input.path)
        submission.a2 = accessMode(input)
        submission.a3 = flags
      },
      // The caches are only asked about paths that start at the root or at the current directory.
      inline: ({ a1, a2, a3, cell }, { at }) =>
        at !== undefined || a3 !== 0 ? UNFIT : (accessPathCached(a1 as number, a2 as number, cell) ?? PENDING),
      decode: asVoid
    },
    {
      follows,
      encode: (submission, input) => {
        submission.nr = NR.faccessat2
        submission.a1 = submission.path("")
        submission.a2 = accessMode(input)
        submission.a3 = AT_EMPTY_PATH | (input.effective === true ? AT_EACCESS : 0)
      }
    }
  )
)

/**
 * Of which file chmod(2) changes the permissions.
 *
 * @since 0.1.0
 * @category models
 */
export interface ChmodOptions extends AtOptions {
  /**
   * Default `true`: the file that a link points to. `false` is for what is no link: Linux refuses to give one permissions of its own (EOPNOTSUPP).
   * Needs Linux 6.6; ENOSYS before.
   */
  readonly follow?: boolean | undefined
}

const chmodOptions = optionsReader<ChmodOptions>({ follow: true, at: true })

const chmodInput = (path: Path, mode: number, options?: ChmodOptions) => ({
  path,
  mode,
  ...startingAt(chmodOptions(options))
})

const encodeChmod = (submission: Submission, { at, mode, path, ...link }: ReturnType<typeof chmodInput>): void => {
  const flags = atFlags(link)
  // The older call has no flags.
  submission.nr = flags === 0 ? NR.fchmodat : NR.fchmodat2
  submission.a0 = startOf(at)
  submission.a2 = checkUint32(mode, "mode")
  submission.a3 = flags
  submission.a1 = submission.path(path)
}

export const chmod = define(
  chmodInput,
  onPlace<ReturnType<typeof chmodInput>, void>(
    { name: "chmod", man: "chmod(2)", encode: encodeChmod, decode: asVoid },
    // fchmodat2(2), which takes descriptors of O_PATH, is of Linux 6.6.
    { follows, encode: (submission, input) => encodeChmod(submission, { ...input, follow: true }), path: 1 }
  )
)

export const fchmod = define((file: Target, mode: number) => ({ ...targetOf(file), mode }), {
  name: "fchmod",
  man: "fchmod(2)",
  encode: (submission, { fd, mode }) => {
    submission.nr = NR.fchmod
    submission.a0 = checkFd(fd)
    submission.a1 = checkUint32(mode, "mode")
  },
  decode: asVoid
})

/** `(uid_t) -1`: leaves the owner as it is. */
const UNCHANGED = 0xffffffff

/**
 * The new owner of a file, by the numbers of user and group.
 *
 * @since 0.1.0
 * @category models
 */
export interface Owner {
  /** Left out: unchanged. */
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}

/**
 * The same, and of which file.
 *
 * @since 0.1.0
 * @category models
 */
export interface OwnerOptions extends Owner, LinkOptions {}

const ownerOf = optionsReader<Owner>({ uid: true, gid: true })
const ownerOptions = optionsReader<OwnerOptions>({ follow: true, at: true, uid: true, gid: true })

const ownerInput = (path: Path, owner: OwnerOptions) => ({ path, ...startingAt(ownerOptions(owner, "owner")) })
type OwnerInput = ReturnType<typeof ownerInput>

const encodeOwner = (submission: Submission, { gid = UNCHANGED, uid = UNCHANGED }: OwnerInput): void => {
  submission.nr = NR.fchownat
  submission.a2 = checkUint32(uid, "uid")
  submission.a3 = checkUint32(gid, "gid")
}

export const chown = define(
  ownerInput,
  onPlace<OwnerInput, void>(
    {
      name: "chown",
      man: "chown(2)",
      encode: (submission, input) => {
        encodeOwner(submission, input)
        submission.a0 = startOf(input.at)
        submission.a4 = atFlags(input)
        submission.a1 = submission.path(input.path)
      },
      decode: asVoid
    },
    {
      follows,
      encode: (submission, input) => {
        encodeOwner(submission, input)
        submission.a1 = submission.path("")
        submission.a4 = AT_EMPTY_PATH
      }
    }
  )
)

export const fchown = define((file: Target, owner: Owner) => ({ ...targetOf(file), ...ownerOf(owner, "owner") }), {
  name: "fchown",
  man: "fchown(2)",
  encode: (submission, { fd, gid = UNCHANGED, uid = UNCHANGED }) => {
    submission.nr = NR.fchown
    submission.a0 = checkFd(fd)
    submission.a1 = checkUint32(uid, "uid")
    submission.a2 = checkUint32(gid, "gid")
  },
  decode: asVoid
})

/**
 * Nanoseconds since 1970, the time of the call, or (left out) unchanged.
 *
 * @since 0.1.0
 * @category models
 */
export type FileTime = bigint | "now" | undefined

/**
 * The new times of last access and last modification.
 *
 * @since 0.1.0
 * @category models
 */
export interface Times {
  readonly atimeNs?: FileTime
  readonly mtimeNs?: FileTime
}

/**
 * The same, and of which file.
 *
 * @since 0.1.0
 * @category models
 */
export interface TimesOptions extends Times, LinkOptions {}

const UTIME_NOW = 0x3fffffffn
const UTIME_OMIT = 0x3ffffffen
const SECOND = 1_000_000_000n

/** Writes a `struct timespec` into the cell's words `at` and `at + 1`. */
const writeTime = ({ cell }: Submission, at: number, time: FileTime, argument: string): void => {
  if (time !== undefined && time !== "now" && typeof time !== "bigint") {
    throw new BadArgument(argument, `bigint nanoseconds since 1970, "now" or nothing, not ${show(time)}`)
  }
  if (typeof time !== "bigint") {
    cell.i64[at] = 0n
    cell.i64[at + 1] = time === "now" ? UTIME_NOW : UTIME_OMIT
    return
  }
  const nanoseconds = ((time % SECOND) + SECOND) % SECOND
  const seconds = (time - nanoseconds) / SECOND
  if (BigInt.asIntN(64, seconds) !== seconds) throw new BadArgument(argument, `${time} does not fit a time`)
  cell.i64[at] = seconds
  cell.i64[at + 1] = nanoseconds
}

/** Two `struct timespec` in the cell; their address. */
const encodeTimes = (submission: Submission, { atimeNs, mtimeNs }: Times): number => {
  writeTime(submission, 0, atimeNs, "atimeNs")
  writeTime(submission, 2, mtimeNs, "mtimeNs")
  return submission.cell.address
}

const timesOf = optionsReader<Times>({ atimeNs: true, mtimeNs: true })
const timesOptions = optionsReader<TimesOptions>({ follow: true, at: true, atimeNs: true, mtimeNs: true })

const timesInput = (path: Path, times: TimesOptions) => ({ path, ...startingAt(timesOptions(times, "times")) })
type TimesInput = ReturnType<typeof timesInput>

const encodeTimesOfPath = (submission: Submission, input: TimesInput): void => {
  submission.nr = NR.utimensat
  submission.a0 = startOf(input.at)
  submission.a2 = encodeTimes(submission, input)
  submission.a1 = submission.path(input.path)
}

export const utimes = define(
  timesInput,
  onPlace<TimesInput, void>(
    {
      name: "utimes",
      man: "utimensat(2)",
      encode: (submission, input) => {
        encodeTimesOfPath(submission, input)
        submission.a3 = atFlags(input)
      },
      decode: asVoid
    },
    { follows, encode: encodeTimesOfPath, path: 1 }
  )
)

export const futimes = define((file: Target, times: Times) => ({ ...targetOf(file), ...timesOf(times, "times") }), {
  name: "futimes",
  man: "futimens(3)",
  encode: (submission, input) => {
    // Without a path, it is the descriptor itself.
    submission.nr = NR.utimensat
    submission.a0 = checkFd(input.fd)
    submission.a2 = encodeTimes(submission, input)
  },
  decode: asVoid
})
