/**
 * What a worker thread of Node leaves behind when it is ended from outside. `worker.terminate()` runs no JavaScript any more, and so no
 * finalizer: what is in flight would be written into memory that is freed, and descriptors would stay open for the rest of the process.
 * So all that has to be seen to is written down in memory of its own, and a clean-up hook of Node's, in machine.c, goes through it on
 * that thread, before its memory is freed. The same when the thread ends in any other way.
 *
 * Nothing of this is done in the main thread, with which the process ends.
 */
import { isMainThread } from "node:worker_threads"
import { atCleanUp } from "./environment.ts"
import { foreignMemory, setWord, syscall } from "./libc.ts"
import {
  BEQUEST_WORDS,
  DESCRIPTOR_WORDS,
  ESTATE_DESCRIPTORS,
  ESTATE_SIZE,
  MOST_BEQUESTS,
  NO_BEQUEST
} from "./machine/layout.ts"
import { loadMachine, machineAddress } from "./machine.ts"
import { mapMemory } from "./memory.ts"
import { NR } from "./syscalls.ts"

export { BLOCKS, CONTEXT, MEMORY, OF_OPEN, POLL, POOL, RING } from "./machine/layout.ts"

interface Estate {
  /** Entries of `BEQUEST_WORDS` words of 64 bits: what it is, and up to six values. */
  readonly bequests: Int32Array
  /** A bit for each descriptor that is to be closed. */
  readonly descriptors: Int32Array
  readonly free: Array<number>
}

const make = (): Estate | null => {
  if (isMainThread || loadMachine() < 0) return null
  const address = mapMemory(ESTATE_SIZE)
  if (address < 0) return null
  const memory = foreignMemory(address, ESTATE_SIZE)
  const estate = {
    bequests: new Int32Array(memory, 0, MOST_BEQUESTS * BEQUEST_WORDS * 2),
    descriptors: new Int32Array(memory, ESTATE_DESCRIPTORS, DESCRIPTOR_WORDS),
    free: Array.from({ length: MOST_BEQUESTS }, (_, index) => MOST_BEQUESTS - 1 - index)
  }
  return atCleanUp(machineAddress("settle_estate"), address) ? estate : null
}

let made: Estate | null | undefined
const own = (): Estate | null => {
  if (made === undefined) made = make()
  return made
}

/** Whether what this thread leaves behind will be seen to. */
export const hasEstate = (): boolean => own() !== null

/** Writes down what is to be done when this thread has ended, until `revoke`. The meaning of the values depends on the kind, see machine.h. */
export const bequeath = (kind: number, ...values: ReadonlyArray<number>): number => {
  const estate = own()
  // Without room, this one is not seen to; nobody has so many.
  const index = estate?.free.pop()
  if (estate === null || index === undefined) return -1
  const at = index * BEQUEST_WORDS * 2
  values.forEach((value, i) => setWord(estate.bequests, at + 2 + i * 2, value))
  // Last: it counts from here on.
  setWord(estate.bequests, at, kind)
  return index
}

/** It has been done. */
export const revoke = (index: number): void => {
  if (index < 0) return
  const estate = own()!
  setWord(estate.bequests, index * BEQUEST_WORDS * 2, NO_BEQUEST)
  estate.free.push(index)
}

/** The descriptor is to be closed with this thread, until `disownDescriptor`. Returns it; a failure (`-errno`) is none. */
export const ownDescriptor = (fd: number): number => {
  if (fd < 0 || isMainThread) return fd
  const estate = own()
  if (estate !== null && fd < DESCRIPTOR_WORDS * 32) estate.descriptors[fd >> 5] |= 1 << (fd & 31)
  return fd
}

/** Before a descriptor is closed: its number may be somebody else's right after. */
export const disownDescriptor = (fd: number): void => {
  if (isMainThread || fd < 0 || fd >= DESCRIPTOR_WORDS * 32) return
  const estate = own()
  if (estate !== null) estate.descriptors[fd >> 5] &= ~(1 << (fd & 31))
}

/** Closes a descriptor that was owned. */
export const closeDescriptor = (fd: number): void => {
  disownDescriptor(fd)
  syscall(NR.close, fd)
}
