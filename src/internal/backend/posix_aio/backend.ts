/**
 * POSIX AIO as glibc has it: aio(7), threads inside libc.
 *
 * What the interface is bad at, and what is done about it here:
 * - glibc runs the requests of one descriptor one after the other. More of them in flight save calls and wake-ups, and nothing else. A
 *   second descriptor for the same file (dup(2)) would run beside it, but closing it would give up the program's fcntl(2) locks. So this
 *   limit stays: programs that want more open the file more than once.
 * - A request that waits for a peer keeps one of glibc's few threads (20 for the whole process, unless glibc is told otherwise), and
 *   aio_cancel(3) cannot end it. Only transfers with an offset on regular files and disks, and syncs, come here; pipes, sockets, terminals
 *   and everything else go to the pool.
 * - Completions are told by signals or threads, both unusable here: see notification.ts.
 * - aio_cancel ends requests that no thread has begun. A running request is waited for.
 * - aio_cancel loses requests: when the first request of a descriptor is cancelled before a thread has taken it, glibc never runs those
 *   behind it (glibc 2.36, and every version since 1997). They are cancelled and submitted again, see `rescue`.
 * - aio_fsync(3) overtakes transfers of lower priority, since glibc gives it the highest. So a sync waits here until everything that
 *   was submitted before it, on its descriptor, has ended.
 * - A list of requests (lio_listio(3)) fails as a whole when one of them does. Each is then asked for its error, and the pool runs those
 *   that failed.
 */
import type { Backend, BackendCounts, Host } from "../../engine/backend.ts"
import type { OpenDescriptor } from "../../engine/openDescriptor.ts"
import type { Entry } from "../../engine/operation.ts"
import type { Request } from "../../engine/request.ts"
import { Slot } from "../../engine/request.ts"
import { errno } from "../../native/errno.ts"
import { abandonAtExit, forget } from "../../native/exit.ts"
import { S_IFBLK, S_IFDIR, S_IFREG } from "../../native/layout.ts"
import { clearInterval, now, setInterval } from "../../native/loop.ts"
import { DISK } from "../../native/positions.ts"
import { AIO_ALLDONE, AIO_CANCELED, type ControlBlocks, LIO_READ, LIO_WRITE } from "../../native/posixAio.ts"
import { descriptorType } from "../../native/readiness.ts"
import { transferKind } from "../../operation/transfers.ts"
import { type DescriptorQueue, DescriptorQueues } from "./descriptorQueues.ts"
import { MOST_WATCHED, type Notification } from "./notification.ts"

const HIGHEST_PRIORITY = 4

/** States of a slot. */
const FREE = 0
/** A sync that waits for the requests before it in its queue. */
const HELD = 1
/** To be given to glibc by the next `flush`. */
const READY = 2
/** glibc has it. */
const STARTED = 3

/** Blocks of one descriptor that are watched: the first in the queue ends first, unless priorities differ. */
const WATCHED_OF_QUEUE = 4

/** Milliseconds without an end in a queue, after which it is looked at closely. */
const WATCHDOG_INTERVAL = 1000

/** Milliseconds for which the exit of the process waits for running requests. */
const EXIT_PATIENCE = 1000

export class PosixAioBackend implements Backend {
  readonly name = "posix"
  readonly answersCached = false
  inFlight = 0

  /** By slot: this table is what keeps requests, and their buffers, alive while glibc's threads work on them. */
  private readonly slots: Array<Slot> = []
  private readonly states: Uint8Array
  private readonly priorities: Uint8Array
  private readonly queueOf: Array<DescriptorQueue> = []
  private readonly freeSlots: Array<number> = []
  private readonly queues = new DescriptorQueues()
  private toStart: Array<number> = []
  /** Requests that glibc has. */
  private started = 0
  /** What `reap` found complete, and may deliver. */
  private readonly found: Array<number> = []
  private watchdog: NodeJS.Timeout | undefined
  /** Whether a file's syncs are for glibc: asked once for each file. */
  private readonly suitable = new WeakMap<OpenDescriptor, boolean>()

