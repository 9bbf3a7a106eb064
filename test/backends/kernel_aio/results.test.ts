/** Every operation that kernel AIO runs itself gives what `node:fs` gives, and needs no thread for it. */
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioBuffer, AioFile } from "effect-aio"
import { idlePipe } from "../../support/fifo.ts"
import { random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { directFile, kernelLayers, nothingInThreads, PAGE, pipes } from "./fixtures/support.ts"

const READS = 10_000
const PAGES = 1024

describe.each(kernelLayers)("$name", ({ layer }) => {
  it.scopedLive(`${READS} random direct reads (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const { bytes, fd, path } = yield* directFile(PAGES)
      const file = yield* AioFile.open(path, { direct: true })
      const numbers = random()
      let left = READS
      const worker = Effect.gen(function* () {
        const buffer = AioBuffer.aligned(4 * PAGE)
        while (left-- > 0) {
          const page = numbers.integer(PAGES)
          const into = buffer.subarray(0, PAGE * (1 + numbers.integer(4)))
          const offset = page * PAGE
          const count = yield* left % 2 === 0 ? file.read(into, { offset }) : Aio.read(fd, into, { offset })
          const expected = bytes.subarray(offset, offset + into.length)
          expect(count).toBe(expected.length)
          expect(expected.equals(into.subarray(0, count))).toBe(true)
        }
      })
      yield* Effect.all(
        Array.from({ length: 300 }, () => worker),
        { concurrency: "unbounded", discard: true }
      )
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("read, write, readv, writev, fsync, fdatasync of a direct descriptor, without a thread", () =>
    Effect.gen(function* () {
      const { bytes, fd, path } = yield* directFile(16)
      const one = AioBuffer.aligned(PAGE)
      const two = AioBuffer.aligned(2 * PAGE)
      expect(yield* Aio.read(fd, one, { offset: 3 * PAGE })).toBe(PAGE)
      expect(bytes.subarray(3 * PAGE, 4 * PAGE).equals(one)).toBe(true)
      expect(yield* Aio.readv(fd, [two, one], { offset: 5 * PAGE })).toBe(3 * PAGE)
      expect(bytes.subarray(5 * PAGE, 8 * PAGE).equals(Buffer.concat([two, one]))).toBe(true)
      expect(yield* Aio.readv(fd, [], { offset: 0 })).toBe(0)
      expect(yield* Aio.read(fd, one, { offset: 16 * PAGE })).toBe(0)
      // Past the end, and past 2^53.
      expect(yield* Aio.read(fd, one, { offset: 2n ** 60n })).toBe(0)

      one.fill(1)
      two.fill(2)
      expect(yield* Aio.write(fd, one, { offset: PAGE })).toBe(PAGE)
      expect(yield* Aio.writev(fd, [one, two], { offset: 10 * PAGE })).toBe(3 * PAGE)
      bytes
        .fill(1, PAGE, 2 * PAGE)
        .fill(1, 10 * PAGE, 11 * PAGE)
        .fill(2, 11 * PAGE, 13 * PAGE)
      yield* Aio.fsync(fd)
      yield* Aio.fdatasync(fd)
      expect(fs.readFileSync(path).equals(bytes)).toBe(true)
      yield* nothingInThreads
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("a read at the end of a file that ends within a sector", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, Buffer.alloc(2 * PAGE + 904, 9))
      const file = yield* AioFile.open(path, { direct: true })
      expect((yield* file.readAlloc(4 * PAGE, { offset: PAGE })).length).toBe(PAGE + 904)
      expect((yield* file.readAlloc(PAGE, { offset: 4 * PAGE })).length).toBe(0)
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("polls: ready at once, later, at the hang-up, without a thread", () =>
    Effect.gen(function* () {
      const { fd: file } = yield* directFile(1)
      const [pipe] = yield* pipes(1)
      expect(yield* Aio.pollFd(file, { readable: true, writable: true })).toMatchObject({
        readable: true,
        writable: true
      })
      expect(yield* Aio.pollFd(pipe.write, { writable: true })).toMatchObject({ readable: false, writable: true })
      const waiting = yield* Effect.fork(Aio.pollFd(pipe.read, { readable: true }))
      yield* Effect.sleep(20)
      expect(waiting.unsafePoll()).toBeNull()
      fs.writeSync(pipe.write, "x")
      expect(yield* Fiber.join(waiting)).toEqual({
        readable: true,
        writable: false,
        priority: false,
        hangUp: false,
        error: false
      })
      pipe.hangUp()
      expect(yield* Aio.pollFd(pipe.read, { readable: true })).toMatchObject({ readable: true, hangUp: true })
      yield* nothingInThreads
    }).pipe(Effect.provide(layer()))
  )

  it.scopedLive("what would wait within io_submit goes to the pool: buffered transfers, pipes, no offset", () =>
    Effect.gen(function* () {
      const { bytes, fd: direct, path } = yield* directFile(4)
      const pipe = yield* idlePipe
      const fd = yield* Effect.acquireRelease(
        Effect.sync(() => fs.openSync(path, "r+")),
        (fd) => Effect.sync(() => fs.closeSync(fd))
      )
      expect(yield* Aio.write(fd, Buffer.from("hello"), { offset: 10 })).toBe(5)
      bytes.write("hello", 10)
      const into = Buffer.alloc(100)
      expect(yield* Aio.readv(fd, [into], { offset: 0 })).toBe(100)
      expect(bytes.subarray(0, 100).equals(into)).toBe(true)
      const page = AioBuffer.aligned(PAGE)
      expect(yield* Aio.read(direct, page)).toBe(PAGE)
      expect(bytes.subarray(0, PAGE).equals(page)).toBe(true)
      // The position has moved.
      expect(yield* Aio.read(direct, page)).toBe(PAGE)
      expect(bytes.subarray(PAGE, 2 * PAGE).equals(page)).toBe(true)
      expect(yield* Aio.write(pipe, Buffer.from("in a pipe"))).toBe(9)
      expect(yield* Aio.read(pipe, into)).toBe(9)
      expect(yield* Effect.flip(Aio.read(pipe, into, { offset: 0 }))).toMatchObject({ code: "ESPIPE" })
      expect((yield* Aio.stats).threads).toBeGreaterThan(0)
    }).pipe(Effect.provide(layer()))
  )
})
