/**
 * The buffers of transfers: checked, measured, and written into a submission, all in one go.
 *
 * Nothing between measuring a view and taking its address runs code of the program's (native/views.ts), so the two belong together. The
 * submission keeps what the address belongs to.
 */

import type { Alignment } from "../native/direct.ts"
import { MAX_RW_COUNT } from "../native/layout.ts"
import { addressOf } from "../native/libc.ts"
import { allocateAligned } from "../native/memory.ts"
import { byteLengthOf, isGone, isResizable, plainView } from "../native/views.ts"
import { bad, show } from "./arguments.ts"
import type { Submission } from "./submission.ts"

/** IOV_MAX */
const MOST_BUFFERS = 1024

const GONE = "its memory is gone: it was transferred, or its buffer was made too short for it"

/** Bytes of an argument that must be a view with memory. An empty view is accepted. */
export const checkView = (view: ArrayBufferView, argument: string): number => {
  const length = byteLengthOf(view)
  if (length > 0) return length
  if (length < 0) return bad(argument, `must be a Uint8Array, not ${show(view)}`)
  return isGone(view) ? bad(argument, GONE) : 0
}

/** The argument, which must be a view, as an ordinary array: for callers that go through its bytes in parts. */
export const checkBytes = (view: ArrayBufferView, argument: string): Uint8Array => {
  checkView(view, argument)
  return plainView(view)
}

/**
 * A new array for bytes read from a file, aligned if the file is open for direct I/O. `undefined` where it would be longer than an array
 * can be, or where there is not enough memory. Not zeroed: bytes that the read does not overwrite are cut off, though they stay in
 * `.buffer`, as with Node's own buffers.
 */
export const newBuffer = (length: number, alignment: Alignment | undefined): Uint8Array<ArrayBuffer> | undefined => {
  try {
    return alignment === undefined
      ? new Uint8Array(Buffer.allocUnsafeSlow(length).buffer as ArrayBuffer)
      : allocateAligned(length, Math.max(4096, alignment.memory))
  } catch {
    return undefined
  }
}

/** A list as it is now, each element read once. An argument that is not a list, or cannot be read, is returned for `encode` to refuse. */
export const listOf = (buffers: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  try {
    if (!Array.isArray(buffers)) return buffers
    const { length } = buffers
    const list = new Array<Uint8Array>(length)
    // A list that is too long is refused, so that only its length matters.
    if (length <= MOST_BUFFERS) for (let i = 0; i < length; i++) list[i] = buffers[i]
    return list
  } catch {
    return unreadable
  }
}

const unreadable = "a list that cannot be read" as never

/** For readv(2) and writev(2). Returns a copy. */
const checkList = (buffers: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  const list = listOf(buffers)
  if (!Array.isArray(list)) return bad("buffers", `must be an array of Uint8Arrays, not ${show(list)}`)
  return list.length > MOST_BUFFERS
    ? bad("buffers", `at most ${MOST_BUFFERS} (IOV_MAX) in one call, not ${list.length}`)
    : list
}

/** Bytes of the buffer in an input, which may be wrong in any way. */
export const bytesIn = ({ buffer }: { readonly buffer: Uint8Array }): number => Math.max(0, byteLengthOf(buffer))

/** The same for a list of buffers. */
export const bytesInAll = ({ buffers }: { readonly buffers: ReadonlyArray<Uint8Array> }): number => {
  if (!Array.isArray(buffers) || buffers.length > MOST_BUFFERS) return 0
  let sum = 0
  for (let i = 0; i < buffers.length; i++) sum += Math.max(0, byteLengthOf(buffers[i]))
  return sum
}

/** What the kernel does with the bytes of a transfer, and what their memory has to be like. */
export interface Use {
  /** The kernel writes into the buffers. */
  readonly fills: boolean
  /** Bytes. Addresses have to be multiples of them. */
  readonly alignment: number | undefined
}

const bounced = (submission: Submission, view: Uint8Array, length: number, at: number, use: Use): Uint8Array => {
  const memory = use.alignment === undefined ? new Uint8Array(length) : allocateAligned(length, use.alignment)
  if (use.fills) {
    const bounceBuffers = submission.bounceBuffers ?? []
    bounceBuffers.push({ view, memory, at })
    submission.bounceBuffers = bounceBuffers
  } else memory.set(plainView(view).subarray(0, length))
  return memory
}

/** The memory that a request uses for a view of `length` bytes: that of the view, unless the program can take it away. */
const memoryFor = (submission: Submission, view: Uint8Array, length: number, at: number, use: Use): Uint8Array =>
  submission.outlivesCall && isResizable(view) ? bounced(submission, view, length, at, use) : view

/** `most` of -1 is no limit. Numbers stay small integers, which cost no memory: every request passes here. */
const atMost = (most: number, length: number): number => (most >= 0 && most < length ? most : length)

/** Address and length of a buffer, into the submission's second and third word. */
export const encodeBuffer = (submission: Submission, buffer: Uint8Array, use: Use): void => {
  const length = atMost(submission.most, checkView(buffer, "buffer"))
  const memory = length === 0 ? buffer : memoryFor(submission, buffer, length, 0, use)
  submission.keep = memory
  submission.bytes = length
  submission.a1 = length === 0 ? 0 : addressOf(memory)
  submission.a2 = atMost(MAX_RW_COUNT, length)
}

/** What a submission keeps for `encodeBuffers`. */
interface KeptVector {
  readonly views: ReadonlyArray<Uint8Array>
  /** `struct iovec`: address and length of each. */
  readonly vector: BigUint64Array
}

export const keptVector = ({ keep }: Submission): KeptVector => keep as KeptVector

/**
 * Address and length of an `iovec` array (readv(2)) over the buffers. Each buffer is shown to `visit`. The submission keeps all of them.
 */
export const encodeBuffers = (
  submission: Submission,
  buffers: ReadonlyArray<Uint8Array>,
  use: Use,
  visit: ((address: number, length: number) => void) | undefined,
  argument = "buffers"
): void => {
  const list = checkList(buffers)
  const vector = new BigUint64Array(Math.max(list.length, 1) * 2)
  const kept: Array<Uint8Array> = []
  let bytes = 0
  for (let i = 0; i < list.length; i++) {
    const view = list[i]
    const whole = checkView(view, argument)
    const length = submission.most < 0 ? whole : atMost(submission.most - bytes, whole)
    const memory = length === 0 ? view : memoryFor(submission, view, length, bytes, use)
    const address = length === 0 ? 0 : addressOf(memory)
    visit?.(address, length)
    vector[i * 2] = BigInt(address)
    vector[i * 2 + 1] = BigInt(length)
    bytes += length
    kept.push(memory)
  }
  submission.keep = { views: kept, vector } satisfies KeptVector
  submission.bytes = bytes
  submission.a1 = addressOf(vector)
  submission.a2 = list.length
}