  constructor(
    private readonly blocks: ControlBlocks,
    private readonly notification: Notification,
    private readonly host: Host
  ) {
    this.states = new Uint8Array(blocks.count)
    this.priorities = new Uint8Array(blocks.count)
    for (let slot = blocks.count - 1; slot >= 0; slot--) this.freeSlots.push(slot)
    // glibc's threads go on writing, also into memory that the end of the process frees.
    abandonAtExit(this)
  }

  supports({ posixAio }: Entry<any, any>): boolean {
    return posixAio !== undefined
  }

  accepts({ entry, input }: Request): boolean {
    if (entry.posixAio === undefined || entry.posixAio.suits?.(input) === false) return false
    const { fd, file } = input
    // At the current position: two such transfers would have to be kept in order, and the descriptor may be a pipe. Where the kernel takes
    // no offset (ESPIPE), glibc leaves the offset out instead of failing.
    if (entry.posixAio.call !== "aio_fsync") return input.offset !== undefined && transferKind(input) === DISK
    if (file === undefined) return !Number.isInteger(fd) || fd < 0 || fd > 0x7fffffff || endsByItself(fd)
    let answer = this.suitable.get(file)
    if (answer === undefined) {
      answer = endsByItself(fd)
      this.suitable.set(file, answer)
    }
    return answer
  }

  submit(request: Request): boolean {
    if (this.freeSlots.length === 0) return false
    const slot = this.freeSlots[this.freeSlots.length - 1]
    this.slots[slot] ??= new Slot(slot)
    const submission = this.slots[slot]
    submission.encode(request.entry, request.input, request.bytes)
    this.freeSlots.pop()
    submission.request = request
    request.submission = submission
    this.inFlight++
    const queue = this.queues.enter(submission.a0 as number, slot)
    this.queueOf[slot] = queue
    // 0 is the priority of the process itself, and there are only lower ones: 4 to -4 become 0 to 8.
    this.priorities[slot] = HIGHEST_PRIORITY - request.priority
    if (isSync(submission) && queue.slots.length > 1) this.states[slot] = HELD
    else this.makeReady(slot)
    this.watchdog ??= setInterval(this.watch, WATCHDOG_INTERVAL).unref()
    return true
  }

  private makeReady(slot: number): void {
    this.states[slot] = READY
    this.toStart.push(slot)
  }

  beginTurn(): void {}

  flush(): void {
    if (this.toStart.length === 0) return
    const slots = this.toStart
    this.toStart = []
    let transfers: Array<number> = []
    for (const slot of slots) {
      this.prepare(slot)
      if (!isSync(this.slots[slot])) transfers.push(slot)
      else {
        // In the order of submission: requests behind a sync stay behind it.
        this.startTransfers(transfers)
        transfers = []
        const { flag } = this.slots[slot].request!.entry.posixAio!
        this.taken(slot, this.blocks.startSync(slot, flag!))
      }
    }
    this.startTransfers(transfers)
    this.notification.started()
  }

  /** Writes the control block. The submission in the table keeps the memory that it names. */
  private prepare(slot: number): void {
    const { a0, a1, a2, a3, request } = this.slots[slot]
    const opcode = request!.entry.posixAio!.call === "aio_write" ? LIO_WRITE : LIO_READ
    this.blocks.prepare(slot, a0 as number, opcode, this.priorities[slot], a1 as number, a2 as number, a3)
  }

  /** One call for all requests; for a single request the plain call, which costs less. */
  private startTransfers(slots: ReadonlyArray<number>): void {
    if (slots.length === 0) return
    if (slots.length === 1) return this.taken(slots[0], this.blocks.startTransfer(slots[0]) === 0)
    const all = this.blocks.start(slots)
    for (const slot of slots) this.taken(slot, all || !this.blocks.isRefused(slot))
  }

