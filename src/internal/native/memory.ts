/**
 * Memory that is handed to the kernel.
 *
 * V8 never moves the bytes of an ArrayBuffer, but it frees them with the last reference. The rule here: the memory that an address was
 * taken from is referenced by the submission until its completion has been read. The submission's `cell`, `keep`, `output` and request are
 * these references. No other object may hold an address across a turn of the event loop.
 */
import { addressOf, syscall } from "./libc.ts"
import { NR } from "./syscalls.ts"

/** The memory that `permanent` was called with: reachable from that function, and so for as long as the module is. */
const permanents: Array<ArrayBufferView> = []

/**
 * The address of memory that lives as long as the program: for structures that are reused by every call.
 *
 * A constant of a module is not enough. V8 collects it after the module has run unless some function mentions it, and a function that
 * mentions only the address does not. The kernel would then read the memory's next content.
 */
export const permanent = (view: ArrayBufferView): number => {
  permanents.push(view)
  return addressOf(view)
}

const CELL_SIZE = 512
const PATH_OFFSET = 256
const encoder = new TextEncoder()

/**
 * 512 bytes of stable memory: 256 for what the kernel writes (a `struct statx` is the largest), 256 for a path. A backend's slot
 * has one and uses it again for every request, so a request for a short path allocates no native memory.
 */
export class Cell {
  /** Where the output area starts. */
  readonly address: number
  /** The output area, by the widths in which structures are read. */
  readonly u32: Uint32Array
  readonly u64: BigUint64Array
  readonly i64: BigInt64Array
  /** Where the path area starts. */
  readonly pathAddress: number
  readonly path: Uint8Array

  constructor() {
    const memory = new ArrayBuffer(CELL_SIZE)
    this.address = addressOf(memory)
    this.u32 = new Uint32Array(memory, 0, PATH_OFFSET / 4)
    this.u64 = new BigUint64Array(memory, 0, PATH_OFFSET / 8)
    this.i64 = new BigInt64Array(memory, 0, PATH_OFFSET / 8)
    this.pathAddress = this.address + PATH_OFFSET
    this.path = new Uint8Array(memory, PATH_OFFSET)
  }
}

/** A NUL-terminated copy of a path that does not fit a cell, or of a second path. The caller keeps it referenced. */
export const cString = (path: string | Uint8Array): Uint8Array => {
  if (typeof path === "string") return Buffer.from(`${path}\0`)
  const copy = new Uint8Array(path.length + 1)
  copy.set(path)
  return copy
}

/** Writes a NUL-terminated path into the cell; false where it does not fit. */
export const writePath = (cell: Cell, path: string | Uint8Array): boolean => {
  const into = cell.path
  if (typeof path !== "string") {
    if (path.length >= into.length) return false
    into.set(path)
    into[path.length] = 0
    return true
  }
  if (path.length >= into.length) return false
  const { read, written } = encoder.encodeInto(path, into)
  if (read < path.length || written >= into.length) return false
  into[written] = 0
  return true
}

/**
 * `length` bytes whose address is a multiple of `alignment` (a power of two), as O_DIRECT wants. Ordinary garbage-collected
 * memory: the view starts inside a slightly larger ArrayBuffer, which never moves.
 */
export const allocateAligned = (length: number, alignment: number): Uint8Array<ArrayBuffer> => {
  const buffer = new ArrayBuffer(length + alignment)
  const address = addressOf(buffer)
  return new Uint8Array(buffer, (alignment - (address % alignment)) % alignment, length)
}

const PROT_READ_WRITE = 3
const MAP_PRIVATE_ANONYMOUS = 0x22

/**
 * The address of so many zeros, in memory that does not belong to JavaScript: it stays until it is unmapped, also when this thread ends. Or
 * `-errno`.
 */
export const mapMemory = (length: number): number =>
  syscall(NR.mmap, 0, length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0)
