/** Operations on the attributes of a file: its owner, its permissions and its times. */

import type { Path } from "../engine/arguments.ts"
import { BadArgument, checkUint32, show } from "../engine/arguments.ts"
import { asVoid, define, PENDING } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import type { Submission } from "../engine/submission.ts"
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "../native/layout.ts"
import { accessPathCached } from "../native/nonblocking.ts"
import { NR } from "../native/syscalls.ts"

/**
 * What access(2) is asked for. Without any of these it is asked whether the file exists.
 *
 * @since 0.1.0
 * @category models
 */
export interface AccessOptions {
  readonly read?: boolean | undefined
  readonly write?: boolean | undefined
  /** Of a file: whether it may be executed. Of a directory: whether names in it may be used. */
  readonly execute?: boolean | undefined
}

const R_OK = 4
const W_OK = 2
const X_OK = 1

const accessOptions = optionsReader<AccessOptions>({ read: true, write: true, execute: true })

export const access = define((path: Path, options?: AccessOptions) => ({ path, ...accessOptions(options) }), {
  name: "access",
  man: "access(2)",
  encode: (submission, { execute, path, read, write }) => {
    submission.nr = NR.faccessat
    submission.a0 = AT_FDCWD
    submission.a1 = submission.path(path)
    submission.a2 = (read === true ? R_OK : 0) | (write === true ? W_OK : 0) | (execute === true ? X_OK : 0)
  },
  inline: ({ a1, a2, cell }) => accessPathCached(a1 as number, a2 as number, cell) ?? PENDING,
  decode: asVoid
})

export const chmod = define((path: Path, mode: number) => ({ path, mode }), {
  name: "chmod",
  man: "chmod(2)",
  encode: (submission, { mode, path }) => {
    submission.nr = NR.fchmodat
    submission.a0 = AT_FDCWD
    submission.a2 = checkUint32(mode, "mode")
    submission.a1 = submission.path(path)
  },
  decode: asVoid
})

/**
 * Whether a symbolic link at the end of a path is followed.
 *
 * @since 0.1.0
 * @category models
 */
export interface LinkOptions {
  /** Default `true`: the file that the link points to. */
  readonly follow?: boolean | undefined
}

const atFlags = ({ follow = true }: LinkOptions): number => (follow ? 0 : AT_SYMLINK_NOFOLLOW)

/** `(uid_t) -1`: leaves the owner as it is. */
const UNCHANGED = 0xffffffff

/**
 * The new owner of a file, by the numbers of user and group.
 *
 * @since 0.1.0
 * @category models
 */
export interface OwnerOptions extends LinkOptions {
  /** Left out: unchanged. */
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}

const ownerOptions = optionsReader<OwnerOptions>({ follow: true, uid: true, gid: true })

export const chown = define((path: Path, owner: OwnerOptions) => ({ path, ...ownerOptions(owner, "owner") }), {
  name: "chown",
  man: "chown(2)",
  encode: (submission, input) => {
    const { gid = UNCHANGED, path, uid = UNCHANGED } = input
    submission.nr = NR.fchownat
    submission.a0 = AT_FDCWD
    submission.a2 = checkUint32(uid, "uid")
    submission.a3 = checkUint32(gid, "gid")
    submission.a4 = atFlags(input)
    submission.a1 = submission.path(path)
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
export interface TimesOptions extends LinkOptions {
  readonly atimeNs?: FileTime
  readonly mtimeNs?: FileTime
}

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

const timesOptions = optionsReader<TimesOptions>({ follow: true, atimeNs: true, mtimeNs: true })

export const utimes = define((path: Path, times: TimesOptions) => ({ path, ...timesOptions(times, "times") }), {
  name: "utimes",
  man: "utimensat(2)",
  encode: (submission, input) => {
    submission.nr = NR.utimensat
    submission.a0 = AT_FDCWD
    writeTime(submission, 0, input.atimeNs, "atimeNs")
    writeTime(submission, 2, input.mtimeNs, "mtimeNs")
    submission.a2 = submission.cell.address
    submission.a3 = atFlags(input)
    submission.a1 = submission.path(input.path)
  },
  decode: asVoid
})
