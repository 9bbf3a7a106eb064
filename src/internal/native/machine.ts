/**
 * Code that runs where JavaScript cannot: see machine/machine.c. It is mapped once, read-only and executable, and stays: threads that are
 * on their way out still run it after their Layer has ended.
 */
import { readFileSync } from "node:fs"
import { isMainThread } from "node:worker_threads"
import { addressOf, foreignMemory, koffi, syscall } from "./libc.ts"
import { code } from "./machine/code.ts"
import { mapMemory } from "./memory.ts"
import { NR } from "./syscalls.ts"

const NAME = "effect-aio"
const MFD_CLOEXEC = 1
const PROT_READ = 1
const PROT_EXEC = 4
const MAP_PRIVATE = 2

const MAPPING = new RegExp(`^([0-9a-f]+)-\\S+ r-xp .*/memfd:${NAME} `, "gm")

const program = process.arch === "arm64" ? code.arm64 : code.x64

/** A file that has no name and is never writable where it is executable: strict systems allow this. */
const mapFile = (bytes: Uint8Array): number => {
  const name = Buffer.from(`${NAME}\0`)
  const fd = syscall(NR.memfd_create, addressOf(name), MFD_CLOEXEC)
  if (fd < 0) return fd
  const written = syscall(NR.write, fd, addressOf(bytes), bytes.length)
  const address = written < 0 ? written : syscall(NR.mmap, 0, bytes.length, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0)
  syscall(NR.close, fd)
  return address
}

/** Memory that is written and then made executable, as V8 does with its own code. */
const mapCopy = (bytes: Uint8Array): number => {
  const address = mapMemory(bytes.length)
  if (address < 0) return address
  new Uint8Array(foreignMemory(address, bytes.length)).set(bytes)
  const result = syscall(NR.mprotect, address, bytes.length, PROT_READ | PROT_EXEC)
  return result < 0 ? result : address
}

/** The address at which another thread of this process has mapped the same file, which is never unmapped: worker threads come and go. */
const mapped = (bytes: Buffer): number | undefined => {
  try {
    for (const [, start] of readFileSync("/proc/self/maps", "latin1").matchAll(MAPPING)) {
      const address = Number.parseInt(start, 16)
      if (bytes.equals(new Uint8Array(foreignMemory(address, bytes.length)))) return address
    }
  } catch {
    // No procfs.
  }
  return undefined
}

let base: number | undefined

const load = (): number => {
  const bytes = Buffer.from(program.bytes, "base64")
  const found = isMainThread ? undefined : mapped(bytes)
  if (found !== undefined) return found
  const address = mapFile(bytes)
  return address < 0 ? mapCopy(bytes) : address
}

/**
 * Maps the code, unless it is mapped. Returns 0, or why it cannot be mapped (`-errno`): the system allows executable memory for files only.
 */
export const loadMachine = (): number => {
  if (base === undefined || base < 0) base = load()
  return Math.min(base, 0)
}

/** The address of a function of machine.c, after `loadMachine`. */
export const machineAddress = (name: "pool_thread" | "abandon_pool" | "run_cleanups"): number => base! + program[name]

/** Ends the calls that a pool's threads are in, and waits for the threads. For the end of the thread that the pool belongs to. */
export const abandonPool = (pool: number): void => {
  koffi.call(BigInt(machineAddress("abandon_pool")), koffi.proto("void", ["int64_t"]), pool)
}
