/**
 * One context of Linux kernel AIO: its system calls, its control blocks, its ring, its eventfd, and nothing else.
 *
 * Control blocks and the array of pointers to them belong to the context, which its backend holds. The kernel copies a block within
 * io_submit(2); later only its address matters, as the name of the request for io_cancel(2).
 *
 * Completions are read from the ring in this process's memory. Its tail is written by the kernel at any time, after the completions before
 * it: the tail is loaded with `Atomics`, before the completions are read. The head is written by this thread: with `Atomics`, after the
 * completions have been read, since the kernel then takes their places for free.
 */

import type { ControlBlock } from "../../engine/operation.ts"
import { errno } from "../../native/errno.ts"
import {
  AIO_RING,
  AIO_RING_MAGIC,
  destroyContext,
  EFD_CLOEXEC_NONBLOCK,
  IO_EVENT,
  IOCB,
  IOCB_FLAG_IOPRIO,
  IOCB_FLAG_RESFD
} from "../../native/kernelAio.ts"
import { addressOf, foreignMemory, setWord, syscall, type Word } from "../../native/libc.ts"
import { permanent } from "../../native/memory.ts"
import { NR } from "../../native/syscalls.ts"
import {
  CONTEXT,
  closeDescriptor,
  ownDescriptor,
  registerCleanup,
  unregisterCleanup
} from "../../native/threadCleanup.ts"

/** Completions fetched by one io_getevents(2), where the ring cannot be read. */
const BATCH = 128

const noTime = new BigInt64Array(2)
const noTimeAddress = permanent(noTime)

/** Why a context could not be made: the call that failed and its error number. */
export class ContextUnavailable {
  constructor(
    readonly call: "io_setup" | "eventfd2",
    readonly errno: number
  ) {}
}

/** Whether completions are read from the ring or asked for; `"ring"` falls back to asking where the ring is not of the known kind. */
export type CompletionsFrom = "ring" | "calls"

export class Context implements ControlBlock {
  /** Readable when there are completions, and perhaps for a moment after they have been taken. */
  readonly eventFd: number
  private readonly address: number
  private cleanup: number
  private ending: Promise<boolean> | undefined
  private readonly blocks: Uint32Array
  private readonly blocksAddress: number
  /** Addresses of blocks, for io_submit(2): 64 bits each. */
  private readonly pointers: Uint32Array
  private readonly pointersAddress: number
  /** Memory that io_cancel(2) takes as an argument and does not use any more. */
  private readonly unusedEvent = new Uint32Array(IO_EVENT.words)
  private readonly unusedEventAddress = addressOf(this.unusedEvent)
  private readonly counter = new Uint32Array(2)
  private readonly counterAddress = addressOf(this.counter)
  /** The block that `prepare` writes; an index of `blocks`. */
  private at = 0
  /** The ring; empty where it is not read, and after the end. */
  private ring = new Uint32Array(0)
  private ringResults = new Int32Array(0)
  private readonly count: number
  private readonly firstEvent: number
  /** Where io_getevents(2) writes. */
  private readonly fetched = new Uint32Array(BATCH * IO_EVENT.words)
  private readonly fetchedAddress = addressOf(this.fetched)
  private readonly fetchedResults = new Int32Array(this.fetched.buffer)
  /** The last io_getevents(2) gave as many completions as it could. */
  private mayHaveMore = false
  /** io_getevents(2) is refused: no completion will be told any more. */
  isLost = false
  /** Completions taken and signals given, less signals read. Each completion signals once, when it is there or a moment later. */
  private signalsOwed = 0

