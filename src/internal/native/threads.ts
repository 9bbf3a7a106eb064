/** Threads that execute system calls from shared memory: starting, feeding, waking and ending them. See protocol.js. */
import { SHARE_ENV, Worker } from "node:worker_threads"
import { abandonAtExit, forget, waitForThreads } from "./exit.ts"
import { addressOf, setWord, syscall, type Word } from "./libc.ts"
import { setImmediate } from "./loop.ts"
import {
  ARGUMENT_WORDS,
  CANCELLED,
  CANCELLING,
  CAPACITY,
  COMPLETE,
  COMPLETION_TAIL,
  DISCARDED,
  emptyPlace,
  FILL,
  FILLED_TO_END,
  FREE,
  HEADS,
  IDLE_TIMEOUT,
  LEVELS,
  LIVE_THREADS,
  MAX_IDLE,
  MAX_THREADS,
  ONCE,
  PUBLISHED,
  QUEUED,
  RETIRED,
  RUNNING,
  SHARED_SIZE,
  SIGNALLED,
  SLEEPING,
  TAILS,
  THREAD_LIMIT,
  views
} from "./protocol.js"
import { NR } from "./syscalls.ts"
import { wakeThread } from "./wakeSignal.ts"

const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000

/** Slots that each priority leaves to those above it. */
const RESERVED_SLOTS = 16

export { MAX_THREADS }

/** The system call of one request. */
export interface Call {
  readonly slot: number
  readonly nr: number
  /** It is repeated until its buffer is full. */
  readonly fills: boolean
  readonly a0: Word
  readonly a1: Word
  readonly a2: Word
  readonly a3: Word
  readonly a4: Word
  readonly a5: Word
}

export class Threads {
  /** Readable when completions wait. */
  readonly eventFd: number
  private readonly shared = new SharedArrayBuffer(SHARED_SIZE)
  private readonly views = views(this.shared)
  private readonly workers: Array<Worker | undefined> = []
  private readonly freeSlots: Array<number> = []
  private completionHead = 0
  /** Cancelled calls whose slots have not come back. */
  private dequeued = 0
  /** Calls pushed since the last `publish`, by level. */
  private readonly pushed: Array<number> = new Array(LEVELS).fill(0)
  private pushedTotal = 0
  private readonly counter = new BigUint64Array(1)
  private readonly counterAddress = addressOf(this.counter)
  /** Threads that run, are starting, or are ending. */
  count = 0
  /** Nobody is told of their ends any more. */
  private closed = false

  /**
   * `onEnd` is told when a thread has ended: the slot that it was working on (free again), or -1, and how it ended: by its own
   * decision, unasked, or before it was ever up.
   */
  constructor(private readonly onEnd: (slot: number, how: "retired" | "died" | "stillborn") => void) {
    this.eventFd = syscall(NR.eventfd2, 0, EFD_CLOEXEC_NONBLOCK)
    this.views.current.fill(-1)
    this.views.completions.fill(emptyPlace(0))
    for (let slot = CAPACITY - 1; slot >= 0; slot--) this.freeSlots.push(slot)
    // A thread that is in a system call when the process exits would never be joined.
    abandonAtExit(this)
  }

  /** Orders to the threads; see protocol.js. */
  configure(threadLimit: number, maxIdle: number, idleTimeout: number): void {
    const { control } = this.views
    Atomics.store(control, THREAD_LIMIT, threadLimit)
    Atomics.store(control, MAX_IDLE, maxIdle)
    Atomics.store(control, IDLE_TIMEOUT, Math.min(idleTimeout, 0x7fffffff))
    Atomics.add(control, PUBLISHED, 1)
    Atomics.notify(control, PUBLISHED)
  }

  /** Threads that wait for work. */
  get idle(): number {
    let sum = 0
    for (let index = 0; index < this.workers.length; index++) {
      if (Atomics.load(this.views.current, index) === SLEEPING) sum++
    }
    return sum
  }

  /** Calls that no thread has taken yet, those included that have been cancelled. */
  get queued(): number {
    const { control } = this.views
    let sum = 0
    for (let level = 0; level < LEVELS; level++) {
      sum += (control[TAILS + level] - control[HEADS + level]) | 0
    }
    return sum
  }

  /** Calls that no thread has taken yet. */
  get waiting(): number {
    return Math.max(this.queued - this.dequeued, 0)
  }

