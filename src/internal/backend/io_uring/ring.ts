/**
 * One io_uring instance: the three system calls, the mapped rings, and nothing else.
 *
 * Submission entries are written by this thread and read by the kernel inside `enter` on this same thread, so their order needs no
 * barrier. The completion queue's tail is written by the kernel at any time: it is loaded with `Atomics`, before the entries.
 */

import type { SubmissionEntry } from "../../engine/operation.ts"
import { errno } from "../../native/errno.ts"
import { addressOf, foreignMemory, setWord, syscall, type Word } from "../../native/libc.ts"
import { permanent } from "../../native/memory.ts"
import { NR } from "../../native/syscalls.ts"
import {
  closeDescriptor,
  MEMORY,
  ownDescriptor,
  RING,
  registerCleanup,
  unregisterCleanup
} from "../../native/threadCleanup.ts"
import {
  CQE_WORDS,
  IO_URING_OP_SUPPORTED,
  IORING_ENTER_GETEVENTS,
  IORING_FEAT_NODROP,
  IORING_FEAT_RW_CUR_POS,
  IORING_FEAT_SINGLE_MMAP,
  IORING_OFF_SQ_RING,
  IORING_OFF_SQES,
  IORING_OP,
  IORING_REGISTER_FILES_UPDATE,
  IORING_REGISTER_FILES2,
  IORING_REGISTER_IOWQ_MAX_WORKERS,
  IORING_REGISTER_PROBE,
  IORING_RSRC_REGISTER_SPARSE,
  IORING_SQ_CQ_OVERFLOW,
  IORING_SQ_TASKRUN,
  PARAMS,
  SQE_WORDS
} from "../../native/uring.ts"

const PROT_READ_WRITE = 3
const MAP_SHARED_POPULATE = 0x8001
const BOUNDED_WORKERS = 64
const IORING_REGISTER_SYNC_CANCEL = 24

/** struct io_uring_sync_cancel_reg: user data, descriptor, flags, a timespec of 0: not to wait. Reused: each call is over when it returns. */
const cancelTarget = new Uint32Array(16)
const cancelTargetAddress = permanent(cancelTarget)

/** Completions that `isLastComplete` looks at: what the kernel finishes for this thread at the end of a call comes behind the one it looks for. */
const LATEST = 32

/** Why a ring could not be made: the call that failed and its error number. */
export class RingUnavailable {
  constructor(
    readonly call: "io_uring_setup" | "mmap" | "io_uring_register" | "features",
    readonly errno: number
  ) {}
}

interface Mapping {
  readonly address: number
  readonly length: number
  readonly cleanup: number
}

export class Ring implements SubmissionEntry {
  readonly fd: number
  readonly entries: number
  readonly completionEntries: number
  /** Opcodes that this kernel runs. */
  readonly supported: ReadonlySet<number>

  private readonly mappings: Array<Mapping> = []
  private cleanup = -1
  private words: Uint32Array
  private results: Int32Array
  private sqes: Uint32Array
  private readonly sqHead: number
  private readonly sqTail: number
  private readonly sqFlags: number
  private readonly cqHead: number
  private readonly cqTail: number
  private readonly cqMask: number
  private readonly cqes: number

  /** Entries written; what the kernel sees as the tail at the next `enter`. */
  private tail = 0
  /** The user data of the last entry. */
  private lastLow = -1
  private lastHigh = -1
  /** Whether the kernel answered the last entry of a call within that call: a file in the page cache, say. */
  answersAtOnce = true
  /** Entries that the kernel has taken. */
  private submitted = 0

  constructor(entries: number, setupFlags: number) {
    const params = new Uint32Array(PARAMS.size / 4)
    params[PARAMS.flags] = setupFlags
    const fd = syscall(NR.io_uring_setup, entries, addressOf(params))
    if (fd < 0) throw new RingUnavailable("io_uring_setup", -fd)
    this.fd = ownDescriptor(fd)
    const required = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS
    if ((params[PARAMS.features] & required) !== required) this.fail("features", errno.ENOSYS)
    this.entries = params[PARAMS.sqEntries]
    this.completionEntries = params[PARAMS.cqEntries]
    const length = Math.max(
      params[PARAMS.sqArray] + this.entries * 4,
      params[PARAMS.cqCqes] + this.completionEntries * CQE_WORDS * 4
    )
    // IORING_FEAT_SINGLE_MMAP: one map holds both rings.
    const rings = this.map(length, IORING_OFF_SQ_RING)
    this.words = new Uint32Array(rings)
    this.results = new Int32Array(rings)
    this.sqes = new Uint32Array(this.map(this.entries * SQE_WORDS * 4, IORING_OFF_SQES))
    this.sqHead = params[PARAMS.sqHead] / 4
    this.sqTail = params[PARAMS.sqTail] / 4
    this.sqFlags = params[PARAMS.sqFlags] / 4
    this.cqHead = params[PARAMS.cqHead] / 4
    this.cqTail = params[PARAMS.cqTail] / 4
    this.cqMask = this.words[params[PARAMS.cqMask] / 4]
    this.cqes = params[PARAMS.cqCqes] / 4
    const [{ address }] = this.mappings
    const fields = [PARAMS.sqHead, PARAMS.cqHead, PARAMS.cqTail, PARAMS.cqCqes].map((at) => address + params[at])
    this.cleanup = registerCleanup(RING, fd, ...fields, this.cqMask)
    // The indirection array is not used: entry i of the ring is always submission entry i.
    const array = params[PARAMS.sqArray] / 4
    for (let i = 0; i < this.entries; i++) this.words[array + i] = i
    this.supported = this.probe()
    this.allowWorkers()
  }

