/**
 * Operations on extended attributes: pairs of a name and some bytes that a file system keeps with a file. xattr(7)
 *
 * None is tried without waiting: attributes may be in a block of their own, or with a server, and nothing tells before.
 */

import { bad, checkFd, checkName, type Path, show } from "../engine/arguments.ts"
import { checkBytes } from "../engine/buffers.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define, type Entry, type SubmissionEntry, type UringForm } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { pathFromBytes } from "../engine/pathNames.ts"
import type { Submission } from "../engine/submission.ts"
import { addressOf } from "../native/libc.ts"
import { NR } from "../native/syscalls.ts"
import { IORING_OP } from "../native/uring.ts"
import { byteLengthOf, isUint8Array, plainView } from "../native/views.ts"
import { type PathInput, startingAt } from "./at.ts"
import { follows, type LinkOptions } from "./links.ts"
import { onPlace } from "./through.ts"

/**
 * The name of an extended attribute with its namespace, `user.` as a rule: a string (encoded as UTF-8), or the bytes
 * themselves. 1 to 255 bytes, none of them 0.
 *
 * @since 0.1.0
 * @category models
 */
export type XattrName = string | Uint8Array

/** limits.h: no kernel takes more, nor gives more. */
const XATTR_NAME_MAX = 255
const XATTR_SIZE_MAX = 65536
const XATTR_LIST_MAX = 65536

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

/**
 * The same, and of which file.
 *
 * @since 0.1.0
 * @category models
 */
export interface SetxattrOptions extends FsetxattrOptions, LinkOptions {}

/** Writes a name as the kernel reads it; its address. The submission keeps the memory. */
const encodeName = (submission: Submission, name: XattrName): number => {
  if (typeof name !== "string" && !isUint8Array(name)) {
    return bad("name", `must be a string or a Uint8Array, not ${show(name)}`)
  }
  if (typeof name === "string" && !name.isWellFormed()) return bad("name", `not a well-formed string: ${show(name)}`)
  const bytes = typeof name === "string" ? Buffer.from(name) : plainView(name)
  if (bytes.length === 0 || bytes.length > XATTR_NAME_MAX) return bad("name", `1 to 255 bytes, not ${bytes.length}`)
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
 * Address and size of a value, into the third and fourth word. The kernel reads a copy, which the submission keeps: the program may
 * transfer its own memory while the request is under way, and a value is small.
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

const encodeMode = ({ mode }: FsetxattrOptions): number => (mode === undefined ? 0 : checkName(setFlags, mode, "mode"))

/**
 * Room for an answer, which the submission keeps; its address. As much as any kernel gives: a smaller one would be
 * ERANGE, and to ask for the size first would be a second call, between which and the first the answer may grow.
 */
const answerRoom = (submission: Submission, bytes: number): number => {
  submission.output = Buffer.allocUnsafeSlow(bytes)
  return addressOf(submission.output)
}

/** Address and size of a value's room, where `encodeValue` has those of a value. */
const encodeValueRoom = (submission: Submission): void => {
  submission.a2 = answerRoom(submission, XATTR_SIZE_MAX)
  submission.a3 = XATTR_SIZE_MAX
}

const linkOptions = optionsReader<LinkOptions>({ at: true, follow: true })
const setxattrOptions = optionsReader<SetxattrOptions>({ at: true, mode: true, follow: true })
const fsetxattrOptions = optionsReader<FsetxattrOptions>({ mode: true })

// --- Set

/** `offset` is the value's address. */
const prepareValue = (entry: SubmissionEntry, opcode: number, fd: number, s: Submission): void =>
  entry.prepare(opcode, fd, s.a1, s.a3 as number, s.a2, s.a4 as number)

/** Of a path, which is the third address. */
const pathForm = (opcode: number): UringForm => ({
  opcode,
  punted: true,
  // The ring only does what follows links.
  suits: follows,
  prepare: (entry, s) => {
    prepareValue(entry, opcode, 0, s)
    entry.address3(s.a0)
  }
})

const descriptorForm = (opcode: number): UringForm => ({
  opcode,
  punted: true,
  prepare: (entry, s) => prepareValue(entry, opcode, s.a0 as number, s)
})

/**
 * No call of these takes a directory to start at: the path's end is opened, and named by its descriptor. That name is followed, also to what is a
 * link itself.
 */
const ofPath = <I extends PathInput & LinkOptions, A>(entry: Entry<I, A>): Entry<I, A> =>
  onPlace(entry, {
    follows,
    encode: (submission, input) => entry.encode(submission, { ...input, follow: true }),
    path: 0,
    always: true
  })

const setxattrInput = (path: Path, name: XattrName, value: Uint8Array, options?: SetxattrOptions) => ({
  path,
  name,
  ...valueInput(value),
  ...startingAt(setxattrOptions(options))
})

export const setxattr = define(
  setxattrInput,
  ofPath<ReturnType<typeof setxattrInput>, void>({
    name: "setxattr",
    man: "setxattr(2)",
    encode: (submission, input) => {
      submission.nr = follows(input) ? NR.setxattr : NR.lsetxattr
      submission.a4 = encodeMode(input)
      submission.a1 = encodeName(submission, input.name)
      encodeValue(submission, input)
      submission.a0 = submission.path(input.path)
    },
    uring: pathForm(IORING_OP.SETXATTR),
    decode: asVoid
  })
)

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
      submission.a4 = encodeMode(input)
      submission.a1 = encodeName(submission, input.name)
      encodeValue(submission, input)
    },
    uring: descriptorForm(IORING_OP.FSETXATTR),
    decode: asVoid
  }
)

