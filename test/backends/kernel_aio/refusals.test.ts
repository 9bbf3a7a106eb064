/** What the kernel does not take: each request gets its own error, and no other request is touched by it. */

import * as fs from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Fiber, Option } from "effect"
import { Aio, AioBuffer, AioFile } from "effect-aio"
import { idlePipe } from "../../support/fifo.ts"
import { deaf, directFile, firstTransfer, kernelLayers, nothingInThreads, PAGE } from "./fixtures/support.ts"

const NOBODY = 1_000_000

describe.each(kernelLayers)("$name", ({ layer }) => {
  it.scopedLive("bad blocks at the start, in the middle and at the end of a batch", () =>
    Effect.gen(function* () {
      const { bytes, fd, path } = yield* directFile(64)
      const writeOnly = yield* Effect.acquireRelease(
        Effect.sync(() => fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_DIRECT)),
        (fd) => Effect.sync(() => fs.closeSync(fd))
      )
      yield* firstTransfer(writeOnly, bytes.subarray(0, PAGE))
      // One fiber a request, all started before the next turn: one batch.
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 64 }, (_, index) => index),
        (index) => {
          const buffer = AioBuffer.aligned(PAGE)
          if (index % 9 === 0) return Effect.either(Effect.as(Aio.fsync(NOBODY), buffer))
          const target = index % 7 === 0 ? writeOnly : fd
          return Effect.either(Effect.as(Aio.read(target, buffer, { offset: index * PAGE }), buffer))
        },
        { concurrency: "unbounded" }
      )
      outcomes.forEach((outcome, index) => {
        if (index % 9 === 0 || index % 7 === 0) {
          expect(Either.getOrThrow(Either.flip(outcome))).toMatchObject({ code: "EBADF" })
        } else {
          const read = Either.getOrThrow(outcome)
          expect(bytes.subarray(index * PAGE, (index + 1) * PAGE).equals(read)).toBe(true)
        }
      })
      expect((yield* Aio.stats).outstanding).toBe(0)
      yield* nothingInThreads
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("misaligned direct transfers: the kernel's EINVAL, or AioBadArgument where it is known before", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* directFile(4)
      const buffer = AioBuffer.aligned(2 * PAGE)
      for (const request of [
        Aio.read(fd, buffer.subarray(1, 1 + PAGE), { offset: 1 }),
        Aio.read(fd, buffer.subarray(0, 100), { offset: 0 }),
        Aio.write(fd, buffer.subarray(0, PAGE), { offset: 10 }),
        Aio.readv(fd, [buffer.subarray(0, 10)], { offset: 0 })
      ]) {
        expect(yield* Effect.flip(request)).toMatchObject({ _tag: "AioError", code: "EINVAL" })
      }
      const file = yield* AioFile.open(path, { direct: true })
      expect(yield* Effect.flip(file.read(buffer.subarray(1, 1 + PAGE), { offset: 0 }))).toMatchObject({
        _tag: "AioBadArgument",
        argument: "buffer"
      })
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("what kernel AIO cannot do with a file is asked of the pool: its answer, or its error", () =>
    Effect.gen(function* () {
      // Two queues of waiters, which IOCB_CMD_POLL refuses.
      const pipe = yield* idlePipe
      expect(yield* Effect.timeoutOption(Aio.pollFd(pipe, { readable: true }), 50)).toEqual(Option.none())
      const device = yield* Effect.acquireRelease(
        Effect.sync(() => fs.openSync("/dev/random", "r")),
        (fd) => Effect.sync(() => fs.closeSync(fd))
      )
      expect(yield* Aio.pollFd(device, { readable: true })).toMatchObject({ readable: true })
      expect(yield* Effect.flip(Aio.fsync(pipe))).toMatchObject({ code: "EINVAL" })
      expect(yield* Effect.flip(Aio.fdatasync(pipe))).toMatchObject({ code: "EINVAL" })
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("arguments that no kernel would take", () =>
    Effect.gen(function* () {
      const { fd } = yield* directFile(1)
      const buffer = AioBuffer.aligned(PAGE)
      const bad = [
        Aio.read("0" as never, buffer, { offset: 0 }),
        Aio.read({} as never, buffer, { offset: 0 }),
        Aio.read(-1, buffer, { offset: 0 }),
        Aio.read(2 ** 40, buffer, { offset: 0 }),
        Aio.read(fd, buffer, { offset: -4096 }),
        Aio.read(fd, buffer, { offset: null as never }),
        Aio.read(fd, "text" as never, { offset: 0 }),
        Aio.writev(fd, "text" as never, { offset: 0 }),
        Aio.fsync(1.5),
        Aio.pollFd(fd, {}),
        Aio.pollFd(undefined as never, { readable: true })
      ]
      for (const request of bad) expect(yield* Effect.flip(request)).toMatchObject({ _tag: "AioBadArgument" })
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("transfers with priorities", () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* directFile(9)
      for (let priority = -4; priority <= 4; priority++) {
        const buffer = AioBuffer.aligned(PAGE)
        const offset = (priority + 4) * PAGE
        yield* Aio.withPriority(Aio.read(fd, buffer, { offset }), priority)
        expect(bytes.subarray(offset, offset + PAGE).equals(buffer)).toBe(true)
      }
      yield* nothingInThreads
    }).pipe(Effect.provide(layer()))
  )
})

it.scopedLive("nobody tells of ends any more: the pool repeats what is under way, but for writes, which fail", () =>
  Effect.gen(function* () {
    const { bytes, fd } = yield* directFile(8)
    const pipe = yield* idlePipe
    const waiting = yield* Effect.fork(Aio.pollFd(pipe, { readable: true }))
    const read = (index: number) => {
      const buffer = AioBuffer.aligned(PAGE)
      return Effect.as(Aio.read(fd, buffer, { offset: index * PAGE }), buffer)
    }
    const page = AioBuffer.aligned(PAGE)
    page.set(bytes.subarray(0, PAGE))
    const write = Effect.flip(Aio.write(fd, page, { offset: 0 }))
    const reads = Effect.forEach([1, 2, 3, 4], read, { concurrency: "unbounded" })
    const [failure, pages] = yield* Effect.all([write, reads, Aio.fsync(fd)], { concurrency: "unbounded" })
    expect(failure).toMatchObject({ _tag: "AioError", code: "EIO" })
    pages.forEach((page, index) => {
      expect(bytes.subarray((index + 1) * PAGE, (index + 2) * PAGE).equals(page)).toBe(true)
    })
    expect(bytes.subarray(0, PAGE).equals(yield* read(0))).toBe(true)
    expect(yield* Aio.write(fd, page, { offset: 0 })).toBe(PAGE)
    yield* Fiber.interrupt(waiting)
    expect((yield* Aio.stats).outstanding).toBe(0)
  }).pipe(Effect.provide(deaf))
)