  /**
   * Opens of FIFOs wait on the kernel's "bounded" workers, of which there are four a core by default. So many opens would keep every fsync
   * waiting. Linux 5.15; older kernels keep their default.
   */
  private allowWorkers(): void {
    const workers = new Uint32Array([BOUNDED_WORKERS, 0])
    syscall(NR.io_uring_register, this.fd, IORING_REGISTER_IOWQ_MAX_WORKERS, addressOf(workers), workers.length)
  }

  private fail(call: RingUnavailable["call"], number: number): never {
    this.close()
    throw new RingUnavailable(call, number)
  }

  private map(length: number, offset: number): ArrayBuffer {
    const address = syscall(NR.mmap, 0, length, PROT_READ_WRITE, MAP_SHARED_POPULATE, this.fd, offset)
    if (address < 0) this.fail("mmap", -address)
    this.mappings.push({ address, length, cleanup: registerCleanup(MEMORY, address, length) })
    return foreignMemory(address, length)
  }

  private probe(): ReadonlySet<number> {
    // struct io_uring_probe: a 16-byte header, then 8 bytes an opcode: its number, a reserved byte, 16 bits of flags.
    const probe = new Uint8Array(16 + 256 * 8)
    const result = syscall(NR.io_uring_register, this.fd, IORING_REGISTER_PROBE, addressOf(probe), 256)
    if (result < 0) this.fail("io_uring_register", -result)
    const supported = new Set<number>()
    for (let i = 0; i < probe[1]; i++) {
      if ((probe[16 + i * 8 + 2] & IO_URING_OP_SUPPORTED) !== 0) supported.add(probe[16 + i * 8])
    }
    return supported
  }

  /** Submission entries that can be written before the next `enter`. */
  get room(): number {
    return this.entries - (this.tail - this.submitted)
  }

  /** Written entries that the kernel has not taken yet. */
  get unsubmitted(): number {
    return this.tail - this.submitted
  }

  /** The place of the next entry, counted over all entries that were ever written. */
  get position(): number {
    return this.tail
  }

  /** The user data of the entries that the kernel has not taken. It will not see them any more. */
  takeBack(): ReadonlyArray<{ readonly low: number; readonly high: number }> {
    const taken: Array<{ low: number; high: number }> = []
    for (let position = this.submitted; position < this.tail; position++) {
      const at = (position % this.entries) * SQE_WORDS
      taken.push({ low: this.sqes[at + 8], high: this.sqes[at + 9] })
    }
    this.tail = this.submitted
    this.words[this.sqTail] = this.tail
    return taken
  }

  /** A table of so many files without descriptors, all empty (Linux 5.19). False where it cannot be had. They are closed with the ring. */
  registerFiles(count: number): boolean {
    // struct io_uring_rsrc_register: how many, flags, a reserved word of 64 bits, and no addresses.
    const table = new Uint32Array(8)
    table[0] = count
    table[1] = IORING_RSRC_REGISTER_SPARSE
    return syscall(NR.io_uring_register, this.fd, IORING_REGISTER_FILES2, addressOf(table), table.byteLength) === 0
  }

  /** Closes a file of the table without `enter`. */
  closeFile(index: number): void {
    const none = Int32Array.of(-1)
    // struct io_uring_files_update: the first index, a reserved word, the address of descriptors. -1 stands for no file.
    const update = new Uint32Array(4)
    update[0] = index
    setWord(update, 2, addressOf(none))
    syscall(NR.io_uring_register, this.fd, IORING_REGISTER_FILES_UPDATE, addressOf(update), none.length)
  }

  /** Asks for the end of a request without `enter`: IORING_REGISTER_SYNC_CANCEL, Linux 6.0. False where the kernel cannot. */
  cancelNow(userDataLow: number, userDataHigh: number): boolean {
    cancelTarget[0] = userDataLow
    cancelTarget[1] = userDataHigh
    cancelTarget[2] = 0xffffffff
    const result = syscall(NR.io_uring_register, this.fd, IORING_REGISTER_SYNC_CANCEL, cancelTargetAddress, 1)
    return result !== -errno.EINVAL && result !== -errno.EPERM && result !== -errno.ENOSYS
  }

