/** Waiting for completions with the thread blocked, and a descriptor for other event loops. */

import { EpollSet } from "../native/epollSet.ts"
import { errno } from "../native/errno.ts"
import { now } from "../native/loop.ts"
import { unsupported } from "../native/platform.ts"
import { POLLIN, pollEvents } from "../native/readiness.ts"
import type { Backend } from "./backend.ts"

/** Milliseconds between two ticks of the backends while the thread is blocked. */
const TICK = 10

/** The engine's side of the wait. */
interface Pollable {
  readonly backends: ReadonlyArray<Backend>
  readonly hasCompletions: boolean
  readonly outstanding: number
  readonly isInTurn: boolean
  poll(limit?: number): number
  unobserved(run: () => void): void
}

export class Blocking {
  private epoll: EpollSet | undefined

  constructor(private readonly engine: Pollable) {}

  /** A descriptor that is readable while completions wait in any backend. -errno where none can be had. */
  get descriptor(): number {
    // The mock also runs where there are no system calls.
    if (unsupported !== undefined) return -errno.ENOSYS
    if (this.epoll === undefined || this.epoll.fd < 0) {
      this.epoll = new EpollSet()
      for (const { descriptor } of this.engine.backends) this.epoll.watch(descriptor)
    }
    return this.epoll.fd
  }

  /** Adds a backend that did not exist when the descriptor was made. */
  watch(backend: Backend): void {
    this.epoll?.watch(backend.descriptor)
  }

  close(): void {
    this.epoll?.close()
  }

  /**
   * Blocks this thread until a request can be settled, or nothing is outstanding, or for so many milliseconds. What waits in the
   * engine is started first: it could not complete otherwise.
   */
  wait(milliseconds: number): void {
    const { engine } = this
    if (engine.hasCompletions) return
    if (engine.poll(0) > 0 || engine.outstanding === 0) return
    const { descriptor } = this
    const deadline = now() + milliseconds
    for (let left = milliseconds; left > 0; left = deadline - now()) {
      if (descriptor >= 0 && pollEvents(descriptor, POLLIN, Math.min(left, TICK)) > 0) return
      // The timers of this thread do not run meanwhile: what backends do by the clock is done here.
      for (const backend of engine.backends) backend.tick()
      if (engine.poll(0) > 0 || engine.outstanding === 0 || engine.hasCompletions) return
    }
  }

  /** Blocks this thread until nothing is outstanding. Called within a turn, it would block without end. */
  flush(): void {
    const { engine } = this
    engine.unobserved(() => {
      while (engine.outstanding > 0) {
        // Only a part of the time: requests may also end through timers of this thread, which do not run meanwhile.
        this.wait(TICK)
        engine.poll()
      }
    })
  }
}