  /** Threads that are in a system call. */
  get executing(): number {
    let sum = 0
    for (let index = 0; index < this.workers.length; index++) {
      const slot = Atomics.load(this.views.current, index)
      if (slot >= 0 && this.isExecuting(index, slot)) sum++
    }
    return sum
  }

  /**
   * A thread names its slot until the completion is in the ring, and for a moment longer, in which the system may put it off: by then
   * the call is over, perhaps delivered, and the slot perhaps somebody else's.
   */
  private isExecuting(index: number, slot: number): boolean {
    const { currentRound, rounds, states } = this.views
    const state = Atomics.load(states, slot)
    const isOpen = state === QUEUED || state === RUNNING || state === CANCELLING
    return isOpen && Atomics.load(rounds, slot) === Atomics.load(currentRound, index)
  }

  /** Completions that have not been taken. */
  get pending(): number {
    return (Atomics.load(this.views.control, COMPLETION_TAIL) - this.completionHead) | 0
  }

  /** Starts one thread. It takes work as soon as it is up, in 25 to 50 milliseconds. */
  start(): void {
    let index = this.workers.indexOf(undefined)
    if (index === -1) index = this.workers.length
    if (index >= MAX_THREADS) return
    const { control, tids } = this.views
    this.count++
    Atomics.add(control, LIVE_THREADS, 1)
    Atomics.store(tids, index, 0)
    const worker = this.makeWorker(index)
    if (worker === undefined) {
      // As if it had ended at once: nobody is in the middle of anything then.
      setImmediate(() => {
        this.count--
        Atomics.sub(control, LIVE_THREADS, 1)
        if (!this.closed) this.onEnd(-1, "stillborn")
      })
      return
    }
    this.workers[index] = worker
    // An error is always followed by the exit, which does all there is to do.
    worker.on("error", () => {})
    worker.on("exit", () => {
      this.workers[index] = undefined
      this.count--
      const tid = Atomics.load(tids, index)
      if (tid !== RETIRED) Atomics.sub(control, LIVE_THREADS, 1)
      if (this.closed) return
      const slot = tid === RETIRED ? -1 : this.mourn(index)
      this.onEnd(slot, tid === RETIRED ? "retired" : tid === 0 ? "stillborn" : "died")
    })
    // What is in flight keeps the process alive, not the threads.
    worker.unref()
  }

  /**
   * After a thread that was ended from outside, at whatever point: repairs what it left half done. The slot of the call that it was in
   * (free again), or -1.
   */
  private mourn(index: number): number {
    const { claims, completions, control, current, currentRound, rounds, states } = this.views
    const slot = Atomics.exchange(current, index, -1)
    const claimed = Atomics.exchange(claims, index, -1)
    let lost = -1
    // Otherwise the completion has been taken, and the slot used again.
    if (slot >= 0 && Atomics.load(rounds, slot) === Atomics.load(currentRound, index)) {
      const state = Atomics.load(states, slot)
      if (state === COMPLETE || state === DISCARDED) {
        if (!completions.includes(slot + 1)) this.append(slot)
      } else if (state === QUEUED || state === CANCELLED) this.enqueue(slot, LEVELS - 1)
      else if (state === RUNNING || state === CANCELLING) {
        Atomics.store(states, slot, FREE)
        this.freeSlots.push(slot)
        lost = slot
      }
    } else if (claimed >= 0 && !this.isKnown(claimed)) this.enqueue(claimed, LEVELS - 1)
    // It may have been about to write.
    if (Atomics.load(control, SIGNALLED) !== 0) this.signal()
    return lost
  }

  /** Whether a slot that some thread tried to take is free, still in its ring, or with another thread. */
  private isKnown(slot: number): boolean {
    const { claims, control, current, states, submissions } = this.views
    const state = Atomics.load(states, slot)
    if (state !== QUEUED && state !== CANCELLED) return true
    for (let level = 0; level < LEVELS; level++) {
      const tail = (control[TAILS + level] + this.pushed[level]) | 0
      for (let at = Atomics.load(control, HEADS + level); at !== tail; at = (at + 1) | 0) {
        if (submissions[level * CAPACITY + (at & (CAPACITY - 1))] === slot) return true
      }
    }
    // In this order: a thread names its slot in `current` before it withdraws its claim.
    return claims.includes(slot) || current.includes(slot)
  }

