/** Threads that execute system calls from shared memory: starting, feeding, waking and ending them. See machine/machine.c. */

import { abandonAtExit, forget } from "./exit.ts"
import { addressOf, foreignMemory, setWord, syscall, type Word } from "./libc.ts"
import { setImmediate, setTimeout } from "./loop.ts"
import {
  CALL_WORDS,
  CANCELLED,
  CANCELLING,
  CAPACITY,
  COMPLETION_TAIL,
  CONTROL_WORDS,
  DISCARDED,
  ENDED,
  FILLED_TO_END,
  FREE,
  HEADS,
  IDLE_THREADS,
  IDLE_TIMEOUT,
  LEVELS,
  LIVE_THREADS,
  MAX_IDLE,
  MAX_STEPS,
  MAX_THREADS,
  NOT_RUN,
  NOTHING,
  OPENS,
  POOL_CALLS,
  POOL_COMPLETIONS,
  POOL_EVENT_FD,
  POOL_RESULTS,
  POOL_SIZE,
  POOL_STATES,
  POOL_STEPS,
  POOL_SUBMISSIONS,
  POOL_THREADS,
  POOL_WAKE_SIGNAL,
  PUBLISHED,
  QUEUED,
  REFERENCES,
  RETIRED,
  RUNNING,
  SIGNALLED,
  STEP_ARGUMENTS,
  STEP_RESULT,
  STEP_WORDS,
  TAILS,
  THREAD_CURRENT,
  THREAD_LIMIT,
  THREAD_TID,
  THREAD_WORDS
} from "./machine/layout.ts"
import { abandonPool, loadMachine, machineAddress } from "./machine.ts"
import { mapMemory } from "./memory.ts"
import { startThread } from "./pthread.ts"
import { NR } from "./syscalls.ts"
import { POOL as POOL_KIND, registerCleanup, unregisterCleanup } from "./threadCleanup.ts"
import { wakeSignal, wakeThread } from "./wakeSignal.ts"

const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000
const FUTEX_WAKE_PRIVATE = 129
const HIGH = 4294967296

/** Slots that each priority leaves to the higher ones. */
const RESERVED_SLOTS = 16

/** How often threads that are leaving are looked at, once a turn of the event loop, before the looks are a millisecond apart. */
const QUICK_LOOKS = 20

export { MAX_THREADS }

/** The system call of one request. */
export interface Call {
  readonly slot: number
  readonly nr: number
  /** The call is repeated until its buffer is full. */
  readonly mode: number
  readonly a0: Word
  readonly a1: Word
  readonly a2: Word
  readonly a3: Word
  readonly a4: Word
  readonly a5: Word
  /** Of a program: its steps. */
  readonly steps: ReadonlyArray<Step> | null
  /** Set when a program has ended, see `results`. */
  stoppedAt: number
}

/** One system call of a program, see machine.h. */
export interface Step extends Omit<Call, "slot" | "steps" | "stoppedAt"> {
  readonly flags: number
  readonly sources: number
  readonly goesOn: number
  readonly needs: number
  /** These are set when the program has ended. */
  result: number
  isOpen: boolean
  atEnd: boolean
}

/** The parts of the shared memory. */
const viewsOf = (memory: ArrayBuffer) => ({
  control: new Int32Array(memory, 0, CONTROL_WORDS),
  results: new Float64Array(memory, POOL_RESULTS, CAPACITY),
  calls: new Int32Array(memory, POOL_CALLS, CAPACITY * CALL_WORDS),
  threads: new Int32Array(memory, POOL_THREADS, MAX_THREADS * THREAD_WORDS),
  /** LEVELS rings, one after the other. */
  submissions: new Int32Array(memory, POOL_SUBMISSIONS, LEVELS * CAPACITY),
  completions: new Int32Array(memory, POOL_COMPLETIONS, CAPACITY),
  states: new Int32Array(memory, POOL_STATES, CAPACITY),
  /** `MAX_STEPS` of each slot, one after the other. */
  steps: new Int32Array(memory, POOL_STEPS)
})

/** In place of the shared memory, where there is none: without the steps, its largest part. */
const noMemory = (): ArrayBuffer => new ArrayBuffer(POOL_STEPS)

/**
 * The value of an empty place in the completion ring: another number in each round, so that a late thread cannot fill a place of an earlier
 * round.
 */
const emptyPlace = (position: number): number => -(position >>> 10) - 1

