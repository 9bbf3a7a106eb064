/**
 * POSIX AIO as glibc has it, aio(7): the functions, and tables of `struct aiocb`.
 *
 * The control blocks are mapped memory, not a JavaScript array: a worker thread that is terminated frees its arrays, and glibc keeps lists
 * that lead through these blocks. The clean-up of the thread (threadCleanup.ts) then ends the requests in flight.
 */
import { constants } from "node:os"
import { foreignMemory, koffi, lib, syscall, type Word } from "./libc.ts"
import { permanent } from "./memory.ts"
import { NR } from "./syscalls.ts"
import { BLOCKS, registerCleanup, unregisterCleanup } from "./threadCleanup.ts"

/** `struct aiocb` of glibc, 64 bits, x64 and arm64: indices of 32-bit words. `selfTest` compares the private ones with the functions. */
const AIOCB = {
  fildes: 0,
  lioOpcode: 1,
  reqprio: 2,
  buf: 4,
  nbytes: 6,
  sigevNotify: 11,
  errorCode: 28,
  returnValue: 30,
  offset: 32
} as const

/** 168 bytes of `struct aiocb`, rounded up to whole cache lines. */
const STRIDE = 192
const WORDS = STRIDE / 4
const HIGH = 4294967296

const SIGEV_NONE = 1
const LIO_NOWAIT = 1
const PROT_READ_WRITE = 3
const MAP_PRIVATE_ANONYMOUS = 0x22
const MFD_CLOEXEC = 1

export const LIO_READ = 0
export const LIO_WRITE = 1

/** Answers of aio_cancel(3). */
export const AIO_CANCELED = 0
export const AIO_NOTCANCELED = 1
export const AIO_ALLDONE = 2

/** In place of an error number: the block has not been given to glibc, or it refused without writing one. */
const UNTOUCHED = 0x7fff
const { EAGAIN, EINPROGRESS } = constants.errno

interface Functions {
  readonly aio_read: (block: number) => number
  readonly aio_write: (block: number) => number
  readonly aio_fsync: (flag: number, block: number) => number
  readonly aio_error: (block: number) => number
  readonly aio_return: (block: number) => number
  readonly aio_cancel: (fd: number, block: number) => number
  readonly aio_suspend: (list: number, count: number, timeout: number) => number
  readonly lio_listio: (mode: number, list: number, count: number, event: number) => number
  readonly aio_init: (options: number) => void
  /** The library in which the functions were found; `null` is the process itself. */
  readonly library: string | null
  /** For the clean-up of the thread. */
  readonly cancelAddress: number
  readonly errorAddress: number
}

const signatures: Record<
  Exclude<keyof Functions, `${string}Address` | "library">,
  readonly [result: string, parameters: ReadonlyArray<string>]
> = {
  aio_read: ["int", ["int64_t"]],
  aio_write: ["int", ["int64_t"]],
  aio_fsync: ["int", ["int", "int64_t"]],
  aio_error: ["int", ["int64_t"]],
  aio_return: ["int64_t", ["int64_t"]],
  aio_cancel: ["int", ["int", "int64_t"]],
  aio_suspend: ["int", ["int64_t", "int", "int64_t"]],
  lio_listio: ["int", ["int", "int64_t", "int", "int64_t"]],
  aio_init: ["void", ["int64_t"]]
}

/** glibc before 2.34 has these functions in a library of their own. */
const LIBRT = "librt.so.1"

const load = (): Functions => {
  for (const library of [null, LIBRT]) {
    try {
      const from = library === null ? lib! : koffi.load(library)
      // Only glibc's is known here: musl has functions of the same names with other rules, and no aio_init.
      from.symbol("aio_init")
      const called = Object.entries(signatures).map(([name, [result, parameters]]) => [
        name,
        from.func(name, result, parameters as Array<string>)
      ])
      return {
        ...Object.fromEntries(called),
        library,
        cancelAddress: Number(koffi.address(from.symbol("aio_cancel"))),
        errorAddress: Number(koffi.address(from.symbol("aio_error")))
      }
    } catch {
      // Not in this library: try the next, or fail.
    }
  }
  throw new PosixAioUnavailable("functions", 0)
}

/** Why POSIX AIO is not available: missing functions, a function that failed, or memory that is not laid out like glibc's. */
export class PosixAioUnavailable {
  constructor(
    readonly call: "functions" | "layout" | "mmap" | "memfd_create" | "aio_read" | "aio_suspend",
    readonly errno: number
  ) {}
}

let loaded: Functions | undefined
const functions = (): Functions => {
  loaded ??= load()
  return loaded
}

/**
 * The library in which the functions are found, for threads that load them again. `null` is the process itself. The answer is remembered:
 * koffi ends the process when it is asked for a symbol while its thread is being terminated.
 */
export const posixAioLibrary = (): string | null => functions().library

