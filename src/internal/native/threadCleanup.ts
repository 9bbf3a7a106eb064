/**
 * Cleans up after a worker thread of Node that is ended from outside. `worker.terminate()` runs no JavaScript any more, and so no
 * finalizer: requests in flight would write into memory that is freed, and descriptors would stay open for the rest of the process. So
 * everything that has to be cleaned up is registered in memory that does not belong to JavaScript, and a clean-up hook of Node, in
 * machine.c, goes through it on that thread, before the thread's memory is freed. The same happens when the thread ends in any other way.
 *
 * Nothing of this is done in the main thread, with which the process ends.
 */
import { isMainThread } from "node:worker_threads"
import { atCleanUp } from "./environment.ts"
import { foreignMemory, setWord, syscall } from "./libc.ts"
import {
  CLEANUP_WORDS,
  CLEANUPS_DESCRIPTORS,
  CLEANUPS_SIZE,
  DESCRIPTOR_WORDS,
  MAX_CLEANUPS,
  NO_CLEANUP
} from "./machine/layout.ts"
import { loadMachine, machineAddress } from "./machine.ts"
import { mapMemory } from "./memory.ts"
import { NR } from "./syscalls.ts"

export { BLOCKS, CONTEXT, MEMORY, OF_OPEN, POLL, POOL, RING } from "./machine/layout.ts"

interface Cleanups {
  /** Entries of `CLEANUP_WORDS` words of 64 bits: the kind, and up to six values. */
  readonly entries: Int32Array
  /** A bit for each descriptor that is to be closed. */
  readonly descriptors: Int32Array
  readonly free: Array<number>
}

const make = (): Cleanups | null => {
  if (isMainThread || loadMachine() < 0) return null
  const address = mapMemory(CLEANUPS_SIZE)
  if (address < 0) return null
  const memory = foreignMemory(address, CLEANUPS_SIZE)
  const cleanups = {
    entries: new Int32Array(memory, 0, MAX_CLEANUPS * CLEANUP_WORDS * 2),
    descriptors: new Int32Array(memory, CLEANUPS_DESCRIPTORS, DESCRIPTOR_WORDS),
    free: Array.from({ length: MAX_CLEANUPS }, (_, index) => MAX_CLEANUPS - 1 - index)
  }
  return atCleanUp(machineAddress("run_cleanups"), address) ? cleanups : null
}

let made: Cleanups | null | undefined
const ofThisThread = (): Cleanups | null => {
  if (made === undefined) made = make()
  return made
}

/** Whether there will be a clean-up after this thread. */
export const hasCleanups = (): boolean => ofThisThread() !== null

/**
 * Registers what is to be done when this thread has ended, until `unregisterCleanup`. The meaning of the values depends on the kind, see
 * machine.h.
 */
export const registerCleanup = (kind: number, ...values: ReadonlyArray<number>): number => {
  const cleanups = ofThisThread()
  // Without room it is not registered. No program has so many.
  const index = cleanups?.free.pop()
  if (cleanups === null || index === undefined) return -1
  const at = index * CLEANUP_WORDS * 2
  values.forEach((value, i) => setWord(cleanups.entries, at + 2 + i * 2, value))
  // Written last: the entry counts from here on.
  setWord(cleanups.entries, at, kind)
  return index
}

/** The clean-up has been done, or is not needed any more. */
export const unregisterCleanup = (index: number): void => {
  if (index < 0) return
  const cleanups = ofThisThread()!
  setWord(cleanups.entries, index * CLEANUP_WORDS * 2, NO_CLEANUP)
  cleanups.free.push(index)
}

/**
 * The descriptor is closed with this thread, until `disownDescriptor`. Returns the descriptor. A failure (`-errno`) is returned as it is.
 */
export const ownDescriptor = (fd: number): number => {
  if (fd < 0 || isMainThread) return fd
  const cleanups = ofThisThread()
  if (cleanups !== null && fd < DESCRIPTOR_WORDS * 32) cleanups.descriptors[fd >> 5] |= 1 << (fd & 31)
  return fd
}

/** Called before a descriptor is closed: its number may belong to another file right after. */
export const disownDescriptor = (fd: number): void => {
  if (isMainThread || fd < 0 || fd >= DESCRIPTOR_WORDS * 32) return
  const cleanups = ofThisThread()
  if (cleanups !== null) cleanups.descriptors[fd >> 5] &= ~(1 << (fd & 31))
}

/** Closes a descriptor that was owned. */
export const closeDescriptor = (fd: number): void => {
  disownDescriptor(fd)
  syscall(NR.close, fd)
}