// --- Get, and remove

const onPath = (path: Path, name: XattrName, options?: LinkOptions) => ({
  path,
  name,
  ...startingAt(linkOptions(options))
})
type OnPath = ReturnType<typeof onPath>
const onFile = (file: Target, name: XattrName) => ({ ...targetOf(file), name })

/** Memory of its own size: the answer's room is much larger. */
const decodeValue = ({ output }: Submission, result: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(output!.subarray(0, result))

export const getxattr = define(
  onPath,
  ofPath<OnPath, Uint8Array<ArrayBuffer>>({
    name: "getxattr",
    man: "getxattr(2)",
    encode: (submission, input) => {
      submission.nr = follows(input) ? NR.getxattr : NR.lgetxattr
      submission.a1 = encodeName(submission, input.name)
      submission.a0 = submission.path(input.path)
      encodeValueRoom(submission)
    },
    uring: pathForm(IORING_OP.GETXATTR),
    decode: decodeValue
  })
)

export const fgetxattr = define(onFile, {
  name: "fgetxattr",
  man: "fgetxattr(2)",
  encode: (submission, input) => {
    submission.nr = NR.fgetxattr
    submission.a0 = checkFd(input.fd)
    submission.a1 = encodeName(submission, input.name)
    encodeValueRoom(submission)
  },
  uring: descriptorForm(IORING_OP.FGETXATTR),
  decode: decodeValue
})

export const removexattr = define(
  onPath,
  ofPath<OnPath, void>({
    name: "removexattr",
    man: "removexattr(2)",
    encode: (submission, input) => {
      submission.nr = follows(input) ? NR.removexattr : NR.lremovexattr
      submission.a1 = encodeName(submission, input.name)
      submission.a0 = submission.path(input.path)
    },
    decode: asVoid
  })
)

export const fremovexattr = define(onFile, {
  name: "fremovexattr",
  man: "fremovexattr(2)",
  encode: (submission, input) => {
    submission.nr = NR.fremovexattr
    submission.a0 = checkFd(input.fd)
    submission.a1 = encodeName(submission, input.name)
  },
  decode: asVoid
})

// --- List

/** Names, each with a NUL behind it. */
const decodeNames = ({ output }: Submission, result: number): ReadonlyArray<XattrName> => {
  const names: Array<XattrName> = []
  for (let start = 0; start < result; ) {
    const end = output!.indexOf(0, start)
    names.push(pathFromBytes(output!, start, end))
    start = end + 1
  }
  return names
}

const listInput = (path: Path, options?: LinkOptions) => ({ path, ...startingAt(linkOptions(options)) })

export const listxattr = define(
  listInput,
  ofPath<ReturnType<typeof listInput>, ReadonlyArray<XattrName>>({
    name: "listxattr",
    man: "listxattr(2)",
    encode: (submission, input) => {
      submission.nr = follows(input) ? NR.listxattr : NR.llistxattr
      submission.a0 = submission.path(input.path)
      submission.a1 = answerRoom(submission, XATTR_LIST_MAX)
      submission.a2 = XATTR_LIST_MAX
    },
    decode: decodeNames
  })
)

export const flistxattr = define(targetOf, {
  name: "flistxattr",
  man: "flistxattr(2)",
  encode: (submission, { fd }) => {
    submission.nr = NR.flistxattr
    submission.a0 = checkFd(fd)
    submission.a1 = answerRoom(submission, XATTR_LIST_MAX)
    submission.a2 = XATTR_LIST_MAX
  },
  decode: decodeNames
})