export class Threads {
  /** Readable when completions wait, or a thread has ended. -errno, like `failure`, where no descriptor could be made. */
  readonly eventFd: number
  /** Memory that does not belong to JavaScript: threads may still use it when this object is gone. */
  private readonly address: number = 0
  private views = viewsOf(noMemory())
  /** By index: whether a thread has this place. */
  private readonly places: Array<boolean> = []
  private readonly freeSlots: Array<number> = []
  private readonly cleanup: number = -1
  private completionHead = 0
  /** Cancelled calls whose slots have not become free. */
  private dequeued = 0
  /** Calls pushed since the last `publish`, by level. */
  private readonly pushed: Array<number> = new Array(LEVELS).fill(0)
  private pushedTotal = 0
  private readonly counter = new BigUint64Array(1)
  private readonly counterAddress = addressOf(this.counter)
  /** Threads whose end has been seen. */
  private endsSeen = 0
  /** Threads that run, are starting, or whose end has not been seen. */
  count = 0
  /** The ends of threads are not told any more. */
  private closed = false

  /** `onEnd` is called when a thread has ended: because it decided to, or because it could not be started. */
  constructor(private readonly onEnd: (how: "retired" | "stillborn") => void) {
    for (let slot = CAPACITY - 1; slot >= 0; slot--) this.freeSlots.push(slot)
    const machine = loadMachine()
    this.eventFd = machine < 0 ? machine : syscall(NR.eventfd2, 0, EFD_CLOEXEC_NONBLOCK)
    if (this.eventFd < 0) return
    const address = mapMemory(POOL_SIZE)
    if (address < 0) {
      syscall(NR.close, this.eventFd)
      this.eventFd = address
      return
    }
    this.address = address
    const memory = foreignMemory(address, POOL_SIZE)
    this.views = viewsOf(memory)
    this.views.completions.fill(emptyPlace(0))
    this.views.control[REFERENCES] = 1
    for (let index = 0; index < MAX_THREADS; index++)
      this.views.threads[index * THREAD_WORDS + THREAD_CURRENT] = NOTHING
    const words = new Int32Array(memory)
    words[POOL_EVENT_FD / 4] = this.eventFd
    words[POOL_WAKE_SIGNAL / 4] = wakeSignal() ?? 0
    this.cleanup = registerCleanup(POOL_KIND, address)
    // A thread that is in a system call when this thread exits would go on writing into memory that is freed.
    abandonAtExit(this)
  }

  /** Orders to the threads. */
  configure(threadLimit: number, maxIdle: number, idleTimeout: number): void {
    const { control } = this.views
    Atomics.store(control, THREAD_LIMIT, threadLimit)
    Atomics.store(control, MAX_IDLE, maxIdle)
    Atomics.store(control, IDLE_TIMEOUT, Math.min(idleTimeout, 0x7fffffff))
    Atomics.add(control, PUBLISHED, 1)
    this.wake(MAX_THREADS)
  }

  /** Wakes threads that sleep, after PUBLISHED has grown: the wait of one that is about to sleep fails on the new number. */
  private wake(threads: number): void {
    if (Atomics.load(this.views.control, IDLE_THREADS) === 0) return
    syscall(NR.futex, this.address + PUBLISHED * 4, FUTEX_WAKE_PRIVATE, threads)
  }

  /** Threads that wait for work. */
  get idle(): number {
    return Atomics.load(this.views.control, IDLE_THREADS)
  }

  /** Calls that no thread has taken yet, including those that have been cancelled. */
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

  /**
   * Calls that have been published and are not over: as many threads are busy, or will be. Counted with one number: with two, read one
   * after the other, a call that a thread takes in between would be counted twice or not at all.
   */
  get unfinished(): number {
    const { control } = this.views
    let published = 0
    for (let level = 0; level < LEVELS; level++) published += control[TAILS + level]
    return ((published - Atomics.load(control, COMPLETION_TAIL)) | 0) - this.dequeued
  }

  /** Threads that are in a system call. */
  get executing(): number {
    const { states } = this.views
    let sum = 0
    for (let index = 0; index < this.places.length; index++) {
      const slot = this.slotOf(index)
      if (slot < 0) continue
      // A thread names its slot until the call is over, and for a moment longer.
      const state = Atomics.load(states, slot)
      if (state === QUEUED || state === RUNNING || state === CANCELLING) sum++
    }
    return sum
  }

  private slotOf(index: number): number {
    return Atomics.load(this.views.threads, index * THREAD_WORDS + THREAD_CURRENT)
  }

  private tidOf(index: number): number {
    return Atomics.load(this.views.threads, index * THREAD_WORDS + THREAD_TID)
  }

  /** Completions that have not been taken. */
  get pending(): number {
    return (Atomics.load(this.views.control, COMPLETION_TAIL) - this.completionHead) | 0
  }

