/** File names from the kernel's bytes. */
import type { Path } from "./arguments.ts"

const REPLACEMENT = "\ufffd"

/** Whether decoding and encoding gives the same bytes again: the string can stand for the name. */
const isFaithful = (text: string, bytes: Buffer, start: number, end: number): boolean =>
  !text.includes(REPLACEMENT) || Buffer.from(text).equals(bytes.subarray(start, end))

/** The string where the bytes are UTF-8, otherwise a copy of the bytes: always usable as a path. */
export const pathFromBytes = (bytes: Buffer, start: number, end: number): Path => {
  const text = bytes.toString("utf8", start, end)
  return isFaithful(text, bytes, start, end) ? text : new Uint8Array(bytes.subarray(start, end))
}
