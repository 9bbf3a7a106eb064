/** What copying a tree refuses itself, without an error of the kernel. */
import { AioError } from "../../AioError.ts"
import type { Path } from "../engine/arguments.ts"
import { textOfPath } from "../engine/pathNames.ts"
import { errno, errnoName } from "../native/errno.ts"

/** The name that `fs.cp` has for a refusal. */
export interface Words {
  readonly code: string
  readonly sentence: string
}

interface Kind extends Words {
  readonly errno: number
  /** The words that Node puts in parentheses. */
  readonly why: (from: string, to: string) => string
}

const INVALID = { errno: errno.EINVAL, code: "ERR_FS_CP_EINVAL", sentence: "Invalid src or dest" }

const kinds = {
  same: { ...INVALID, why: () => "src and dest cannot be the same" },
  intoItself: { ...INVALID, why: (from, to) => `cannot copy ${from} to a subdirectory of self ${to}` },
  linkAbove: {
    errno: errno.EINVAL,
    code: "ERR_FS_CP_SYMLINK_TO_SUBDIRECTORY",
    sentence: "Cannot overwrite symlink in subdirectory of self",
    why: (from, to) => `cannot overwrite ${to} with ${from}`
  },
  directoryOntoOther: {
    errno: errno.EISDIR,
    code: "ERR_FS_CP_DIR_TO_NON_DIR",
    sentence: "Cannot overwrite non-directory with directory",
    why: (from, to) => `cannot overwrite non-directory ${to} with directory ${from}`
  },
  otherOntoDirectory: {
    errno: errno.ENOTDIR,
    code: "ERR_FS_CP_NON_DIR_TO_DIR",
    sentence: "Cannot overwrite directory with non-directory",
    why: (from, to) => `cannot overwrite directory ${to} with non-directory ${from}`
  },
  FIFO: {
    errno: errno.EINVAL,
    code: "ERR_FS_CP_FIFO_PIPE",
    sentence: "Cannot copy a FIFO pipe",
    why: (_, to) => `cannot copy a FIFO pipe: ${to}`
  },
  Socket: {
    errno: errno.EINVAL,
    code: "ERR_FS_CP_SOCKET",
    sentence: "Cannot copy a socket file",
    why: (_, to) => `cannot copy a socket file: ${to}`
  },
  // Also devices, which Node would read.
  other: {
    errno: errno.EINVAL,
    code: "ERR_FS_CP_UNKNOWN",
    sentence: "Cannot copy an unknown file type",
    why: (_, to) => `cannot copy an unknown file type: ${to}`
  }
} satisfies Readonly<Record<string, Kind>>

export type CopyRefusalKind = keyof typeof kinds

interface Subject {
  readonly from: Path
  readonly to: Path
  /** The path that the failure names, if it is not `to`. */
  readonly path?: Path | undefined
}

/** An ordinary error for programs that copy with `AioTree`; `FileSystem` has Node's words for it. */
export class CopyRefusal extends AioError {
  readonly #words: Words

  constructor(name: CopyRefusalKind, { from, path, to }: Subject) {
    const kind: Kind = kinds[name]
    super({
      code: errnoName(kind.errno),
      errno: kind.errno,
      operation: "copy",
      path: path ?? to,
      description: kind.why(textOfPath(from), textOfPath(to))
    })
    this.#words = kind
  }

  /** `undefined` if a system call failed. */
  static wordsOf(error: AioError): Words | undefined {
    return #words in error ? error.#words : undefined
  }
}
