/** Interruption: polls end at once, transfers when the disk has answered, and nobody touches a buffer after its fiber has ended. */
import { writeSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { Aio, AioBuffer, type AioError, AioGroup, AioOperation } from "effect-aio"
import { byHand } from "../../support/engine.ts"
import { someTime } from "../../support/moments.ts"
import { bestOf } from "../../support/patience.ts"
import { random, seed } from "../../support/random.ts"
import { directFile, kernelLayers, nothingInThreads, PAGE, pipes } from "./fixtures/support.ts"

const SENTINEL = 0xa5
const WRITTEN = 0x22
const INTERRUPTED = 200
const PAGES = 256

describe.each(kernelLayers)("$name", ({ layer }) => {
  it.scopedLive("an idle poll ends within 100 ms of its interrupt, and its pipe can be polled again", () =>
    Effect.gen(function* () {
      const [pipe] = yield* pipes(1)
      let cancelled = 0
      const once = Effect.gen(function* () {
        const waiting = yield* Effect.fork(Aio.pollFd(pipe.read, { readable: true }))
        yield* Effect.sleep(30)
        expect(waiting.unsafePoll()).toBeNull()
        const start = performance.now()
        const exit = yield* Fiber.interrupt(waiting)
        const time = performance.now() - start
        expect(Exit.isInterrupted(exit)).toBe(true)
        expect(yield* Aio.stats).toMatchObject({ outstanding: 0, cancelled: ++cancelled })
        return time
      })
      expect(yield* bestOf(Effect.replicateEffect(once, 3), 100)).toBeLessThan(100)
      const again = yield* Effect.fork(Aio.pollFd(pipe.read, { readable: true }))
      writeSync(pipe.write, "x")
      expect(yield* Fiber.join(again)).toMatchObject({ readable: true })
      yield* nothingInThreads
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("100 idle polls of one pipe, one of them interrupted: the others go on", () =>
    Effect.gen(function* () {
      const [pipe] = yield* pipes(1)
      const waiting = yield* Effect.forEach(Array.from({ length: 100 }), () =>
        Effect.fork(Aio.pollFd(pipe.read, { readable: true }))
      )
      yield* Effect.sleep(30)
      yield* Fiber.interrupt(waiting[50])
      expect(waiting.filter((fiber) => fiber.unsafePoll() === null).length).toBe(99)
      writeSync(pipe.write, "x")
      yield* Effect.forEach(
        waiting.filter((_, index) => index !== 50),
        (fiber) => Fiber.join(fiber)
      )
      yield* nothingInThreads
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("cancelling before the turn, in the kernel, while its completion waits, and when it has ended", () =>
    Effect.gen(function* () {
      const hand = yield* byHand
      const [pipe] = yield* pipes(1)
      const group = yield* AioGroup.make({ onFailure: "continue" })
      const submitted = group.add(AioOperation.pollFd(pipe.read, { readable: true }))
      const end = (handle: AioGroup.Handle<Aio.Readiness>) =>
        Effect.match(handle.result, {
          onFailure: (error) => (error as AioError.AioError).code,
          onSuccess: ({ readable }) => readable
        })
      const queued = yield* submitted
      yield* queued.cancel
      expect(yield* end(queued)).toBe("ECANCELED")
      expect(yield* Aio.stats).toMatchObject({ submitted: 1, completed: 1 })

      const inKernel = yield* submitted
      hand.wait(0)
      expect(hand.stats()).toMatchObject({ submitted: 2, executing: 1 })
      yield* Effect.all([inKernel.cancel, inKernel.cancel], { concurrency: 2 })
      expect(yield* end(inKernel)).toBe("ECANCELED")

      // Complete in the ring, and not delivered: what it has seen is the result, or it is cancelled, but it ends once.
      const complete = yield* submitted
      hand.wait(0)
      writeSync(pipe.write, "x")
      yield* complete.cancel
      expect([true, "ECANCELED"]).toContain(yield* end(complete))
      yield* complete.cancel
      yield* Effect.sleep(30)
      expect(yield* Aio.stats).toMatchObject({ submitted: 3, completed: 3, outstanding: 0 })
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive(`${INTERRUPTED} requests interrupted at random moments (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const { fd } = yield* directFile(PAGES)
      const ends = yield* pipes(8)
      const numbers = random()
      const buffers: Array<Uint8Array> = []
      let interrupted = 0
      const one = Effect.gen(function* () {
        const buffer = AioBuffer.aligned(16 * PAGE)
        const offset = numbers.integer(PAGES - 16) * PAGE
        const halves = [buffer.subarray(0, 8 * PAGE), buffer.subarray(8 * PAGE)]
        const request: Effect.Effect<unknown, unknown, Aio.Aio> = numbers.pick([
          Aio.read(fd, buffer, { offset }),
          Aio.readv(fd, halves, { offset }),
          Effect.suspend(() => Aio.write(fd, buffer.fill(WRITTEN), { offset })),
          Effect.suspend(() => Aio.writev(fd, [buffer.fill(WRITTEN)], { offset })),
          Aio.fsync(fd),
          Aio.pollFd(numbers.pick(ends).read, { readable: true })
        ])
        const fiber = yield* Effect.fork(request)
        yield* someTime(numbers)
        const exit = yield* Fiber.interrupt(fiber)
        buffer.fill(SENTINEL)
        buffers.push(buffer)
        if (Exit.isFailure(exit)) {
          expect(Cause.isInterruptedOnly(exit.cause)).toBe(true)
          interrupted++
        }
      })
      yield* Effect.all(
        Array.from({ length: INTERRUPTED }, () => one),
        { concurrency: 20, discard: true }
      )
      yield* Effect.sleep(100)
      expect(buffers.filter((buffer) => buffer.some((byte) => byte !== SENTINEL)).length).toBe(0)
      // Nor has the disk got what an owner wrote into his buffer afterwards.
      const all = AioBuffer.aligned(PAGES * PAGE)
      expect(yield* Aio.read(fd, all, { offset: 0 })).toBe(PAGES * PAGE)
      const sentinels = Buffer.alloc(PAGE, SENTINEL)
      for (let page = 0; page < PAGES; page++) {
        expect(sentinels.equals(all.subarray(page * PAGE, (page + 1) * PAGE))).toBe(false)
      }
      expect((yield* Aio.stats).outstanding).toBe(0)
      // Otherwise this tested nothing.
      expect(interrupted).toBeGreaterThan(INTERRUPTED / 20)
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("closing the Layer ends what is in flight", () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* directFile(64)
      const ends = yield* pipes(20)
      const buffers = Array.from({ length: 64 }, () => AioBuffer.aligned(PAGE))
      const fibers = yield* Effect.gen(function* () {
        const polls = yield* Effect.forEach(ends, ({ read }) => Effect.forkDaemon(Aio.pollFd(read, { readable: true })))
        const reads = yield* Effect.forEach(buffers, (buffer, page) =>
          Effect.forkDaemon(Aio.read(fd, buffer, { offset: page * PAGE }))
        )
        yield* Effect.yieldNow()
        return { polls, reads }
      }).pipe(Effect.provide(layer()))
      for (const fiber of fibers.polls) {
        expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ code: "ECANCELED" })
      }
      const exits = yield* Effect.forEach(fibers.reads, (fiber) => Fiber.await(fiber))
      exits.forEach((exit, page) => {
        if (Exit.isFailure(exit)) return
        expect(bytes.subarray(page * PAGE, (page + 1) * PAGE).equals(buffers[page])).toBe(true)
      })
    })
  )
})
