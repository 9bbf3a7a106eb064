/**
 * System calls that a test makes itself, where Node has no function for them. Made, and numbered, apart from the library: a test that shared
 * its numbers would share their mistakes.
 */
import koffi from "koffi"

/** A bigint only where a Number would lose bits. */
export type Word = number | bigint

/** The C library of this process. */
export const libc = koffi.load(null)

const raw = libc.func("syscall", "int64_t", Array(7).fill("int64_t"))

/** From asm/unistd.h: on x64, and elsewhere. */
const numbers = {
  read: [0, 63],
  write: [1, 64],
  ioctl: [16, 29],
  socketpair: [53, 199],
  fcntl: [72, 25],
  flock: [73, 32],
  truncate: [76, 45],
  setresuid: [117, 147],
  clock_gettime: [228, 113],
  ppoll: [271, 73],
  mknodat: [259, 33],
  utimensat: [280, 88],
  fallocate: [285, 47],
  eventfd2: [290, 19],
  dup3: [292, 24],
  pipe2: [293, 59],
  prlimit64: [302, 261],
  renameat2: [316, 276],
  copy_file_range: [326, 285],
  cachestat: [451, 451]
} as const

export type SystemCall = keyof typeof numbers

export const numberOf = (call: SystemCall): number => numbers[call][process.arch === "arm64" ? 1 : 0]

/** One system call on this thread: its result, or `-errno`. An address is of memory that its caller keeps until this returns. */
export const systemCall = (call: SystemCall, ...words: ReadonlyArray<Word>): number => {
  const result: number = raw(numberOf(call), ...words, ...Array(6 - words.length).fill(0))
  return result === -1 ? -koffi.errno() : result
}

/** Where the bytes of a view start, for as long as the view is reachable. */
export const addressOf = (view: ArrayBufferView): number => Number(koffi.address(view))

const kept: Array<ArrayBufferView> = []

/** The same, of memory that stays for the rest of the program: a constant of a module is collected when no function mentions it any more. */
export const lastingAddress = (view: ArrayBufferView): number => {
  kept.push(view)
  return addressOf(view)
}

export const O_CLOEXEC = 0o2000000
const POLLIN = 1

const pair = new Int32Array(2)
const pairAddress = lastingAddress(pair)

/** Two descriptors that such a call writes to an address. */
export const pairOf = (call: (address: number) => number): readonly [number, number] => {
  const result = call(pairAddress)
  if (result !== 0) throw new Error(`no pair of descriptors: ${result}`)
  return [pair[0], pair[1]]
}

/** pipe2(2), close-on-exec: the reading end, the writing end. The caller closes both. */
export const openPipe = (flags = 0): readonly [reader: number, writer: number] =>
  pairOf((address) => systemCall("pipe2", address, O_CLOEXEC | flags))

/** dup3(2): `target` is what `fd` is from here on. */
export const replaceDescriptor = (fd: number, target: number): void => {
  if (systemCall("dup3", fd, target, O_CLOEXEC) !== target) throw new Error("dup3")
}

const question = new Int32Array(2)
const questionAddress = lastingAddress(question)
const atOnceAddress = lastingAddress(new BigInt64Array(2))

/** Whether poll(2) says that it is readable now. */
export const isReadable = (fd: number): boolean => {
  question[0] = fd
  question[1] = POLLIN
  return systemCall("ppoll", questionAddress, 1, atOnceAddress, 0) === 1
}

const limits = new BigUint64Array(2)
const limitsAddress = lastingAddress(limits)

/** Of this process, by its number in sys/resource.h: what is allowed now. prlimit(2). */
export const resourceLimit = (resource: number): bigint => {
  if (systemCall("prlimit64", 0, resource, 0, limitsAddress) !== 0) throw new Error("prlimit64")
  return limits[0]
}

/** No more from here on; the hard limit stays. */
export const limitResource = (resource: number, allowed: bigint): void => {
  resourceLimit(resource)
  limits[0] = allowed
  if (systemCall("prlimit64", 0, resource, limitsAddress, 0) !== 0) throw new Error("prlimit64")
}
