/**
 * The process's own libc through koffi: `syscall(2)`, and the few functions that are not system calls.
 *
 * Everything is declared with integers; addresses travel as Numbers (user space ends below 2^47, far under 2^53). A Number keeps no memory
 * alive: a comment at each place that passes an address says what does.
 */
import { readFileSync } from "node:fs"
import { isMainThread } from "node:worker_threads"
import { koffi, unsupported } from "./platform.ts"

export { koffi }

/** An argument of a system call. A bigint only where a Number would lose bits: offsets from 2^53 up. */
export type Word = number | bigint

/** The process itself: every C function that is loaded. */
export const lib = unsupported === undefined ? koffi.load(null) : undefined

/** Empty where Node's permission model does not allow to read it. */
const ownMaps = (): string => {
  try {
    return readFileSync("/proc/self/maps", "utf8")
  } catch {
    return ""
  }
}

// Node unloads koffi with the last worker thread that uses it, and closes handles afterwards with code that is not there any more. If
// the main thread does not hold it, pin it: dlopen(3) again, with RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE.
if (lib !== undefined && !isMainThread) {
  const path = /^.* (\/.*koffi\.node)$/m.exec(ownMaps())?.[1]
  if (path !== undefined) lib.func("dlopen", "void *", ["str", "int"])(path, 1 | 4 | 0x1000)
}

const rawSyscall = lib?.func("syscall", "int64_t", Array(7).fill("int64_t")) as (
  nr: number,
  a0: Word,
  a1: Word,
  a2: Word,
  a3: Word,
  a4: Word,
  a5: Word
) => number

/**
 * Makes one system call on the calling thread. Returns its result, or `-errno`. It blocks for as long as the kernel does: only calls that
 * cannot wait may be made on the event loop's thread.
 */
export const syscall = (
  nr: number,
  a0: Word = 0,
  a1: Word = 0,
  a2: Word = 0,
  a3: Word = 0,
  a4: Word = 0,
  a5: Word = 0
): number => {
  const result = rawSyscall(nr, a0, a1, a2, a3, a4, a5)
  return result === -1 ? -koffi.errno() : result
}

/** An ArrayBuffer over memory that is not JavaScript's own. Touching it after the memory is unmapped ends the process. */
export const foreignMemory = (address: number, length: number): ArrayBuffer => koffi.view(BigInt(address), length)

/** Where the bytes of a view start. Valid while the view's buffer is reachable and not detached. 0 for an empty view. */
export const addressOf: (view: ArrayBufferView | ArrayBufferLike) => number =
  // On other systems no address is ever handed to a kernel: operations are still checked and encoded, for the mock.
  unsupported === undefined ? (view) => Number(koffi.address(view)) : () => 0

/** The address of a C function of this process. */
export const functionAddress = (name: string): number => Number(koffi.address(lib!.symbol(name)))

/** Writes 64 bits as two words, low first. A Number is exact here: it is an integer below 2^53 in magnitude. */
export const setWord = (words: Uint32Array | Int32Array, at: number, value: Word): void => {
  if (typeof value === "number") {
    words[at] = value
    words[at + 1] = Math.floor(value / HIGH)
  } else {
    words[at] = Number(value & 0xffffffffn)
    words[at + 1] = Number(value >> 32n)
  }
}

const HIGH = 4294967296

const sigactionFunction = lib?.func("sigaction", "int", ["int", "int64_t", "int64_t"]) as (
  signal: number,
  action: number,
  previous: number
) => number

/** `sigaction(2)` with the addresses of `struct sigaction`s (0: none). Returns the result, or `-errno`. */
export const sigaction = (signal: number, action: number, previous: number): number =>
  sigactionFunction(signal, action, previous) === -1 ? -koffi.errno() : 0
