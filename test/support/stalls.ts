/**
 * How long the event loop was held by system calls that slept: looks of a timer, one a millisecond. Between two of them this thread has
 * computed, waited for a processor, or slept; only the last is a call that waited for somebody, and no load of the machine makes it longer.
 */
import { closeSync, openSync, readSync } from "node:fs"
import { Effect } from "effect"

/** Milliseconds of sleep in one go, and what was being done. */
export interface Stall {
  readonly during: string
  readonly slept: number
}

export class StallWatch {
  readonly stalls: Array<Stall> = []
  /** What is being done now: at first a Layer is built, for whose ring the kernel looks for a mebibyte, which may take it long. */
  private label: string | undefined
  private last = performance.now()
  private busy = 0
  private readonly text = Buffer.alloc(128)
  // Of this process's main thread: nanoseconds computed, and nanoseconds waited for a processor. proc(5)
  private readonly fd = openSync("/proc/self/schedstat", "r")
  private readonly timer = setInterval(() => this.look(), 1)

  constructor(private readonly limit: number) {
    this.busy = this.readBusy()
  }

  private readBusy(): number {
    const [computed, waited] = this.text.toString("latin1", 0, readSync(this.fd, this.text, 0, 128, 0)).split(" ")
    return (Number(computed) + Number(waited)) / 1e6
  }

  private look(): void {
    const busy = this.readBusy()
    const now = performance.now()
    const slept = now - this.last - (busy - this.busy)
    if (slept > this.limit && this.label !== undefined)
      this.stalls.push({ during: this.label, slept: Math.round(slept) })
    this.last = now
    this.busy = busy
  }

  /** An effect, called so in what is found. Before it and after it the event loop has been round. */
  watch<A, E, R>(label: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.gen(this, function* () {
      yield* Effect.sleep(2)
      this.label = label
      const value = yield* effect
      yield* Effect.sleep(2)
      this.label = `after ${label}`
      return value
    })
  }

  end(): void {
    clearInterval(this.timer)
    closeSync(this.fd)
  }
}

/** The stalls of an effect that are longer than `limit` milliseconds. */
export const stallsOf = <E, R>(
  limit: number,
  effect: (watch: StallWatch) => Effect.Effect<unknown, E, R>
): Effect.Effect<ReadonlyArray<Stall>, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => new StallWatch(limit)),
    (watch) => Effect.as(effect(watch), watch.stalls),
    (watch) => Effect.sync(() => watch.end())
  )