  /** As a thread does it, see thread.js. */
  private append(slot: number): void {
    const { completions, control } = this.views
    for (;;) {
      const tail = Atomics.load(control, COMPLETION_TAIL)
      const empty = emptyPlace(tail)
      const filled = Atomics.compareExchange(completions, tail & (CAPACITY - 1), empty, slot + 1) === empty
      Atomics.compareExchange(control, COMPLETION_TAIL, tail, (tail + 1) | 0)
      if (filled) return
    }
  }

  /** Whether the process stays alive for the threads that there are: while somebody waits for their end. */
  keepAlive(yes: boolean): void {
    for (const worker of this.workers) yes ? worker?.ref() : worker?.unref()
  }

  /** `undefined` where the system gives no more threads (EAGAIN). */
  private makeWorker(index: number): Worker | undefined {
    try {
      return new Worker(new URL("./thread.js", import.meta.url), {
        name: `effect-aio ${index}`,
        workerData: {
          shared: this.shared,
          index,
          eventFd: this.eventFd,
          closeNumber: NR.close,
          gettidNumber: NR.gettid,
          writeNumber: NR.write
        },
        // Nothing of the program's own start-up (loaders, inspectors) belongs into a thread that makes system calls.
        execArgv: [],
        env: SHARE_ENV,
        trackUnmanagedFds: false
      })
    } catch {
      return undefined
    }
  }

  /** The slot that the next `push` is for, or -1 when all are taken that a request of this level (of `LEVELS`) may take. */
  freeSlot(level: number): number {
    // Lower levels leave some to each higher one: those would not overtake if they could not get in.
    const reserved = (LEVELS - 1 - level) * RESERVED_SLOTS
    return this.freeSlots.length > reserved ? this.freeSlots[this.freeSlots.length - 1] : -1
  }

  /** Writes a call into its slot, which must be `freeSlot`. Threads see it after `publish`. */
  push(call: Call, level: number): void {
    const { slot } = call
    this.freeSlots.pop()
    const { args, rounds, states } = this.views
    const at = slot * ARGUMENT_WORDS
    args[at] = call.nr
    args[at + 1] = call.fills ? FILL : ONCE
    setWord(args, at + 2, call.a0)
    setWord(args, at + 4, call.a1)
    setWord(args, at + 6, call.a2)
    setWord(args, at + 8, call.a3)
    setWord(args, at + 10, call.a4)
    setWord(args, at + 12, call.a5)
    Atomics.add(rounds, slot, 1)
    // Plain writes: threads see the slot after `publish`, whose store of the tail orders them.
    states[slot] = QUEUED
    this.enqueue(slot, level)
  }

  private enqueue(slot: number, level: number): void {
    const { control, submissions } = this.views
    const position = (control[TAILS + level] + this.pushed[level]) & (CAPACITY - 1)
    Atomics.store(submissions, level * CAPACITY + position, slot)
    this.pushed[level]++
    this.pushedTotal++
  }

  /** Shows the pushed calls to the threads and wakes as many as there is work for. */
  publish(): void {
    const { pushed, pushedTotal, views } = this
    if (pushedTotal === 0) return
    const { control } = views
    for (let level = 0; level < LEVELS; level++) {
      if (pushed[level] === 0) continue
      Atomics.store(control, TAILS + level, (control[TAILS + level] + pushed[level]) | 0)
      pushed[level] = 0
    }
    this.pushedTotal = 0
    Atomics.add(control, PUBLISHED, 1)
    // The wait of a thread that is about to sleep fails on the new number: no wake-up is lost.
    Atomics.notify(control, PUBLISHED, pushedTotal)
  }

  /** Whether a call to `take` would find a completion. */
  get hasCompletions(): boolean {
    return Atomics.load(this.views.completions, this.completionHead & (CAPACITY - 1)) > 0
  }

