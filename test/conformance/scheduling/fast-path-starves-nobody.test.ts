/**
 * Timers fire within 20 ms while fibers do nothing but read cached data.
 *
 * Asserted of the 95th percentile, in time of this thread: when the system gives the processor to another process, that is no
 * lateness of ours.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioFile, IoUring, ThreadPool } from "effect-aio"
import { ioUringBackends } from "../../support/backends.ts"
import { bestOf } from "../../support/patience.ts"
import { lastingAddress, systemCall } from "../../support/systemCalls.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { goingOne } from "../../support/ways.ts"

const FIBERS = 64
const LIMIT = 20
const INTERVAL = 5
const TIMERS = 100

const CLOCK_THREAD_CPUTIME_ID = 3
const time = new BigInt64Array(2)
const timeAddress = lastingAddress(time)

/** Milliseconds that this thread has been running. */
const threadTime = (): number => {
  systemCall("clock_gettime", CLOCK_THREAD_CPUTIME_ID, timeAddress)
  return Number(time[0]) * 1000 + Number(time[1]) / 1e6
}

/** How late so many timers of 5 ms are, one after the other, in milliseconds. Not Effect's own timers. */
const lateness = (count: number): Effect.Effect<ReadonlyArray<number>> =>
  Effect.async((resume) => {
    const late: Array<number> = []
    const next = () => {
      const set = performance.now()
      const setAt = threadTime()
      setTimeout(() => {
        const now = performance.now()
        // Never more than it was late, and never more than this thread did since the timer was set.
        late.push(Math.max(0, Math.min(now - set - INTERVAL, threadTime() - setAt)))
        if (late.length === count) resume(Effect.succeed(late))
        else next()
      }, INTERVAL)
    }
    next()
  })

const flood = (
  path: string,
  size: number,
  one: (file: AioFile.AioFile, index: number) => Effect.Effect<unknown, any, Aio.Aio>
) =>
  Effect.gen(function* () {
    writeFileSync(path, new Uint8Array(size))
    const file = yield* AioFile.open(path)
    return yield* Effect.forEach(Array.from({ length: FIBERS }), (_, index) =>
      Effect.forkScoped(Effect.forever(one(file, index)))
    )
  })

const floods = {
  "reads of 4 KiB": (path: string) => {
    const buffer = new Uint8Array(4096)
    return flood(path, 1 << 20, (file, index) => file.read(buffer, { offset: index * 4096 }))
  },
  "reads of 1 MiB": (path: string) => {
    const buffer = new Uint8Array(1 << 20)
    return flood(path, 1 << 20, (file) => file.read(buffer, { offset: 0 }))
  },
  stats: (path: string) => flood(path, 1, () => Aio.stat(path))
}

const layers = [
  { name: "threads", layer: ThreadPool.layer() },
  ...(ioUringBackends.length > 0 ? [{ name: "io_uring", layer: IoUring.layer() }] : [])
]

describe.each(layers)("$name", ({ layer }) => {
  for (const [name, make] of Object.entries(floods)) {
    it.scopedLive(`a flood of cached ${name}`, () =>
      Effect.gen(function* () {
        const path = join(yield* temporaryDirectory, "file")
        const fibers = yield* make(path)
        const before = yield* Aio.stats
        const late = yield* bestOf(lateness(TIMERS), LIMIT, 0.95)
        const after = yield* Aio.stats
        yield* Fiber.interruptAll(fibers)
        expect(after.inline - before.inline).toBeGreaterThan(TIMERS / 2)
        expect(late).toBeLessThan(LIMIT)
      }).pipe(Effect.provide(goingOne("at random", layer)))
    )
  }
})
