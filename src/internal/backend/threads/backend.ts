/**
 * A pool of threads, each in one system call at a time: what runs everything everywhere.
 *
 * What threads are bad at, and what is done about it here: a thread costs 25-50 ms to start and megabytes to keep, so they start on
 * demand; every request crosses to another core and back, so what is cached is tried without one first, and the two rings in
 * shared memory are written and read in batches; a thread in a call that may wait for ever cannot be given up, so it is woken by a
 * signal.
 */
import { availableParallelism } from "node:os"
import { errno } from "../../native/errno.ts"
import { Reactor } from "../../native/reactor.ts"
import { Threads } from "../../native/threads.ts"
import type { Backend, Host } from "../../engine/backend.ts"
import type { Request } from "../../engine/request.ts"
import { Submission } from "../../engine/submission.ts"

export interface ThreadsOptions {
  /** Threads at most. Default: the cores, at least 4. */
  readonly maxParallel?: number | undefined
}

/** Milliseconds between two signals to a thread whose request has been asked to end. */
const RETRY_INTERVAL = 5

/** After so many threads that died at birth, with none left, requests fail instead of waiting. */
const MAX_FAILED_STARTS = 3

export class ThreadsBackend implements Backend {
  readonly name = "threads"
  readonly answersCached = false
  inFlight = 0
  /** By slot: this table keeps requests, and their buffers, alive while a thread works on them. */
  private readonly slots: Array<Submission> = []
  private readonly cancelling = new Set<Request>()
  private readonly maxParallel: number
  private threads: Threads | undefined
  private reactor: Reactor | undefined
  private timer: NodeJS.Timeout | undefined
  /** Threads that ended before they were up, in a row. */
  private failedStarts = 0

  constructor(
    private readonly host: Host,
    options: ThreadsOptions = {}
  ) {
    this.maxParallel = options.maxParallel ?? Math.max(4, availableParallelism())
  }

  supports(): boolean {
    return true
  }

  /** The pool starts on first use. */
  private ensure(): Threads {
    if (this.threads === undefined) {
      this.threads = new Threads(this.onDeath)
      this.reactor = new Reactor(this.threads.eventFd, () => this.host.wake())
    }
    return this.threads
  }

  submit(request: Request): boolean {
    const threads = this.ensure()
    const slot = threads.freeSlot
    if (slot === -1) return false
    const submission = (this.slots[slot] ??= new Submission(slot))
    submission.encode(request.entry, request.input)
    threads.push(submission)
    submission.request = request
    request.submission = submission
    this.inFlight++
    return true
  }

  flush(): void {
    const { threads } = this
    if (threads === undefined) return
    threads.publish()
    let wanted = Math.min(threads.waiting - threads.idle, this.maxParallel - threads.count)
    while (wanted-- > 0) threads.start()
  }

  drain(limit: number): number {
    return this.threads === undefined ? 0 : this.threads.take(limit, this.deliver)
  }

  get hasCompletions(): boolean {
    return this.threads?.hasCompletions === true
  }

  private readonly deliver = (slot: number, result: number): void => {
    const submission = this.slots[slot]
    this.inFlight--
    this.cancelling.delete(submission.request!)
    this.host.complete(submission, result)
    submission.clear()
  }

  /** A thread died. Whatever its call did, nobody works on it any more: its request fails, others go on with other threads. */
  private readonly onDeath = (slot: number, wasUp: boolean): void => {
    const threads = this.threads!
    if (slot !== -1 && this.slots[slot].request !== null) this.deliver(slot, -errno.EIO)
    this.failedStarts = wasUp ? 0 : this.failedStarts + 1
    if (this.failedStarts >= MAX_FAILED_STARTS && threads.count === 0) {
      // No thread can be had (RLIMIT_NPROC, memory): waiting for one would be waiting for ever.
      this.failedStarts = 0
      this.forEachInFlight((request) => {
        const { slot } = request.submission!
        if (threads.cancel(slot) === "dequeued") this.deliver(slot, -errno.EAGAIN)
      })
    }
    this.host.wake()
  }

  cancel(request: Request): void {
    const { slot } = request.submission!
    const answer = this.threads!.cancel(slot)
    if (answer === "dequeued") {
      // The slot comes back by itself; the request needs it no longer.
      this.deliver(slot, -errno.ECANCELED)
    } else {
      this.cancelling.add(request)
      if (this.timer === undefined) this.timer = setInterval(this.tick, RETRY_INTERVAL).unref()
    }
  }

  private readonly tick = (): void => {
    for (const { submission } of this.cancelling) if (submission !== null) this.threads!.cancel(submission.slot)
    if (this.cancelling.size === 0) {
      clearInterval(this.timer)
      this.timer = undefined
    }
  }

  forEachInFlight(visit: (request: Request) => void): void {
    // Slots that were never used are holes of the array, which `forEach` passes over.
    this.slots.forEach(({ request }) => {
      if (request !== null) visit(request)
    })
  }

  keepAlive(yes: boolean): void {
    this.reactor?.keepAlive(yes)
  }

  async close(): Promise<void> {
    clearInterval(this.timer)
    this.reactor?.close()
    await this.threads?.close()
  }
}
