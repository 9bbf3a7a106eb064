/** Threads that execute system calls from shared memory: starting, feeding, waking and ending them. See protocol.js. */
import { SHARE_ENV, Worker } from "node:worker_threads"
import { addressOf, syscall, type Word } from "./libc.ts"
import {
  ARGUMENT_WORDS,
  CANCELLED,
  CANCELLING,
  CAPACITY,
  FREE,
  HEAD,
  IDLE_THREADS,
  MAX_THREADS,
  QUEUED,
  RUNNING,
  SHARED_SIZE,
  SIGNALLED,
  STOP,
  TAIL,
  views
} from "./protocol.js"
import { NR } from "./syscalls.ts"
import { wakeThread } from "./wakeSignal.ts"

const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000
const HIGH = 4294967296

/** The system call of one request. */
export interface Call {
  readonly slot: number
  readonly nr: number
  readonly a0: Word
  readonly a1: Word
  readonly a2: Word
  readonly a3: Word
  readonly a4: Word
  readonly a5: Word
}

/** A thread that is in a system call when the process exits would never be joined: all pools are told at `exit`. */
const open = new Set<Threads>()
process.once("exit", () => {
  for (const threads of open) threads.abandon()
})

export class Threads {
  /** Readable when completions wait. */
  readonly eventFd: number
  private readonly shared = new SharedArrayBuffer(SHARED_SIZE)
  private readonly views = views(this.shared)
  private readonly workers: Array<Worker | undefined> = []
  private readonly freeSlots: Array<number> = []
  private completionHead = 0
  private pushed = 0
  private readonly counter = new BigUint64Array(1)
  private readonly counterAddress = addressOf(this.counter)
  /** Threads that run or are starting. */
  count = 0

  /**
   * `onDeath` is told when a thread ended unasked: the slot that it was working on (free again), or -1, and whether the thread had
   * ever been up.
   */
  constructor(private readonly onDeath: (slot: number, wasUp: boolean) => void) {
    this.eventFd = syscall(NR.eventfd2, 0, EFD_CLOEXEC_NONBLOCK)
    this.views.current.fill(-1)
    for (let slot = CAPACITY - 1; slot >= 0; slot--) this.freeSlots.push(slot)
    open.add(this)
  }

  /** Threads that wait for work. */
  get idle(): number {
    return Atomics.load(this.views.control, IDLE_THREADS)
  }

  /** Calls that no thread has taken yet. */
  get waiting(): number {
    const { control } = this.views
    return (Atomics.load(control, TAIL) - Atomics.load(control, HEAD)) | 0
  }

