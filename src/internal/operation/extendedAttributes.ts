/**
 * Operations on extended attributes: pairs of a name and some bytes that a file system keeps with a file. xattr(7)
 *
 * None is tried without waiting: attributes may be in a block of their own, or with a server, and nothing tells before.
 */

import { bad, checkFd, checkName, show } from "../engine/arguments.ts"
import { checkBytes } from "../engine/buffers.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import type { Submission } from "../engine/submission.ts"
import { addressOf } from "../native/libc.ts"
import { NR } from "../native/syscalls.ts"
import { IORING_OP } from "../native/uring.ts"
import { byteLengthOf, isUint8Array, plainView } from "../native/views.ts"

/**
 * The name of an extended attribute with its namespace, `user.` as a rule: a string (encoded as UTF-8), or the bytes
 * themselves. 1 to 255 bytes, none of them 0.
 *
 * @since 0.1.0
 * @category models
 */
export type XattrName = string | Uint8Array

/** `XATTR_NAME_MAX` and `XATTR_SIZE_MAX`: no kernel takes more. */
const NAME_MAX = 255
export const XATTR_SIZE_MAX = 65536

/** `XATTR_*` of setxattr(2). */
const setFlags = { create: 1, replace: 2 } as const

/**
 * How fsetxattr(2) treats an attribute that exists, or does not.
 *
 * @since 0.1.0
 * @category models
 */
export interface FsetxattrOptions {
  /** `"create"` fails with EEXIST where the attribute is, `"replace"` with ENODATA where it is not. Left out: either will do. */
  readonly mode?: keyof typeof setFlags | undefined
}

/** Writes a name as the kernel reads it; its address. The submission keeps the memory. */
const encodeName = (submission: Submission, name: XattrName): number => {
  if (typeof name !== "string" && !isUint8Array(name)) {
    return bad("name", `must be a string or a Uint8Array, not ${show(name)}`)
  }
  if (typeof name === "string" && !name.isWellFormed()) return bad("name", `not a well-formed string: ${show(name)}`)
  const bytes = typeof name === "string" ? Buffer.from(name) : plainView(name)
  if (bytes.length === 0 || bytes.length > NAME_MAX) return bad("name", `1 to 255 bytes, not ${bytes.length}`)
  if (bytes.includes(0)) return bad("name", "cannot contain a NUL")
  return submission.text(bytes)
}

interface Value {
  readonly value: Uint8Array
  /** Bytes that it had when the operation was made. */
  readonly size: number
}

const valueInput = (value: Uint8Array): Value => ({ value, size: byteLengthOf(value) })

/**
 * Address and size of a value, into the third and fourth word. The kernel reads a copy, which the submission keeps: the program's own memory
 * may be transferred to somebody else while the request is under way, and a value is small.
 */
const encodeValue = (submission: Submission, { size, value }: Value): void => {
  const bytes = checkBytes(value, "value")
  if (bytes.length < size)
    bad("value", `it was made shorter since it was to be used: from ${size} to ${bytes.length} bytes`)
  if (size > XATTR_SIZE_MAX) bad("value", `at most ${XATTR_SIZE_MAX} bytes (XATTR_SIZE_MAX), not ${size}`)
  const copy = Buffer.allocUnsafeSlow(size)
  copy.set(size === bytes.length ? bytes : bytes.subarray(0, size))
  submission.output = copy
  submission.a2 = size === 0 ? 0 : addressOf(copy)
  submission.a3 = size
}

const encodeMode = (mode: FsetxattrOptions["mode"]): number =>
  mode === undefined ? 0 : checkName(setFlags, mode, "mode")

const fsetxattrOptions = optionsReader<FsetxattrOptions>({ mode: true })

export const fsetxattr = define(
  (file: Target, name: XattrName, value: Uint8Array, options?: FsetxattrOptions) => ({
    ...targetOf(file),
    name,
    ...valueInput(value),
    ...fsetxattrOptions(options)
  }),
  {
    name: "fsetxattr",
    man: "fsetxattr(2)",
    encode: (submission, input) => {
      submission.nr = NR.fsetxattr
      submission.a0 = checkFd(input.fd)
      submission.a4 = encodeMode(input.mode)
      submission.a1 = encodeName(submission, input.name)
      encodeValue(submission, input)
    },
    uring: {
      opcode: IORING_OP.FSETXATTR,
      punted: true,
      // `offset` is the value's address.
      prepare: (entry, s) =>
        entry.prepare(IORING_OP.FSETXATTR, s.a0 as number, s.a1, s.a3 as number, s.a2, s.a4 as number)
    },
    decode: asVoid
  }
)
