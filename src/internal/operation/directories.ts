/** Reading directories. */
import { constants } from "node:fs"
import type { Path } from "../engine/arguments.ts"
import { BadArgument, checkFd, show } from "../engine/arguments.ts"
import { NAME_ROOM, takeRoom } from "../engine/nameRoom.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { define, PENDING } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { pathFromBytes } from "../engine/pathNames.ts"
import type { Submission } from "../engine/submission.ts"
import { DIRENT } from "../native/layout.ts"
import { addressOf } from "../native/libc.ts"
import { FILL } from "../native/machine/layout.ts"
import { openDirectoryCached } from "../native/nonblocking.ts"
import { NR } from "../native/syscalls.ts"
import { type FileType, fileType } from "./metadata.ts"
import { open } from "./paths.ts"

/**
 * One name in a directory, without `.` and `..`.
 *
 * @since 0.1.0
 * @category models
 */
export interface DirectoryEntry {
  /** The name for people. Bytes that are not UTF-8 show as U+FFFD. */
  readonly name: string
  /** The name for system calls: the same string, or the bytes where they are not UTF-8. */
  readonly path: Path
  /** `"Unknown"` where the file system does not say; `lstat` does. */
  readonly type: FileType
  readonly ino: bigint
}

/**
 * How many names are read at once.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReaddirOptions {
  /** Bytes of the buffer that the kernel fills. Default 32768, about a thousand names. At least 288, one name. */
  readonly bufferSize?: number | undefined
}

const decodeEntries = (bytes: Buffer, length: number): Array<DirectoryEntry> => {
  const entries: Array<DirectoryEntry> = []
  for (let at = 0; at < length; at += bytes.readUInt16LE(at + DIRENT.reclen)) {
    const start = at + DIRENT.name
    const end = bytes.indexOf(0, start)
    if (bytes[start] === 46 && (end === start + 1 || (end === start + 2 && bytes[start + 1] === 46))) continue
    const path = pathFromBytes(bytes, start, end)
    entries.push({
      name: typeof path === "string" ? path : bytes.toString("utf8", start, end),
      path,
      type: fileType(bytes[at + DIRENT.type]),
      ino: bytes.readBigUInt64LE(at + DIRENT.ino)
    })
  }
  return entries
}

/**
 * The next entries of an open directory.
 *
 * @since 0.1.0
 * @category models
 */
export interface DirectoryChunk {
  readonly entries: ReadonlyArray<DirectoryEntry>
  /** True: these were the last entries. False: there may be more. */
  readonly done: boolean
}

const { O_DIRECTORY, O_NOFOLLOW } = constants

interface Followed {
  /** A directory's descriptor. */
  readonly at?: number | undefined
  /** Whether a symbolic link to a directory counts as a directory. */
  readonly follow: boolean
}

/** `open` of a directory, which can be tried without waiting. A descriptor that came without waiting can be closed without waiting. */
export const openDirectory = define(
  (path: Path, { at, follow }: Followed) => ({ path, at, flag: follow ? O_DIRECTORY : O_DIRECTORY | O_NOFOLLOW }),
  {
    ...open.entry,
    inline: ({ a0, a1, cell }, { flag }) => {
      const fd = openDirectoryCached(a0 as number, a1 as number, ((flag as number) & O_NOFOLLOW) === 0, cell)
      return fd < 0 ? PENDING : fd
    }
  }
)

const decodeChunk = ({ atEnd, names }: Submission, result: number): DirectoryChunk => ({
  entries: decodeEntries(names!, result),
  // The kernel only tells the end with an empty answer.
  done: atEnd || result === 0
})

/** Memory for names. It belongs to the submission until that is cleared. */
const outputOf = (submission: Submission, bytes: number): number => {
  try {
    submission.names = takeRoom(bytes)
  } catch {
    throw new BadArgument("bufferSize", `there is no memory for ${bytes} bytes`)
  }
  return addressOf(submission.names)
}

const readdirOptions = optionsReader<ReaddirOptions>({ bufferSize: true })

export const readdir = define(
  (file: Target, options?: ReaddirOptions) => ({ ...targetOf(file), ...readdirOptions(options) }),
  {
    name: "readdir",
    man: "getdents64(2)",
    encode: (submission, { bufferSize = NAME_ROOM, fd }) => {
      if (!Number.isInteger(bufferSize) || bufferSize < 288 || bufferSize > 0x7fffffff) {
        throw new BadArgument("bufferSize", `an integer from 288 to 2147483647, not ${show(bufferSize)}`)
      }
      submission.nr = NR.getdents64
      submission.a0 = checkFd(fd)
      submission.a1 = outputOf(submission, bufferSize)
      submission.a2 = bufferSize
      submission.mode = FILL
    },
    decode: decodeChunk
  }
)