  /** Calls `deliver` with the slot and result of each completion, at most `limit`; how many. Cancelled slots are only freed. */
  take(limit: number, deliver: (slot: number, result: number) => void): number {
    const { completions, control, results, states } = this.views
    if (Atomics.load(control, SIGNALLED) !== 0) {
      // Emptied before the ring is read: a completion that comes later signals again.
      // EAGAIN: the thread has set the flag and is about to write. Then the flag stands until that write wakes us.
      const emptied = syscall(NR.read, this.eventFd, this.counterAddress, this.counter.byteLength) > 0
      if (emptied) Atomics.store(control, SIGNALLED, 0)
    }
    let count = 0
    while (count < limit) {
      const at = this.completionHead & (CAPACITY - 1)
      const slot = Atomics.load(completions, at) - 1
      if (slot < 0) break
      Atomics.store(completions, at, emptyPlace(this.completionHead + CAPACITY))
      this.completionHead = (this.completionHead + 1) | 0
      // The slot is nobody else's from here until `publish`: plain.
      const discarded = states[slot] === DISCARDED
      const result = results[slot]
      states[slot] = FREE
      if (discarded) this.dequeued--
      else deliver(slot, result)
      this.freeSlots.push(slot)
      // A slot that comes back counts, too: there is room now that somebody may be waiting for.
      count++
    }
    // For other event loops: the descriptor stays readable while there is more.
    if (this.hasCompletions && Atomics.exchange(control, SIGNALLED, 1) === 0) this.signal()
    return count
  }

  private signal(): void {
    this.counter[0] = 1n
    syscall(NR.write, this.eventFd, this.counterAddress, this.counter.byteLength)
  }

  /**
   * Ends a call early. `"dequeued"`: no thread will run it, there will be no completion. `"signalled"`: a thread is in it and has
   * been woken; repeat until the completion is there, since the signal may come before the system call. `"done"`: it is too late.
   */
  cancel(slot: number): "dequeued" | "signalled" | "done" {
    const { current, states, tids } = this.views
    if (Atomics.compareExchange(states, slot, QUEUED, CANCELLED) === QUEUED) {
      this.dequeued++
      return "dequeued"
    }
    Atomics.compareExchange(states, slot, RUNNING, CANCELLING)
    if (Atomics.load(states, slot) !== CANCELLING) return "done"
    for (let index = 0; index < this.workers.length; index++) {
      if (Atomics.load(current, index) === slot) {
        wakeThread(Atomics.load(tids, index))
        return "signalled"
      }
    }
    return "done"
  }

  /** Whether a call that fills its buffer came to the end. For the slot of a completion that is being delivered. */
  reachedEnd(slot: number): boolean {
    return this.views.args[slot * ARGUMENT_WORDS + 1] === FILLED_TO_END
  }

  /** Whether a thread has taken up the call. */
  hasStarted(slot: number): boolean {
    return Atomics.load(this.views.states, slot) !== QUEUED
  }

  /** Undoes the construction, before any thread was started. */
  discard(): void {
    this.closed = true
    forget(this)
    if (this.eventFd >= 0) syscall(NR.close, this.eventFd)
  }

  /** Ends all threads, which must have nothing to do. */
  async close(): Promise<void> {
    this.closed = true
    forget(this)
    this.configure(0, 0, 0)
    // Only then: a thread that is still there may write to the descriptor, whose number may be somebody else's by then.
    // They leave by themselves: `terminate` in the middle of a start leaks what the start had opened, or ends the process (an addon
    // that is being loaded cannot throw).
    await Promise.all(
      this.workers.map(
        (worker) =>
          worker &&
          new Promise<void>((resolve) => {
            worker.ref()
            worker.once("exit", () => resolve())
          })
      )
    )
    syscall(NR.close, this.eventFd)
  }

  /** At the exit of the process: brings threads out of calls that may wait for ever, so that they can be joined. */
  abandon(): void {
    const { control, current, states, tids } = this.views
    for (let level = 0; level < LEVELS; level++) Atomics.store(control, HEADS + level, control[TAILS + level])
    Atomics.store(control, THREAD_LIMIT, 0)
    waitForThreads(() => {
      let isBusy = false
      let isStarting = false
      for (let index = 0; index < this.workers.length; index++) {
        if (this.workers[index] === undefined) continue
        if (Atomics.load(tids, index) === 0) isStarting = true
        const slot = Atomics.load(current, index)
        if (slot < 0) continue
        isBusy = true
        Atomics.store(states, slot, CANCELLING)
        wakeThread(Atomics.load(tids, index))
      }
      return isStarting ? "starting" : isBusy ? "busy" : "gone"
    })
  }
}
