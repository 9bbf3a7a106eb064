/** File names from the kernel's bytes, and for people. */
import { isUint8Array, plainView } from "../native/views.ts"
import type { Path } from "./arguments.ts"

const REPLACEMENT = "\ufffd"

/** Whether decoding and encoding gives the same bytes again: the string can stand for the name. */
const isFaithful = (text: string, bytes: Buffer, start: number, end: number): boolean =>
  !text.includes(REPLACEMENT) || Buffer.from(text).equals(bytes.subarray(start, end))

const isAscii = (bytes: Buffer, start: number, end: number): boolean => {
  for (let at = start; at < end; at++) if (bytes[at] >= 0x80) return false
  return true
}

/** The bytes as text for people. */
export const textFromBytes = (bytes: Buffer, start: number, end: number): string =>
  // Most names are ASCII, which needs no decoder.
  bytes.toString(isAscii(bytes, start, end) ? "latin1" : "utf8", start, end)

/** The string where the bytes are UTF-8, otherwise a copy of the bytes: always usable as a path. */
export const pathFromBytes = (bytes: Buffer, start: number, end: number): Path => {
  const text = textFromBytes(bytes, start, end)
  return isFaithful(text, bytes, start, end) ? text : new Uint8Array(bytes.subarray(start, end))
}

/** A path for people: bytes that are not UTF-8 show as U+FFFD. A value that is not a path is shown as far as possible. */
export const textOfPath = (path: Path): string => {
  if (typeof path === "string") return path
  if (!isUint8Array(path)) return typeof path
  const { buffer, byteLength, byteOffset } = plainView(path)
  return Buffer.from(buffer, byteOffset, byteLength).toString("utf8")
}