const init = new Int32Array(8)
const initAddress = permanent(init)

/** What is glibc's own, and of the whole process. */
export const glibc = {
  /**
   * aio_init(3). glibc heeds `threads` and `requests` only before the first request of the process, no matter which code makes it;
   * `idleSeconds` (0: unchanged) at any time.
   */
  aioInit: (threads: number, requests: number, idleSeconds: number): void => {
    init[0] = threads
    init[1] = requests
    init[6] = idleSeconds
    functions().aio_init(initAddress)
  }
}

const time = new BigInt64Array(2)
const timeAddress = permanent(time)

/** A table of control blocks, one a slot. */
export class ControlBlocks {
  private readonly functions = functions()
  private readonly address: number
  private readonly length: number
  private readonly cleanup: number
  private words: Int32Array
  private unsigned: Uint32Array
  private wide: BigInt64Array
  /** Addresses for lio_listio(3) and aio_suspend(3), which read them during the call. */
  private readonly list: Uint32Array
  private readonly listAddress: number

  constructor(readonly count: number) {
    const page = 4096
    const listBytes = count * 8
    this.length = Math.ceil((count * STRIDE + listBytes) / page) * page
    const address = syscall(NR.mmap, 0, this.length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0)
    if (address < 0) throw new PosixAioUnavailable("mmap", -address)
    this.address = address
    const memory = foreignMemory(address, this.length)
    this.words = new Int32Array(memory)
    this.unsigned = new Uint32Array(memory)
    this.wide = new BigInt64Array(memory)
    this.list = new Uint32Array(memory, count * STRIDE, count * 2)
    this.listAddress = address + count * STRIDE
    for (let slot = 0; slot < count; slot++) {
      // No signal and no thread for a completion: see notification.ts.
      this.words[slot * WORDS + AIOCB.sigevNotify] = SIGEV_NONE
      this.words[slot * WORDS + AIOCB.errorCode] = UNTOUCHED
    }
    const { cancelAddress, errorAddress } = this.functions
    this.cleanup = registerCleanup(BLOCKS, address, count, STRIDE, this.length, cancelAddress, errorAddress)
  }

  addressOf(slot: number): number {
    return this.address + slot * STRIDE
  }

  /** Writes a request. The caller keeps the memory at `buffer` until the request is complete. */
  prepare(
    slot: number,
    fd: number,
    opcode: number,
    reqprio: number,
    buffer: number,
    bytes: number,
    offset: Word
  ): void {
    const { unsigned, words } = this
    const at = slot * WORDS
    words[at + AIOCB.fildes] = fd
    words[at + AIOCB.lioOpcode] = opcode
    words[at + AIOCB.reqprio] = reqprio
    words[at + AIOCB.errorCode] = UNTOUCHED
    unsigned[at + AIOCB.buf] = buffer
    unsigned[at + AIOCB.buf + 1] = buffer / HIGH
    unsigned[at + AIOCB.nbytes] = bytes
    unsigned[at + AIOCB.nbytes + 1] = bytes / HIGH
    if (typeof offset === "number") {
      unsigned[at + AIOCB.offset] = offset
      unsigned[at + AIOCB.offset + 1] = Math.floor(offset / HIGH)
    } else this.wide[(at + AIOCB.offset) / 2] = offset
  }

  /** Makes a block that was refused or cancelled ready to be given to glibc again. */
  reset(slot: number): void {
    this.words[slot * WORDS + AIOCB.errorCode] = UNTOUCHED
  }

  /**
   * Whether glibc has ended the request, from memory: no call, no lock. glibc may still be busy with the block. Before the block is used or
   * changed, `synchronise` has to be called, once for any number of blocks.
   */
  isComplete(slot: number): boolean {
    const code = Atomics.load(this.words, slot * WORDS + AIOCB.errorCode)
    return code !== EINPROGRESS && code !== UNTOUCHED
  }

  /** Waits until glibc is done with all blocks that `isComplete` has told of: aio_error(3) takes the lock under which they end. */
  synchronise(slot: number): void {
    this.functions.aio_error(this.addressOf(slot))
  }

  /** The result, or `-errno`, of a complete request. aio_return(3), to be called exactly once for each. */
  result(slot: number): number {
    const code = this.words[slot * WORDS + AIOCB.errorCode]
    const value = this.functions.aio_return(this.addressOf(slot))
    this.words[slot * WORDS + AIOCB.errorCode] = UNTOUCHED
    return code === 0 ? value : -code
  }

  /** Starts a transfer: aio_read(3) or aio_write(3). Returns 0, or `-errno` where glibc refused it. */
  startTransfer(slot: number): number {
    const { aio_read, aio_write } = this.functions
    const start = this.words[slot * WORDS + AIOCB.lioOpcode] === LIO_READ ? aio_read : aio_write
    return start(this.addressOf(slot)) === -1 ? -koffi.errno() : 0
  }