  /** Starts one thread. It takes work as soon as it runs, in 50 microseconds or so. */
  start(): void {
    let index = this.places.indexOf(false)
    if (index === -1) index = this.places.length
    if (index >= MAX_THREADS) return
    const { control, threads } = this.views
    this.places[index] = true
    this.count++
    Atomics.add(control, LIVE_THREADS, 1)
    Atomics.add(control, REFERENCES, 1)
    const at = index * THREAD_WORDS
    setWord(threads, at, this.address)
    Atomics.store(threads, at + THREAD_TID, 0)
    if (startThread(machineAddress("pool_thread"), this.address + POOL_THREADS + at * 4) === 0) return
    // The system allows no more threads (EAGAIN). Told later, when no caller is in the middle of its work; until then the thread counts.
    Atomics.sub(control, LIVE_THREADS, 1)
    Atomics.sub(control, REFERENCES, 1)
    setImmediate(() => {
      this.places[index] = false
      this.count--
      if (!this.closed) this.onEnd("stillborn")
    })
  }

  /** Forgets threads that have ended, and calls `onEnd` for each. */
  private seeEnds(): void {
    const ended = Atomics.load(this.views.control, ENDED)
    if (ended === this.endsSeen) return
    for (let index = 0; index < this.places.length && this.endsSeen !== ended; index++) {
      if (!this.places[index] || this.tidOf(index) !== RETIRED) continue
      this.endsSeen = (this.endsSeen + 1) | 0
      this.places[index] = false
      this.count--
      this.onEnd("retired")
    }
  }

  /** The slot that the next `push` is for, or -1 when all slots are taken that a request of this level (of `LEVELS`) may have. */
  freeSlot(level: number): number {
    // Lower levels leave some slots to each higher one: requests of these could not overtake if they had no slot.
    const reserved = (LEVELS - 1 - level) * RESERVED_SLOTS
    return this.freeSlots.length > reserved ? this.freeSlots[this.freeSlots.length - 1] : -1
  }

  /** Writes a call into its slot, which must be `freeSlot`. Threads see it after `publish`. */
  push(call: Call, level: number): void {
    const { slot } = call
    this.freeSlots.pop()
    const { calls, states } = this.views
    const at = slot * CALL_WORDS
    calls[at] = call.nr
    calls[at + 1] = call.mode
    setWord(calls, at + 2, call.a0)
    setWord(calls, at + 4, call.a1)
    setWord(calls, at + 6, call.a2)
    setWord(calls, at + 8, call.a3)
    setWord(calls, at + 10, call.a4)
    setWord(calls, at + 12, call.a5)
    if (call.steps !== null) this.writeSteps(slot, call.steps)
    // Plain writes: threads see the slot after `publish`, whose store of the tail orders them.
    states[slot] = QUEUED
    const { control, submissions } = this.views
    const position = (control[TAILS + level] + this.pushed[level]) & (CAPACITY - 1)
    submissions[level * CAPACITY + position] = slot
    this.pushed[level]++
    this.pushedTotal++
  }

  private writeSteps(slot: number, steps: ReadonlyArray<Step>): void {
    const { steps: words } = this.views
    let at = slot * MAX_STEPS * STEP_WORDS
    for (const step of steps) {
      words[at] = step.nr
      words[at + 1] = step.mode
      words[at + 2] = step.flags
      words[at + 3] = step.sources
      words[at + 4] = step.goesOn
      words[at + 5] = step.needs
      const a = at + STEP_ARGUMENTS
      setWord(words, a, step.a0)
      setWord(words, a + 2, step.a1)
      setWord(words, a + 4, step.a2)
      setWord(words, a + 6, step.a3)
      setWord(words, a + 8, step.a4)
      setWord(words, a + 10, step.a5)
      setWord(words, at + STEP_RESULT, NOT_RUN)
      at += STEP_WORDS
    }
  }

  /** Gives a program what has become of it. Asked for the slot of a completion that is being delivered. */
  results(program: Call): void {
    const { slot } = program
    const { calls, steps: words } = this.views
    program.stoppedAt = calls[slot * CALL_WORDS + 6]
    let at = slot * MAX_STEPS * STEP_WORDS
    for (const step of program.steps!) {
      step.result = words[at + STEP_RESULT + 1] * HIGH + (words[at + STEP_RESULT] >>> 0)
      step.isOpen = (words[at + 2] & OPENS) !== 0 && step.result >= 0
      step.atEnd = words[at + 1] === FILLED_TO_END
      at += STEP_WORDS
    }
  }

  /** The step that a program is in. */
  stepOf(slot: number): number {
    return Atomics.load(this.views.calls, slot * CALL_WORDS + 4)
  }

  /** The result of a step that has ended, less its upper half. */
  resultOf(slot: number, step: number): number {
    return Atomics.load(this.views.steps, (slot * MAX_STEPS + step) * STEP_WORDS + STEP_RESULT)
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
    this.wake(pushedTotal)
  }