  /** glibc has taken a request or refused it: no thread, no memory (EAGAIN), a descriptor that it does not sync (EBADF). */
  private taken(slot: number, yes: boolean): void {
    if (yes) {
      this.states[slot] = STARTED
      this.started++
      return
    }
    // A thread of the pool gets the answer of the system call itself.
    const submission = this.slots[slot]
    this.release(slot)
    this.host.punt(submission)
    submission.clear()
  }

  /** Takes a request out of its queue and of all lists; it stays in the table. */
  private release(slot: number): void {
    this.inFlight--
    this.states[slot] = FREE
    this.freeSlots.push(slot)
    const next = this.queues.leave(this.queueOf[slot], slot)
    // A sync that has waited for this request.
    if (next !== -1 && this.states[next] === HELD) {
      this.makeReady(next)
      this.host.wake()
    }
  }

  reap(limit: number): number {
    this.notification.clear()
    const { found } = this
    const more = this.look(limit, found)
    const count = found.length
    if (count > 0) {
      this.blocks.synchronise(found[0])
      for (const slot of found) this.harvest(slot)
      found.length = 0
      this.notification.ended()
    }
    if (more) this.notification.tell()
    else if (this.started > 0) this.notification.expect(this.watched)
    return count
  }

  /** Appends complete requests to `into`, at most `limit`. Returns whether there are more. */
  private look(limit: number, into: Array<number>): boolean {
    if (this.started === 0) return false
    for (const { slots } of this.queues.values()) {
      for (const slot of slots) {
        if (this.states[slot] !== STARTED || !this.blocks.isComplete(slot)) continue
        if (into.length === limit) return true
        into.push(slot)
      }
    }
    return false
  }

  /** The end of a request that glibc has ended. */
  private harvest(slot: number): void {
    // Delivered already: the delivery of another request has cancelled this one.
    if (this.states[slot] !== STARTED) return
    const result = this.blocks.result(slot)
    this.started--
    if (result === -errno.ECANCELED && this.slots[slot].request!.cancelled === false) {
      // Other code in this process cancelled everything of this descriptor: aio_cancel(3) without a block.
      const queue = this.queueOf[slot]
      this.queues.enterAgain(queue, slot)
      this.makeReady(slot)
      if (this.states[queue.slots[0]] === HELD) this.makeReady(queue.slots[0])
      this.host.wake()
      return
    }
    this.deliver(slot, result)
  }

  private deliver(slot: number, result: number): void {
    const submission = this.slots[slot]
    this.release(slot)
    this.host.complete(submission, result)
    submission.clear()
  }

  /** Addresses of blocks. One of these requests ends before all others. */
  private readonly watched = (): ReadonlyArray<number> => {
    const addresses: Array<number> = []
    const share = Math.max(1, Math.min(WATCHED_OF_QUEUE, Math.floor(MOST_WATCHED / this.queues.size)))
    for (const { slots } of this.queues.values()) {
      let left = share
      for (const slot of slots) {
        if (this.states[slot] !== STARTED) continue
        addresses.push(this.blocks.addressOf(slot))
        if (--left === 0) break
      }
    }
    return addresses
  }

  /** The descriptor tells of every completion. */
  tick(): void {}

  get hasCompletions(): boolean {
    return this.look(0, this.found)
  }

  cancel(request: Request): void {
    const { slot } = request.submission!
    if (this.states[slot] !== STARTED) {
      const at = this.toStart.indexOf(slot)
      if (at !== -1) this.toStart.splice(at, 1)
      this.deliver(slot, -errno.ECANCELED)
      return
    }
    const queue = this.queueOf[slot]
    switch (this.blocks.cancel(queue.fd, slot)) {
      case AIO_CANCELED: {
        const wasBehind = this.isBehindOthers(queue, slot)
        this.harvest(slot)
        if (!wasBehind) this.rescue(queue)
        break
      }
      case AIO_ALLDONE:
        this.host.wake()
        break
      // AIO_NOTCANCELED: a thread runs it, or its descriptor has been closed. Its completion comes without further calls.
    }
  }