  /**
   * `entries` is how many requests may be in the kernel at once: the number that was asked for, and not the room that the ring tells of.
   */
  constructor(
    readonly entries: number,
    from: CompletionsFrom = "ring"
  ) {
    const eventFd = syscall(NR.eventfd2, 0, EFD_CLOEXEC_NONBLOCK)
    if (eventFd < 0) throw new ContextUnavailable("eventfd2", -eventFd)
    const context = new BigUint64Array(1)
    const result = syscall(NR.io_setup, entries, addressOf(context))
    if (result < 0) {
      syscall(NR.close, eventFd)
      throw new ContextUnavailable("io_setup", -result)
    }
    this.eventFd = ownDescriptor(eventFd)
    this.address = Number(context[0])
    this.cleanup = registerCleanup(CONTEXT, this.address)
    this.blocks = new Uint32Array(entries * IOCB.words)
    this.blocksAddress = addressOf(this.blocks)
    this.pointers = new Uint32Array(entries * 2)
    this.pointersAddress = addressOf(this.pointers)
    const header = new Uint32Array(foreignMemory(this.address, AIO_RING.size))
    this.count = header[AIO_RING.count]
    this.firstEvent = header[AIO_RING.headerBytes] / 4
    if (from === "ring" && header[AIO_RING.magic] === AIO_RING_MAGIC && header[AIO_RING.incompatible] === 0) {
      const bytes = header[AIO_RING.headerBytes] + this.count * IO_EVENT.words * 4
      const memory = foreignMemory(this.address, bytes)
      this.ring = new Uint32Array(memory)
      this.ringResults = new Int32Array(memory)
    }
  }

  private get readsRing(): boolean {
    return this.ring.length > 0
  }

  /** Chooses the block of a slot for `prepare`. */
  select(slot: number): this {
    this.at = slot * IOCB.words
    return this
  }

  /** Writes the fields of the selected block. Follow with `commit`. */
  prepare(opcode: number, fd: number, buffer: number, bytes: number, offset: Word, flags: number): void {
    const { at, blocks } = this
    blocks[at + IOCB.key] = 0
    blocks[at + IOCB.rwFlags] = flags
    blocks[at + IOCB.opcode] = opcode
    blocks[at + IOCB.fd] = fd
    setWord(blocks, at + IOCB.buffer, buffer)
    setWord(blocks, at + IOCB.bytes, bytes)
    setWord(blocks, at + IOCB.offset, offset)
    setWord(blocks, at + IOCB.reserved, 0)
  }

  /** Completes the selected block; `priority` as ioprio_set(2) has it, or 0. */
  commit(slot: number, priority: number): void {
    const { at, blocks } = this
    setWord(blocks, at + IOCB.data, slot)
    blocks[at + IOCB.opcode] |= priority << 16
    blocks[at + IOCB.flags] = IOCB_FLAG_RESFD | (priority === 0 ? 0 : IOCB_FLAG_IOPRIO)
    blocks[at + IOCB.eventFd] = this.eventFd
  }

  /** Takes the priority out of a slot's block; false if it had none. */
  withoutPriority(slot: number): boolean {
    const { blocks } = this
    const at = slot * IOCB.words
    if ((blocks[at + IOCB.flags] & IOCB_FLAG_IOPRIO) === 0) return false
    blocks[at + IOCB.flags] = IOCB_FLAG_RESFD
    return true
  }

  /** The events that the poll in a slot's block asks for. */
  eventsOf(slot: number): number {
    return this.blocks[slot * IOCB.words + IOCB.buffer]
  }

  /** Names the slot whose block is the `index`-th of the next `submit`. */
  point(index: number, slot: number): void {
    setWord(this.pointers, index * 2, this.blockAddress(slot))
  }

  private blockAddress(slot: number): number {
    return this.blocksAddress + slot * IOCB.words * 4
  }

  /**
   * io_submit(2) of the blocks from the `first`-th to before the `end`-th. Returns how many it took, or why it did not take the first.
   * -EAGAIN: there is no room for it, or no memory.
   */
  submit(first: number, end: number): number {
    return syscall(NR.io_submit, this.address, end - first, this.pointersAddress + first * 8)
  }

  /** io_cancel(2). -EINPROGRESS: the completion is on its way. -EINVAL: the request cannot be cancelled, or not any more. */
  cancel(slot: number): number {
    return syscall(NR.io_cancel, this.address, this.blockAddress(slot), this.unusedEventAddress)
  }

  /** Completions that are known to wait. */
  get ready(): number {
    const { count, ring } = this
    if (!this.readsRing) return this.mayHaveMore ? 1 : 0
    const waiting = Atomics.load(ring, AIO_RING.tail) - ring[AIO_RING.head]
    return waiting < 0 ? waiting + count : waiting
  }