  /** Whether `take` would find a completion. */
  get hasCompletions(): boolean {
    return Atomics.load(this.views.completions, this.completionHead & (CAPACITY - 1)) > 0
  }

  /** Calls `deliver` with the slot and result of each completion, at most `limit`. Returns how many. Cancelled slots are only freed. */
  take(limit: number, deliver: (slot: number, result: number) => void): number {
    let count = this.takeWhatIsThere(limit, deliver)
    // Only now that there are none left: while threads see the flag, they tell of no completion. So a row of turns costs one read.
    while (!this.hasCompletions && Atomics.load(this.views.control, SIGNALLED) !== 0) {
      // EAGAIN: the thread has set the flag and is about to write. The flag then stays until that write wakes the loop.
      if (syscall(NR.read, this.eventFd, this.counterAddress, this.counter.byteLength) <= 0) break
      Atomics.store(this.views.control, SIGNALLED, 0)
      this.seeEnds()
      // A completion that came before the flag was cleared has not been told.
      count += this.takeWhatIsThere(limit - count, deliver)
    }
    // For other event loops: the descriptor stays readable while there is more.
    if (this.hasCompletions && Atomics.exchange(this.views.control, SIGNALLED, 1) === 0) this.signal()
    return count
  }

  private takeWhatIsThere(limit: number, deliver: (slot: number, result: number) => void): number {
    const { completions, results, states } = this.views
    let count = 0
    while (count < limit) {
      const at = this.completionHead & (CAPACITY - 1)
      const slot = Atomics.load(completions, at) - 1
      if (slot < 0) break
      Atomics.store(completions, at, emptyPlace(this.completionHead + CAPACITY))
      this.completionHead = (this.completionHead + 1) | 0
      // Only this thread uses the slot from here until `publish`: plain writes.
      const discarded = states[slot] === DISCARDED
      const result = results[slot]
      states[slot] = FREE
      if (discarded) this.dequeued--
      else deliver(slot, result)
      this.freeSlots.push(slot)
      // A slot that becomes free counts, too: a request may be waiting for it.
      count++
    }
    return count
  }

  private signal(): void {
    this.counter[0] = 1n
    syscall(NR.write, this.eventFd, this.counterAddress, this.counter.byteLength)
  }

  /**
   * Ends a call early. `"dequeued"`: no thread will run it, and there will be no completion. `"signalled"`: a thread runs it and has been
   * woken; repeat until the completion is there, since the signal may come before the system call. `"done"`: it is too late.
   */
  cancel(slot: number): "dequeued" | "signalled" | "done" {
    const { states } = this.views
    if (Atomics.compareExchange(states, slot, QUEUED, CANCELLED) === QUEUED) {
      this.dequeued++
      return "dequeued"
    }
    Atomics.compareExchange(states, slot, RUNNING, CANCELLING)
    if (Atomics.load(states, slot) !== CANCELLING) return "done"
    for (let index = 0; index < this.places.length; index++) {
      if (this.slotOf(index) === slot) {
        wakeThread(this.tidOf(index))
        return "signalled"
      }
    }
    return "done"
  }

  /** Whether a call that fills its buffer (`FILL`) came to the end. Asked for the slot of a completion that is being delivered. */
  reachedEnd(slot: number): boolean {
    return this.views.calls[slot * CALL_WORDS + 1] === FILLED_TO_END
  }

  /** Whether a thread has taken up the call. */
  hasStarted(slot: number): boolean {
    return Atomics.load(this.views.states, slot) !== QUEUED
  }

  /** Undoes the construction, before any thread was started. */
  discard(): void {
    this.closed = true
    forget(this)
    if (this.eventFd < 0) return
    unregisterCleanup(this.cleanup)
    // The views first: touching memory that is unmapped would end the process.
    this.views = viewsOf(noMemory())
    syscall(NR.munmap, this.address, POOL_SIZE)
    syscall(NR.close, this.eventFd)
  }

  /** Ends all threads, which must have nothing to do. */
  async close(): Promise<void> {
    this.closed = true
    this.configure(0, 0, 0)
    // A thread that has told of its end needs the memory and the descriptor for a moment longer.
    for (let look = 0; Atomics.load(this.views.control, REFERENCES) > 1; look++) {
      await new Promise<void>((resolve) => {
        if (look < QUICK_LOOKS) setImmediate(resolve)
        else setTimeout(resolve, 1)
      })
    }
    this.discard()
  }

  /**
   * Called at the exit of this thread: brings other threads out of calls that may wait without end, and waits until none works for this
   * one.
   */
  abandon(): void {
    abandonPool(this.address)
  }
}
