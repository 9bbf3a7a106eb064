/** Checks of public arguments, and their encodings. Every check names the argument as the user wrote it. */

import { isGone, isUint8Array, plainView } from "../native/views.ts"

/**
 * A file name as the kernel sees it: a string (encoded as UTF-8) or the bytes themselves, without the terminating NUL.
 *
 * @since 0.1.0
 * @category models
 */
export type Path = string | Uint8Array

/**
 * A position or size in bytes. bigint where it may exceed 2^53 - 1.
 *
 * @since 0.1.0
 * @category models
 */
export type Offset = number | bigint

/** What is wrong with an argument. Becomes `AioBadArgument`, which adds the operation. */
export class BadArgument {
  constructor(
    readonly argument: string,
    readonly description: string
  ) {}
}

export const bad = (argument: string, description: string): never => {
  throw new BadArgument(argument, description)
}

/** A value that a caller has passed, as text for messages. Never throws, whatever the value is. */
export const show = (value: unknown): string => {
  if (typeof value === "bigint") return `${value}n`
  if (typeof value === "string") return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}...` : value)
  if (typeof value === "function") return "a function"
  if (typeof value !== "object" || value === null) return String(value)
  try {
    const name: unknown = value.constructor?.name
    return typeof name === "string" && name !== "" ? name : "an object"
  } catch {
    return "an object"
  }
}

/** The number that a name stands for. `others`: the other kinds of values that the argument takes, for the message. */
export const checkName = (
  table: Readonly<Record<string, number>>,
  name: unknown,
  argument: string,
  others = ""
): number =>
  typeof name === "string" && Object.hasOwn(table, name)
    ? table[name]
    : bad(argument, `one of ${Object.keys(table).join(", ")}${others}, not ${show(name)}`)

/** A file descriptor: an integer from 0 to 2^31 - 1. */
export const checkFd = (fd: number, argument = "fd"): number =>
  Number.isInteger(fd) && fd >= 0 && fd <= 0x7fffffff
    ? fd
    : bad(argument, `a file descriptor is an integer from 0 to 2147483647, not ${show(fd)}`)

const MAX_OFFSET = 0x7fffffffffffffffn

/** A position or size: an integer from 0 to 2^63 - 1. Bigints that fit come back as Numbers. */
export const checkOffset = (value: Offset, argument = "offset"): Offset => {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value) && value >= 0) return value
    return bad(
      argument,
      Number.isInteger(value) && value > 0
        ? `${value} is above 2^53 - 1, where a number is not exact: pass a bigint`
        : `must be a whole number of bytes from 0, not ${show(value)}`
    )
  }
  if (typeof value !== "bigint") return bad(argument, `must be a number or a bigint, not ${show(value)}`)
  if (value < 0n || value > MAX_OFFSET) return bad(argument, `must be from 0 to 2^63 - 1, not ${value}`)
  return value <= 9007199254740991n ? Number(value) : value
}

/** A position moved forward by so many bytes; `undefined` stays `undefined`. */
export const advance = (offset: Offset | undefined, by: number): Offset | undefined =>
  offset === undefined
    ? undefined
    : typeof offset === "number" && offset + by <= Number.MAX_SAFE_INTEGER
      ? offset + by
      : BigInt(offset) + BigInt(by)

/** An unsigned 32-bit integer: modes, flags, counts. */
export const checkUint32 = (value: number, argument: string): number =>
  Number.isInteger(value) && value >= 0 && value <= 0xffffffff
    ? value
    : bad(argument, `must be an integer from 0 to 4294967295, not ${show(value)}`)

/** A path that a kernel would take. Bytes come back as an ordinary array. */
export const checkPath = (path: Path, argument = "path"): Path => {
  if (typeof path === "string") {
    if (path.includes("\0")) bad(argument, `a path cannot contain a NUL character: ${show(path)}`)
    // A lone surrogate has no UTF-8: it would silently become another file's name.
    if (!path.isWellFormed()) bad(argument, `not a well-formed string, pass bytes: ${show(path)}`)
    return path
  }
  if (!isUint8Array(path)) return bad(argument, `must be a string or a Uint8Array, not ${show(path)}`)
  const bytes = plainView(path)
  if (bytes.length === 0 && isGone(path)) bad(argument, "its memory is gone: it was transferred, or cut off")
  return bytes.includes(0) ? bad(argument, "a path cannot contain a NUL byte") : bytes
}

/** The iterator of an iterable that a caller has passed. Throws `BadArgument` where it is none. */
export const iteratorOf = <T>(operations: Iterable<T>): Iterator<T> => {
  const iterator: Iterator<T> | undefined = operations[Symbol.iterator]()
  if (typeof iterator?.next === "function") return iterator
  return bad("operations", `must have an iterator, not ${show(iterator)}`)
}

/** What it gives next. Throws `BadArgument` where that is nothing. */
export const nextOf = <T>(iterator: Iterator<T>): IteratorResult<T> => {
  const next: IteratorResult<T> | undefined = iterator.next()
  if (typeof next === "object" && next !== null) return next
  return bad("operations", `have an iterator whose next() gives ${show(next)}`)
}
