/** Interruption on threads: queued, in a call that may wait for ever, in a call on a disk. */
import { randomBytes } from "node:crypto"
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, type Scope } from "effect"
import { Aio, AioOperation, ThreadPool } from "effect-aio"
import { statsReach } from "../../support/engine.ts"
import { idlePipe, makeFifos } from "../../support/fifo.ts"
import { bestOf } from "../../support/patience.ts"
import { descriptorsIn } from "../../support/processState.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { busy, executing, readInThread } from "./fixtures/pool.ts"

/** Milliseconds, of the median. A single one may meet a machine that stands still; one that never ends, no median shows. */
const LIMIT = 100

const withPool = (maxParallel: number) => Effect.provide(ThreadPool.layer({ inline: false, maxParallel }))

/** Interrupts and says how many milliseconds that took. */
const timeToInterrupt = <A, E>(fiber: Fiber.RuntimeFiber<A, E>): Effect.Effect<number> =>
  Effect.gen(function* () {
    const start = performance.now()
    expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
    return performance.now() - start
  })

/** The side of a terminal at which nobody writes: pty(7). */
const terminal: Effect.Effect<number, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY)),
  (fd) => Effect.sync(() => closeSync(fd))
)

describe("queued", () => {
  it.scopedLive("at once, though all threads wait for ever", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "made")
      yield* busy(4)
      yield* executing(4)
      // Some are handed to the threads, the others are still with the engine.
      const queued = yield* Effect.forEach(Array.from({ length: 3000 }), () => Effect.fork(Aio.nop()))
      const made = yield* Effect.fork(Aio.mkdir(path))
      yield* Effect.sleep(50)
      let next = 0
      const times = Effect.suspend(() => {
        const some = [0, 700, 1020, 1500, 2990].map((index) => queued[index + next])
        next++
        return Effect.forEach(some, timeToInterrupt)
      })
      expect(yield* bestOf(times, LIMIT)).toBeLessThan(LIMIT)
      const start = performance.now()
      yield* Fiber.interruptAll([...queued, made])
      expect(performance.now() - start).toBeLessThan(10_000)
      expect(yield* Aio.stats).toMatchObject({ outstanding: 4, executing: 4, cancelled: 3001 })
    }).pipe(withPool(4))
  )

  it.scopedLive("what was given up does not run, what was not does", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const first = yield* busy(1)
      yield* executing(1)
      const fibers = yield* Effect.forEach(Array.from({ length: 1500 }), (_, index) =>
        Effect.fork(Aio.mkdir(join(directory, String(index))))
      )
      yield* Effect.sleep(50)
      yield* Fiber.interruptAll(fibers.filter((_, index) => index % 3 !== 0))
      yield* first.release()
      yield* Fiber.joinAll(fibers.filter((_, index) => index % 3 === 0))
      const names = (yield* Effect.promise(() => import("node:fs/promises").then((fs) => fs.readdir(directory)))).map(
        Number
      )
      expect(names.length).toBe(500)
      expect(names.every((index) => index % 3 === 0)).toBe(true)
    }).pipe(withPool(1))
  )

  it.scopedLive("places of those given up are used again", () =>
    Effect.gen(function* () {
      const first = yield* busy(1)
      yield* executing(1)
      for (let round = 0; round < 3; round++) {
        const fibers = yield* Effect.forEach(Array.from({ length: 2000 }), () => Effect.fork(Aio.nop()))
        yield* Effect.sleep(20)
        yield* Fiber.interruptAll(fibers)
      }
      const waiting = yield* Effect.forEach(Array.from({ length: 2000 }), () => Effect.fork(Aio.nop()))
      yield* Effect.sleep(20)
      yield* first.release()
      yield* Fiber.joinAll(waiting)
    }).pipe(withPool(1))
  )
})