  /** Calls `deliver` with the slot and result of each completion, at most `limit`. Returns how many. */
  reap(limit: number, deliver: (slot: number, result: number) => void): number {
    if (limit <= 0) return 0
    // The eventfd is read before completions are asked for: one that comes later signals again.
    if (!this.readsRing) this.readSignals()
    let count = this.take(limit, deliver)
    // The ring is seen: the eventfd is only read when there are none left, so that a row of turns costs one read. A completion that came
    // before it was read has no signal any more. EAGAIN: the kernel is about to signal, and that wakes the loop once in vain.
    while (this.readsRing && this.ready === 0 && this.signalsOwed > 0 && this.readSignals()) {
      count += this.take(limit - count, deliver)
    }
    return count
  }

  private take(limit: number, deliver: (slot: number, result: number) => void): number {
    const count = this.readsRing ? this.takeFromRing(limit, deliver) : this.fetch(limit, deliver)
    this.signalsOwed += count
    return count
  }

  private takeFromRing(limit: number, deliver: (slot: number, result: number) => void): number {
    const total = Math.min(this.ready, limit)
    for (let i = 0; i < total; i++) {
      const { ring } = this
      const head = ring[AIO_RING.head]
      const at = this.firstEvent + head * IO_EVENT.words
      const slot = ring[at + IO_EVENT.data]
      // Results are 64 bits wide, and never above 2^31: `MAX_RW_COUNT`.
      const result = this.ringResults[at + IO_EVENT.result]
      Atomics.store(ring, AIO_RING.head, head + 1 === this.count ? 0 : head + 1)
      deliver(slot, result)
    }
    return total
  }

  private fetch(limit: number, deliver: (slot: number, result: number) => void): number {
    const { fetched, fetchedResults } = this
    let total = 0
    do {
      const asked = Math.min(limit - total, BATCH)
      const got = syscall(NR.io_getevents, this.address, 0, asked, this.fetchedAddress, noTimeAddress)
      // -EINTR: a signal came first.
      this.mayHaveMore = got === asked || got === -errno.EINTR
      if (got < 0 && !this.mayHaveMore) this.isLost = true
      for (let at = 0; at < got * IO_EVENT.words; at += IO_EVENT.words) {
        deliver(fetched[at + IO_EVENT.data], fetchedResults[at + IO_EVENT.result])
      }
      total += Math.max(got, 0)
    } while (this.mayHaveMore && total < limit)
    return total
  }

  /** Whether there was one. */
  private readSignals(): boolean {
    const { counter } = this
    const isThere = syscall(NR.read, this.eventFd, this.counterAddress, counter.byteLength) > 0
    if (isThere) this.signalsOwed -= counter[0]
    return isThere
  }

  /** Whether the eventfd has signals that have not been read, or is about to have some. */
  private get willBeReadable(): boolean {
    return this.signalsOwed + this.ready > 0
  }

  /** Makes sure that the eventfd is readable while completions wait, for other event loops. */
  signal(): void {
    const { counter } = this
    if (this.willBeReadable) return
    counter[0] = 1
    counter[1] = 0
    if (syscall(NR.write, this.eventFd, this.counterAddress, counter.byteLength) > 0) this.signalsOwed++
  }

  /** The kernel unmaps the ring: touching it afterwards would end the process. */
  private letGo(): void {
    this.ring = new Uint32Array(0)
    this.ringResults = new Int32Array(0)
    this.mayHaveMore = false
    unregisterCleanup(this.cleanup)
    this.cleanup = -1
  }

  /** Ends what is in flight, without completions. False where the kernel refuses (a seccomp filter). */
  end(): Promise<boolean> {
    this.ending ??= destroyContext(this.address).then((ended) => {
      // The address may belong to another context from now on.
      if (ended) this.letGo()
      return ended
    })
    return this.ending
  }

  /** Frees the context, in which nothing may be in flight, and the eventfd. */
  async close(): Promise<void> {
    this.letGo()
    await this.end()
    closeDescriptor(this.eventFd)
  }

  /** The same at once, with requests in flight: polls are cancelled, transfers waited for. */
  destroy(): void {
    this.letGo()
    if (this.ending === undefined) syscall(NR.io_destroy, this.address)
    closeDescriptor(this.eventFd)
  }
}
