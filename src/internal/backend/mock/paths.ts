/**
 * Paths as the kernel sees them: bytes. Here each byte is a character of a string ("byte string"), so that names compare, concatenate
 * and count as bytes do, and ASCII stays as it is.
 */

import type { Path } from "../../engine/arguments.ts"
import { plainView } from "../../native/views.ts"

/** Bytes of a name, and of a path with its NUL. */
export const NAME_MAX = 255
export const PATH_MAX = 4096

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const ascii = /^[\x00-\x7f]*$/

const latin1 = ({ buffer, byteLength, byteOffset }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString("latin1")

export const toByteString = (path: Path): string =>
  typeof path !== "string" ? latin1(plainView(path)) : ascii.test(path) ? path : Buffer.from(path).toString("latin1")

export const toBytes = (name: string): Buffer => Buffer.from(name, "latin1")

/** The path as text for messages. */
export const toText = (name: string): string => (ascii.test(name) ? name : toBytes(name).toString())
