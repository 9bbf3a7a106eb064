/** Reading directories. */
import { constants } from "node:fs"
import type { Path } from "../engine/arguments.ts"
import { BadArgument, checkFd, show } from "../engine/arguments.ts"
import { NAME_ROOM, takeRoom } from "../engine/nameRoom.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { define, PENDING } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { pathFromBytes, textFromBytes } from "../engine/pathNames.ts"
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

/** Calls `found` for each name but `.` and `..`: where its entry starts, where the name itself does, and where that ends. */
const forEachName = (
  bytes: Buffer,
  length: number,
  found: (entry: number, start: number, end: number) => void
): void => {
  for (let entry = 0, next = 0; entry < length; entry = next) {
    next = entry + (bytes[entry + DIRENT.reclen] | (bytes[entry + DIRENT.reclen + 1] << 8))
    const start = entry + DIRENT.name
    // An entry is as long as its name needs, in words of 8 bytes.
    let end = Math.max(start, next - 8)
    while (bytes[end] !== 0) end++
    const isDots = bytes[start] === 46 && (end === start + 1 || (end === start + 2 && bytes[start + 1] === 46))
    if (!isDots) found(entry, start, end)
  }
}

const decodeEntries = (bytes: Buffer, length: number): Array<DirectoryEntry> => {
  const entries: Array<DirectoryEntry> = []
  forEachName(bytes, length, (entry, start, end) => {
    const path = pathFromBytes(bytes, start, end)
    entries.push({
      name: typeof path === "string" ? path : textFromBytes(bytes, start, end),
      path,
      type: fileType(bytes[entry + DIRENT.type]),
      ino: bytes.readBigUInt64LE(entry + DIRENT.ino)
    })
  })
  return entries
}

const decodeNames = (bytes: Buffer, length: number): Array<string> => {
  const names: Array<string> = []
  forEachName(bytes, length, (_, start, end) => names.push(textFromBytes(bytes, start, end)))
  return names
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

/** What one request has read of a directory. */
export interface Listed<Entry> {
  readonly entries: ReadonlyArray<Entry>
  readonly done: boolean
}

const decodeChunk =
  <Entry>(decode: (bytes: Buffer, length: number) => ReadonlyArray<Entry>) =>
  ({ atEnd, names }: Submission, result: number): Listed<Entry> => ({
    entries: decode(names!, result),
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
    decode: decodeChunk(decodeEntries)
  }
)

/** The same as text for people, and nothing but the names. */
export const readdirNames = define((file: Target, options?: ReaddirOptions) => readdir(file, options).input, {
  ...readdir.entry,
  decode: decodeChunk(decodeNames)
})
