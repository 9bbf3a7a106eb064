/** eventfd: a counter that is read and written, and waited for. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { descriptors } from "../../support/processState.ts"

const number = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer)

const read = (fd: number) =>
  Effect.suspend(() => {
    const bytes = new Uint8Array(8)
    return Effect.map(Aio.read(fd, bytes), () => new BigUint64Array(bytes.buffer)[0])
  })

const opened = (initial?: number, options?: Aio.EventfdOptions) =>
  Effect.acquireRelease(Aio.eventfd(initial, options), (fd) => Effect.orDie(Aio.close(fd)))

describe.each(backends)("$name: eventfd", ({ layer, real }) => {
  it.scopedLive("what is written adds up, and a read gives all of it, or one with semaphore", () =>
    Effect.gen(function* () {
      const fd = yield* opened(2)
      yield* Aio.write(fd, number(3n))
      yield* Aio.writev(fd, [number(1n << 40n)])
      expect(yield* read(fd)).toBe(5n + (1n << 40n))
      const semaphore = yield* opened(2, { semaphore: true })
      expect([yield* read(semaphore), yield* read(semaphore)]).toEqual([1n, 1n])
      expect(yield* Effect.flip(Aio.read(semaphore, new Uint8Array(8), { noWait: true }))).toMatchObject({
        code: "EAGAIN"
      })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a read of 0 waits for a write, a write that does not fit for a read, pollFd for either", () =>
    Effect.gen(function* () {
      const fd = yield* opened()
      expect(yield* Aio.pollFd(fd, { writable: true })).toMatchObject({ writable: true })
      const polling = yield* Effect.fork(Aio.pollFd(fd, { readable: true }))
      const reading = yield* Effect.fork(read(fd))
      yield* Aio.write(fd, number(7n))
      expect(yield* Fiber.join(reading)).toBe(7n)
      yield* Aio.write(fd, number(2n ** 64n - 2n))
      expect(yield* Fiber.join(polling)).toMatchObject({ readable: true })
      const writing = yield* Effect.fork(Aio.write(fd, number(1n)))
      expect(yield* read(fd)).toBe(2n ** 64n - 2n)
      expect(yield* Fiber.join(writing)).toBe(8)
      expect(yield* read(fd)).toBe(1n)
      const interrupted = yield* Effect.fork(read(fd))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(interrupted)
      yield* Aio.write(fd, number(9n))
      expect(yield* read(fd)).toBe(9n)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is no number of 8 bytes is refused, and what no counter can start with", () =>
    Effect.gen(function* () {
      const fd = yield* opened(1)
      expect(yield* Effect.flip(Aio.read(fd, new Uint8Array(7)))).toMatchObject({ code: "EINVAL" })
      expect(yield* Effect.flip(Aio.write(fd, new Uint8Array(7)))).toMatchObject({ code: "EINVAL" })
      expect(yield* Effect.flip(Aio.write(fd, number(2n ** 64n - 1n)))).toMatchObject({ code: "EINVAL" })
      expect(yield* Effect.flip(Aio.read(fd, new Uint8Array(8), { offset: 0 }))).toMatchObject({ code: "ESPIPE" })
      for (const initial of [-1, 2 ** 32, 0.5, "1" as any]) {
        expect(yield* Effect.flip(Aio.eventfd(initial))).toMatchObject({ _tag: "AioBadArgument", argument: "initial" })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(real)("interrupted at any moment, none is left open", () =>
    Effect.gen(function* () {
      yield* opened()
      const counters = () => [...descriptors().values()].filter((target) => target === "anon_inode:[eventfd]").length
      const before = counters()
      for (let round = 0; round < 20; round++) {
        const fiber = yield* Effect.fork(Aio.eventfd())
        for (let i = 0; i < round % 5; i++) yield* Effect.yieldNow()
        const exit = yield* Fiber.interrupt(fiber)
        if (exit._tag === "Success") yield* Aio.close(exit.value)
      }
      expect(counters()).toBe(before)
    }).pipe(Effect.provide(layer))
  )
})