  private writeList(slots: ReadonlyArray<number>): void {
    for (let i = 0; i < slots.length; i++) {
      const address = this.addressOf(slots[i])
      this.list[i * 2] = address
      this.list[i * 2 + 1] = address / HIGH
    }
  }

  /**
   * Starts several transfers in one call: lio_listio(3) with LIO_NOWAIT. False: some were not started (EAGAIN: no memory, no thread; EIO).
   * `isRefused` tells which.
   */
  start(slots: ReadonlyArray<number>): boolean {
    this.writeList(slots)
    return this.functions.lio_listio(LIO_NOWAIT, this.listAddress, slots.length, 0) === 0
  }

  /** Whether a transfer of a list with failures was not started. */
  isRefused(slot: number): boolean {
    // Under the lock: a request that was started and has ended has then ended completely.
    const code = this.functions.aio_error(this.addressOf(slot))
    if (code === UNTOUCHED) return true
    // A request that ended with an error returns -1; one that glibc could not start was left at 0.
    return code !== 0 && code !== EINPROGRESS && this.wide[(slot * WORDS + AIOCB.returnValue) / 2] === 0n
  }

  /** Starts a sync: aio_fsync(3). False where glibc refused it. */
  startSync(slot: number, flag: number): boolean {
    return this.functions.aio_fsync(flag, this.addressOf(slot)) === 0
  }

  /** aio_cancel(3): one of its three answers, or `-errno`. */
  cancel(fd: number, slot: number): number {
    const answer = this.functions.aio_cancel(fd, this.addressOf(slot))
    return answer === -1 ? -koffi.errno() : answer
  }

  /** Blocks this thread until one of the requests is complete, for so many milliseconds at most. */
  suspend(slots: ReadonlyArray<number>, milliseconds: number): void {
    this.writeList(slots)
    time[0] = BigInt(Math.floor(milliseconds / 1000))
    time[1] = BigInt(Math.floor(milliseconds % 1000)) * 1_000_000n
    this.functions.aio_suspend(this.listAddress, slots.length, timeAddress)
  }

  /** Compares a complete request as memory shows it with what the functions tell. */
  agrees(slot: number): boolean {
    const address = this.addressOf(slot)
    const at = slot * WORDS
    return (
      this.functions.aio_error(address) === this.words[at + AIOCB.errorCode] &&
      this.functions.aio_return(address) === Number(this.wide[(at + AIOCB.returnValue) / 2])
    )
  }

  /** Called with nothing in flight. The views are emptied first: touching unmapped memory would end the process. */
  close(): void {
    this.words = new Int32Array(0)
    this.unsigned = new Uint32Array(0)
    this.wide = new BigInt64Array(0)
    unregisterCleanup(this.cleanup)
    syscall(NR.munmap, this.address, this.length)
  }
}

const sample = new Uint8Array([97, 105, 111, 10, 0, 255, 1, 2])
const sampleAddress = permanent(sample)
const landing = new Uint8Array(16)
const landingAddress = permanent(landing)

let tested = false

/**
 * Reads a file in memory, and checks that blocks are laid out as this module expects. Done once a thread. Throws `PosixAioUnavailable`. It
 * waits for cached memory: a fraction of a millisecond, and a second at most.
 */
export const selfTest = (): void => {
  if (tested) return
  functions()
  const fd: number = lib!.func("memfd_create", "int", ["str", "uint32_t"])("effect-aio", MFD_CLOEXEC)
  if (fd < 0) throw new PosixAioUnavailable("memfd_create", koffi.errno())
  try {
    syscall(NR.write, fd, sampleAddress, sample.length)
    const blocks = new ControlBlocks(2)
    landing.fill(0)
    blocks.prepare(0, fd, LIO_READ, 0, landingAddress, landing.length, 2)
    blocks.prepare(1, -1, LIO_READ, 0, landingAddress, 1, 0)
    for (const slot of [0, 1]) {
      const failure = blocks.startTransfer(slot)
      if (failure < 0) throw new PosixAioUnavailable("aio_read", -failure)
      for (let round = 0; round < 10 && !blocks.isComplete(slot); round++) blocks.suspend([slot], 100)
      // The blocks stay mapped: glibc still uses them.
      if (!blocks.isComplete(slot)) throw new PosixAioUnavailable("aio_suspend", EAGAIN)
      blocks.synchronise(slot)
    }
    const read = sample.length - 2
    const matches =
      blocks.agrees(0) &&
      blocks.agrees(1) &&
      blocks.result(0) === read &&
      blocks.result(1) === -constants.errno.EBADF &&
      landing.every((byte, i) => byte === (i < read ? sample[i + 2] : 0))
    if (!matches) throw new PosixAioUnavailable("layout", 0)
    blocks.close()
    tested = true
  } finally {
    syscall(NR.close, fd)
  }
}