  /** Starts one thread. It takes work as soon as it is up, in 25 to 50 milliseconds. */
  start(): void {
    let index = this.workers.indexOf(undefined)
    if (index === -1) index = this.workers.length
    if (index >= MAX_THREADS) return
    this.count++
    this.views.tids[index] = 0
    const worker = new Worker(new URL("./thread.js", import.meta.url), {
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
    this.workers[index] = worker
    // An error is always followed by the exit, which does all there is to do.
    worker.on("error", () => {})
    worker.on("exit", () => {
      this.workers[index] = undefined
      this.count--
      if (!open.has(this)) return
      const slot = Atomics.exchange(this.views.current, index, -1)
      if (slot !== -1) {
        Atomics.store(this.views.states, slot, FREE)
        this.freeSlots.push(slot)
      }
      this.onDeath(slot, Atomics.load(this.views.tids, index) !== 0)
    })
    // What is in flight keeps the process alive, not the threads.
    worker.unref()
  }

  /** The slot that the next `push` is for, or -1 when all are taken. */
  get freeSlot(): number {
    return this.freeSlots.at(-1) ?? -1
  }

  /** Writes a call into its slot, which must be `freeSlot`. Threads see it after `publish`. */
  push(call: Call): void {
    const { slot } = call
    this.freeSlots.pop()
    const { args, control, states, submissions } = this.views
    const at = slot * ARGUMENT_WORDS
    args[at] = call.nr
    setWord(args, at + 2, call.a0)
    setWord(args, at + 4, call.a1)
    setWord(args, at + 6, call.a2)
    setWord(args, at + 8, call.a3)
    setWord(args, at + 10, call.a4)
    setWord(args, at + 12, call.a5)
    Atomics.store(states, slot, QUEUED)
    Atomics.store(submissions, (control[TAIL] + this.pushed) & (CAPACITY - 1), slot)
    this.pushed++
  }

  /** Shows the pushed calls to the threads and wakes as many as there is work for. */
  publish(): void {
    if (this.pushed === 0) return
    const { control } = this.views
    Atomics.store(control, TAIL, (control[TAIL] + this.pushed) | 0)
    // A thread that is about to sleep has counted itself already, and its wait fails on the new tail: no wake-up is lost.
    if (Atomics.load(control, IDLE_THREADS) > 0) Atomics.notify(control, TAIL, this.pushed)
    this.pushed = 0
  }

  /** Whether a call to `take` would find a completion. */
  get hasCompletions(): boolean {
    return Atomics.load(this.views.completions, this.completionHead & (CAPACITY - 1)) !== 0
  }

  /** Calls `deliver` with the slot and result of each completion, at most `limit`; how many. Cancelled slots are only freed. */
  take(limit: number, deliver: (slot: number, result: number) => void): number {
    const { completions, control, results, states } = this.views
    if (Atomics.load(control, SIGNALLED) !== 0) {
      // Emptied before the ring is read: a completion that comes later signals again.
      syscall(NR.read, this.eventFd, this.counterAddress, 8)
      Atomics.store(control, SIGNALLED, 0)
    }
    let count = 0
    while (count < limit) {
      const at = this.completionHead & (CAPACITY - 1)
      const slot = Atomics.load(completions, at) - 1
      if (slot === -1) break
      Atomics.store(completions, at, 0)
      this.completionHead++
      const cancelled = Atomics.load(states, slot) === CANCELLED
      const result = results[slot]
      Atomics.store(states, slot, FREE)
      this.freeSlots.push(slot)
      if (cancelled) continue
      deliver(slot, result)
      count++
    }
    return count
  }

  /**
   * Ends a call early. `"dequeued"`: no thread will run it, there will be no completion. `"signalled"`: a thread is in it and has
   * been woken; repeat until the completion is there, since the signal may come before the system call. `"done"`: it is too late.
   */
  cancel(slot: number): "dequeued" | "signalled" | "done" {
    const { current, states, tids } = this.views
    if (Atomics.compareExchange(states, slot, QUEUED, CANCELLED) === QUEUED) return "dequeued"
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

  /** Ends all threads, which must have nothing to do. */
  async close(): Promise<void> {
    open.delete(this)
    const { control } = this.views
    Atomics.store(control, STOP, 1)
    Atomics.notify(control, TAIL)
    // Only then: a thread that is still there may write to the descriptor, whose number may be somebody else's by then.
    await Promise.all(this.workers.map((worker) => worker?.terminate()))
    syscall(NR.close, this.eventFd)
  }

  /** At the exit of the process: brings threads out of calls that may wait for ever, so that they can be joined. */
  abandon(): void {
    const { control, current, states } = this.views
    Atomics.store(control, STOP, 1)
    Atomics.store(control, HEAD, control[TAIL])
    const pause = new Int32Array(new SharedArrayBuffer(4))
    for (let round = 0; round < 200; round++) {
      let busy = false
      for (let index = 0; index < this.workers.length; index++) {
        const slot = Atomics.load(current, index)
        if (slot === -1 || this.workers[index] === undefined) continue
        busy = true
        Atomics.store(states, slot, CANCELLING)
        wakeThread(Atomics.load(this.views.tids, index))
      }
      if (!busy) return
      Atomics.wait(pause, 0, 0, 5)
    }
  }
}

const setWord = (words: Int32Array, at: number, value: Word): void => {
  if (typeof value === "number") {
    words[at] = value
    words[at + 1] = Math.floor(value / HIGH)
  } else {
    words[at] = Number(value & 0xffffffffn)
    words[at + 1] = Number(value >> 32n)
  }
}
