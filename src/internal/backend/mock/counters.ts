/** Counters of eventfd(2), and what poll(2) says of them and of processes. */
import type { Offset } from "../../engine/arguments.ts"
import { RWF } from "../../native/layout.ts"
import { POLLIN, POLLOUT } from "../../native/readiness.ts"
import { fail, Waits } from "./failure.ts"
import type { FileSystem } from "./filesystem.ts"
import { EventCounter, type Process } from "./inode.ts"

/** Bytes of a counter, and the most that it holds. */
const COUNT = 8
const MAX_COUNT = 2n ** 64n - 2n

export const lengthOf = (buffers: ReadonlyArray<Uint8Array>): number =>
  buffers.reduce((sum, { byteLength }) => sum + byteLength, 0)

/** Reads it. */
export const take = (
  fs: FileSystem,
  counter: EventCounter,
  into: ReadonlyArray<Uint8Array>,
  offset: Offset | undefined,
  flags: number
): number => {
  if (offset !== undefined) fail("ESPIPE")
  if (lengthOf(into) < COUNT) fail("EINVAL")
  if (counter.value === 0n) {
    if ((flags & RWF.NOWAIT) !== 0) fail("EAGAIN")
    throw new Waits(counter)
  }
  const count = counter.isSemaphore ? 1n : counter.value
  counter.value -= count
  const bytes = new Uint8Array(BigUint64Array.of(count).buffer)
  let done = 0
  for (const buffer of into) {
    const part = bytes.subarray(done, done + buffer.byteLength)
    buffer.set(part)
    done += part.byteLength
  }
  fs.wake(counter)
  return COUNT
}

/** Writes to it. */
export const add = (
  fs: FileSystem,
  counter: EventCounter,
  from: ReadonlyArray<Uint8Array>,
  offset: Offset | undefined
): number => {
  if (offset !== undefined) fail("ESPIPE")
  const bytes = Buffer.concat(from)
  if (bytes.length < COUNT) fail("EINVAL")
  const count = bytes.readBigUInt64LE()
  if (count > MAX_COUNT) fail("EINVAL")
  if (count > MAX_COUNT - counter.value) throw new Waits(counter)
  counter.value += count
  fs.wake(counter)
  return COUNT
}

/** The events among those that are wanted. A process is readable when it has ended. */
export const ready = (inode: EventCounter | Process, wanted: number): number => {
  const isCounter = inode instanceof EventCounter
  const readable = isCounter && inode.value > 0n ? POLLIN : 0
  const writable = isCounter && inode.value < MAX_COUNT ? POLLOUT : 0
  const events = wanted & (readable | writable)
  if (events === 0) throw new Waits(inode)
  return events
}