  /** Makes an entry that the kernel has not taken yet do nothing. Its completion comes all the same. */
  blank(position: number): void {
    const at = (position % this.entries) * SQE_WORDS
    this.sqes[at] = IORING_OP.NOP
    this.sqes.fill(0, at + 1, at + 8)
  }

  /** Writes the fields of the next submission entry, as `io_uring_prep_rw` does. Follow with `commit`. */
  prepare(opcode: number, fd: number, address: Word, length: number, offset: Word, opFlags: number): void {
    const { sqes } = this
    const at = (this.tail % this.entries) * SQE_WORDS
    sqes[at] = opcode
    sqes[at + 1] = fd
    setWord(sqes, at + 2, offset)
    setWord(sqes, at + 4, address)
    sqes[at + 6] = length
    sqes[at + 7] = opFlags
    sqes[at + 10] = 0
    sqes[at + 11] = 0
    sqes[at + 12] = 0
    sqes[at + 13] = 0
    sqes[at + 14] = 0
    sqes[at + 15] = 0
  }

  address3(address: Word): void {
    setWord(this.sqes, (this.tail % this.entries) * SQE_WORDS + 12, address)
  }

  source(fd: number): void {
    this.sqes[(this.tail % this.entries) * SQE_WORDS + 11] = fd
  }

  /** The place in the table of files, of an entry that has been prepared: what it opens goes there, or what it closes is there. */
  fileIndex(index: number): void {
    this.sqes[(this.tail % this.entries) * SQE_WORDS + 11] = index + 1
  }

  /** Completes the entry that `prepare` wrote: `IOSQE_*` flags, `ioprio`, and the two halves of its user data. */
  commit(sqeFlags: number, ioprio: number, userDataLow: number, userDataHigh: number): void {
    const { sqes } = this
    const at = (this.tail % this.entries) * SQE_WORDS
    sqes[at] |= (sqeFlags << 8) | (ioprio << 16)
    sqes[at + 8] = userDataLow
    sqes[at + 9] = userDataHigh
    this.lastLow = userDataLow
    this.lastHigh = userDataHigh
    this.tail++
  }

  /**
   * Hands the written entries to the kernel. Also runs work that the kernel kept for this thread, and empties its overflow list into the
   * ring. Returns the number of entries taken, or `-errno`; entries not taken stay for the next call.
   */
  enter(): number {
    const { words } = this
    words[this.sqTail] = this.tail
    const result = syscall(NR.io_uring_enter, this.fd, this.unsubmitted, 0, IORING_ENTER_GETEVENTS, 0, 0)
    // The head says what was taken, also when an error followed.
    const taken = (words[this.sqHead] - this.submitted) >>> 0
    this.submitted += taken
    if (taken > 0) this.answersAtOnce = this.isLastComplete
    return result < 0 ? result : taken
  }

  /** Whether the entry that was written last has its completion. */
  private get isLastComplete(): boolean {
    const { cqHead, cqMask, cqes, lastHigh, lastLow, ready, words } = this
    const head = words[cqHead]
    for (let i = 1; i <= Math.min(ready, LATEST); i++) {
      const at = cqes + ((head + ready - i) & cqMask) * CQE_WORDS
      if (words[at] === lastLow && words[at + 1] === lastHigh) return true
    }
    return false
  }

  /** Whether the kernel holds completions back, or work that only `enter` runs. */
  get needsEnter(): boolean {
    return (Atomics.load(this.words, this.sqFlags) & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN)) !== 0
  }

  /** Completions in the ring. */
  get ready(): number {
    return (Atomics.load(this.words, this.cqTail) - this.words[this.cqHead]) >>> 0
  }

  /** Calls `deliver` with the user data and result of each completion, at most `limit`. Returns how many. */
  reap(limit: number, deliver: (low: number, high: number, result: number) => void): number {
    const { cqHead, cqMask, cqes, results, words } = this
    const count = Math.min(this.ready, limit)
    for (let i = 0; i < count; i++) {
      const head = words[cqHead]
      const at = cqes + (head & cqMask) * CQE_WORDS
      const low = words[at]
      const high = words[at + 1]
      const result = results[at + 2]
      // Free the place before `deliver` is called, since it may lead to more submissions.
      Atomics.store(words, cqHead, head + 1)
      deliver(low, high, result)
    }
    return count
  }

  /** Unmaps and closes. The views are emptied first: touching unmapped memory would end the process. */
  close(): void {
    this.words = new Uint32Array(0)
    this.results = new Int32Array(0)
    this.sqes = new Uint32Array(0)
    for (const { address, cleanup, length } of this.mappings.splice(0)) {
      unregisterCleanup(cleanup)
      syscall(NR.munmap, address, length)
    }
    unregisterCleanup(this.cleanup)
    closeDescriptor(this.fd)
  }
}