describe("in a call that may wait for ever: within 100 ms", () => {
  const reads = {
    "pipe in a thread": {
      source: idlePipe,
      read: (fd: number) => AioOperation.submit(readInThread(fd, new Uint8Array(16)))
    },
    "terminal in a thread": {
      source: terminal,
      read: (fd: number) => AioOperation.submit(readInThread(fd, new Uint8Array(16)))
    },
    pipe: { source: idlePipe, read: (fd: number) => Aio.read(fd, new Uint8Array(16)) },
    terminal: { source: terminal, read: (fd: number) => Aio.read(fd, new Uint8Array(16)) }
  }
  for (const [name, { read, source }] of Object.entries(reads)) {
    it.scopedLive(`a read of a ${name}`, () =>
      Effect.gen(function* () {
        const fd = yield* source
        yield* Aio.nop()
        const once = Effect.gen(function* () {
          const fiber = yield* Effect.fork(read(fd))
          yield* executing(1)
          return yield* timeToInterrupt(fiber)
        })
        expect(yield* bestOf(Effect.replicateEffect(once, 9), LIMIT)).toBeLessThan(LIMIT)
        // The thread is the same, and well.
        expect((yield* Aio.stats).threads).toBe(1)
        yield* Aio.nop()
      }).pipe(withPool(1))
    )
  }

  it.scopedLive("opens of a FIFO without a writer, and without a reader", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [path] = makeFifos(directory, 1)
      const times = Effect.forEach(["r", "w", "r", "w", "r"] as const, (flag) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Aio.open(path, { flag }))
          yield* executing(1)
          const time = yield* timeToInterrupt(fiber)
          expect(descriptorsIn(directory)).toBe(0)
          return time
        })
      )
      expect(yield* bestOf(times, LIMIT)).toBeLessThan(LIMIT)
    }).pipe(withPool(1))
  )

  it.scopedLive("all of 16 threads at once", () =>
    Effect.gen(function* () {
      let cancelled = 0
      const once = Effect.gen(function* () {
        const { fibers } = yield* busy(16)
        yield* executing(16)
        const start = performance.now()
        yield* Fiber.interruptAll(fibers)
        const time = performance.now() - start
        cancelled += 16
        expect(yield* Aio.stats).toMatchObject({ outstanding: 0, threads: 16, cancelled })
        return time
      })
      expect(yield* bestOf(Effect.replicateEffect(once, 5), LIMIT)).toBeLessThan(LIMIT)
    }).pipe(withPool(16))
  )

  it.scopedLive("a signal for one is no end for the next on the same thread", () =>
    Effect.gen(function* () {
      const pipe = yield* idlePipe
      for (let round = 0; round < 100; round++) {
        const doomed = yield* Effect.fork(AioOperation.submit(readInThread(pipe, new Uint8Array(1))))
        yield* Effect.sleep(round % 3)
        const next = yield* Effect.fork(AioOperation.submit(readInThread(pipe, new Uint8Array(1))))
        yield* Fiber.interrupt(doomed)
        writeSync(pipe, "x")
        expect(yield* Fiber.join(next)).toBe(1)
      }
    }).pipe(withPool(1))
  )
})

it.scopedLive("in a call on a disk: waited for, and done", () =>
  Effect.gen(function* () {
    const path = join(yield* temporaryDirectory, "file")
    const bytes = randomBytes(64 << 20)
    writeFileSync(path, "")
    const fd = openSync(path, "r+")
    // 64 MiB are copied in some milliseconds, in which the thread is in the call.
    const fiber = yield* Effect.fork(Aio.write(fd, bytes, { offset: 0 }))
    yield* statsReach(({ completed, executing }) => executing === 1 || completed === 1)
    yield* Fiber.interrupt(fiber)
    closeSync(fd)
    // What there is when the fiber has ended is all there will be, and it is the front part of it.
    const written = readFileSync(path)
    yield* Effect.sleep(50)
    expect(readFileSync(path).length).toBe(written.length)
    expect(Buffer.compare(written, bytes.subarray(0, written.length))).toBe(0)
    expect(yield* Aio.stats).toMatchObject({ outstanding: 0, executing: 0 })
  }).pipe(withPool(1))
)
