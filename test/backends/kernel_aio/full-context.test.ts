/** A full context holds nothing up: what waits for ever takes part of it, and the rest goes through, there or in the pool. */
import { writeSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioBuffer } from "effect-aio"
import { directFile, kernelLayers, nothingInThreads, PAGE, pipes } from "./fixtures/support.ts"

const ENTRIES = 8
const POLLS = 100
const PAGES = 64
const READS = 1000

const readPages = (fd: number, bytes: Buffer) =>
  Effect.forEach(
    Array.from({ length: READS }, (_, index) => (index % PAGES) * PAGE),
    (offset) => {
      const buffer = AioBuffer.aligned(PAGE)
      return Effect.map(Aio.read(fd, buffer, { offset }), () =>
        expect(bytes.subarray(offset, offset + PAGE).equals(buffer)).toBe(true)
      )
    },
    { concurrency: "unbounded", discard: true }
  )

describe.each(kernelLayers)("$name", ({ layer }) => {
  it.scopedLive(`${READS} reads through a context of ${ENTRIES}`, () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* directFile(PAGES)
      yield* readPages(fd, bytes)
      yield* nothingInThreads
    }).pipe(Effect.provide(layer({ entries: ENTRIES })))
  )

  it.scopedLive("and through a context of one", () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* directFile(PAGES)
      const [pipe] = yield* pipes(1)
      const waiting = yield* Effect.fork(Aio.pollFd(pipe.read, { readable: true }))
      yield* readPages(fd, bytes)
      expect(waiting.unsafePoll()).toBeNull()
      writeSync(pipe.write, "x")
      yield* Fiber.join(waiting)
    }).pipe(Effect.provide(layer({ entries: 1 })))
  )

  it.scopedLive(`${POLLS} polls of idle pipes keep neither reads nor syncs waiting, and each gets its own event`, () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* directFile(PAGES)
      const made = yield* pipes(POLLS)
      const waiting = yield* Effect.forEach(made, ({ read }) => Effect.fork(Aio.pollFd(read, { readable: true })))
      yield* Effect.sleep(20)
      yield* readPages(fd, bytes)
      yield* Aio.fdatasync(fd)
      for (const fiber of waiting) expect(fiber.unsafePoll()).toBeNull()
      for (const index of [POLLS - 1, 0, 17]) {
        writeSync(made[index].write, "x")
        yield* Fiber.join(waiting[index])
      }
      expect(waiting.filter((fiber) => fiber.unsafePoll() === null).length).toBe(POLLS - 3)
      yield* Fiber.interruptAll(waiting)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.timeout("30 seconds"), Effect.provide(layer({ entries: ENTRIES })))
  )
})