  /** Whether a request that glibc runs before this one has not ended: then this one was not the first of its queue. */
  private isBehindOthers(queue: DescriptorQueue, slot: number): boolean {
    for (const other of queue.slots) {
      if (other === slot) return false
      if (
        this.states[other] === STARTED &&
        this.priorities[other] <= this.priorities[slot] &&
        !this.blocks.isComplete(other)
      ) {
        return true
      }
    }
    return false
  }

  /**
   * Cancels the requests of a queue that glibc may have forgotten, and submits them again. From the last to the first, because each of
   * these cancels would make glibc forget the requests behind it.
   */
  private rescue(queue: DescriptorQueue): void {
    const again: Array<number> = []
    for (let i = queue.slots.length - 1; i >= 0; i--) {
      const slot = queue.slots[i]
      if (this.states[slot] !== STARTED || this.blocks.isComplete(slot)) continue
      if (this.blocks.cancel(queue.fd, slot) !== AIO_CANCELED) continue
      if (this.slots[slot].request!.cancelled) {
        this.harvest(slot)
        continue
      }
      this.blocks.result(slot)
      this.started--
      this.states[slot] = READY
      again.unshift(slot)
    }
    if (again.length === 0) return
    this.toStart = [...again, ...this.toStart]
    this.host.wake()
  }

  /**
   * Looks at queues in which nothing has ended for a while. Where a slow disk is the reason, this does no harm. But another library of this
   * process, or another Layer with the same descriptor, may have made glibc forget the requests.
   */
  private readonly watch = (): void => {
    if (this.inFlight === 0) {
      clearInterval(this.watchdog)
      this.watchdog = undefined
      return
    }
    for (const queue of this.queues.values()) {
      if (!queue.moved) this.rescue(queue)
      queue.moved = false
    }
    this.host.wake()
  }

  get requestCounts(): BackendCounts {
    let pending = 0
    this.states.forEach((state, slot) => {
      if (state === STARTED && this.blocks.isComplete(slot)) pending++
    })
    return { ready: this.inFlight - this.started, executing: this.started - pending, pending }
  }

  get descriptor(): number {
    this.notification.expose()
    if (this.started > 0) this.notification.expect(this.watched)
    return this.notification.descriptor
  }

  forEachInFlight(visit: (request: Request) => void): void {
    // Slots that were never used are holes of the array, which `forEach` skips.
    this.slots.forEach(({ request }) => {
      if (request !== null) visit(request)
    })
  }

  watchCompletions(yes: boolean): void {
    this.notification.watch(yes)
  }

  keepAlive(yes: boolean): void {
    this.notification.keepAlive(yes)
  }

  prepareClose(): void {}

  async close(): Promise<void> {
    forget(this)
    clearInterval(this.watchdog)
    // Nothing is in flight, but the thread may still be looking at blocks.
    await this.notification.close()
    this.blocks.close()
  }

  /** Cancels the requests that have not begun, and waits for those that have, without the event loop. */
  abandon(): void {
    const end = now() + EXIT_PATIENCE
    for (const queue of this.queues.values()) {
      for (let i = queue.slots.length - 1; i >= 0; i--) {
        if (this.states[queue.slots[i]] === STARTED) this.blocks.cancel(queue.fd, queue.slots[i])
      }
    }
    for (const { slots } of this.queues.values()) {
      for (const slot of slots) {
        if (this.states[slot] !== STARTED) continue
        while (!this.blocks.isComplete(slot) && now() < end) this.blocks.suspend([slot], 50)
      }
    }
    this.notification.abandon()
  }
}

const isSync = ({ request }: Slot): boolean => request!.entry.posixAio!.call === "aio_fsync"

/**
 * Whether a request on the descriptor ends without the help of a peer. Also true for a number that is not a descriptor: the kernel will
 * refuse it.
 */
const endsByItself = (fd: number): boolean => {
  const type = descriptorType(fd)
  return type === -1 || type === S_IFREG || type === S_IFBLK || type === S_IFDIR
}
