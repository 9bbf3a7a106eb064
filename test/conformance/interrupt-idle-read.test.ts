/** A fiber that waits for data that never comes ends at once when it is interrupted. */
import { closeSync, constants, openSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, type Scope } from "effect"
import { Aio, AioFile } from "effect-aio"
import { syscall } from "effect-aio/internal/native/libc"
import { permanent } from "effect-aio/internal/native/memory"
import { realBackends } from "../support/backends.ts"
import { idlePipe, idlePipes, makeFifos } from "../support/fifo.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const LIMIT = 100

/** Interrupts `fiber` and says how many milliseconds that took. */
const timeToInterrupt = <A, E>(fiber: Fiber.RuntimeFiber<A, E>): Effect.Effect<number> =>
  Effect.gen(function* () {
    const start = performance.now()
    const exit = yield* Fiber.interrupt(fiber)
    expect(Exit.isInterrupted(exit)).toBe(true)
    return performance.now() - start
  })

/** A terminal with nobody at the keyboard: pty(7). */
const terminal: Effect.Effect<number, never, Scope.Scope> = Effect.gen(function* () {
  const ioctl = process.arch === "arm64" ? 29 : 16
  const TIOCSPTLCK = 0x40045431
  const TIOCGPTPEER = 0x5441
  const close = (fd: number) => Effect.sync(() => closeSync(fd))
  const master = yield* Effect.acquireRelease(
    Effect.sync(() => openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY)),
    close
  )
  const slave = Effect.sync(() => {
    syscall(ioctl, master, TIOCSPTLCK, permanent(new Int32Array([0])))
    return syscall(ioctl, master, TIOCGPTPEER, constants.O_RDWR | constants.O_NOCTTY)
  })
  return yield* Effect.acquireRelease(slave, close)
})

/** One end of a pair of connected sockets, blocking: socketpair(2). */
const socket: Effect.Effect<number, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const socketpair = process.arch === "arm64" ? 199 : 53
      const AF_UNIX = 1
      const SOCK_STREAM = 1
      const pair = new Int32Array(2)
      expect(syscall(socketpair, AF_UNIX, SOCK_STREAM, 0, permanent(pair))).toBe(0)
      return pair
    }),
    (pair) => Effect.sync(() => pair.forEach((fd) => void closeSync(fd)))
  ),
  (pair) => pair[0]
)

const sources = { pipe: idlePipe, socket, terminal }

describe.each(realBackends)("$name", ({ layer, layerWith }) => {
  for (const [name, source] of Object.entries(sources)) {
    it.scopedLive(`a read on an idle ${name}`, () =>
      Effect.gen(function* () {
        const fd = yield* source
        for (const before of [0, 1, 20, 60]) {
          const fiber = yield* Effect.fork(Aio.read(fd, new Uint8Array(64)))
          yield* Effect.sleep(before)
          expect(yield* timeToInterrupt(fiber)).toBeLessThan(LIMIT)
        }
      }).pipe(Effect.provide(layer))
    )
  }

  it.scopedLive("a vectored read, and a write into a full pipe", () =>
    Effect.gen(function* () {
      const [empty, full] = yield* idlePipes(2)
      const reading = yield* Effect.fork(Aio.readv(empty, [new Uint8Array(8), new Uint8Array(8)]))
      const writing = yield* Effect.fork(Effect.forever(Aio.write(full, new Uint8Array(65536))))
      yield* Effect.sleep(60)
      expect(yield* timeToInterrupt(reading)).toBeLessThan(LIMIT)
      expect(yield* timeToInterrupt(writing)).toBeLessThan(LIMIT)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("opens of a FIFO whose other side never comes", () =>
    Effect.gen(function* () {
      const [path] = makeFifos(yield* temporaryDirectory, 1)
      for (const flag of ["r", "w"] as const) {
        for (const before of [0, 1, 60]) {
          // Each alone: a reader and a writer would find each other.
          const raw = yield* Effect.fork(Aio.open(path, { flag }))
          const scoped = yield* Effect.fork(Effect.scoped(AioFile.open(path, { flag })))
          yield* Effect.sleep(before)
          expect(yield* timeToInterrupt(raw)).toBeLessThan(LIMIT)
          expect(yield* timeToInterrupt(scoped)).toBeLessThan(LIMIT)
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("one of three that wait for the same pipe: the others go on waiting, and get the data", () =>
    Effect.gen(function* () {
      const fd = yield* idlePipe
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(Aio.read(fd, new Uint8Array(3))))
      yield* Effect.sleep(60)
      expect(yield* timeToInterrupt(fibers[1])).toBeLessThan(LIMIT)
      yield* Effect.sleep(20)
      expect(fibers[0].unsafePoll()).toBeNull()
      expect(fibers[2].unsafePoll()).toBeNull()
      yield* Aio.write(fd, new Uint8Array(6))
      expect(yield* Fiber.join(fibers[0])).toBe(3)
      expect(yield* Fiber.join(fibers[2])).toBe(3)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("while there is no room for more requests, in flight or queued", () =>
    Effect.gen(function* () {
      const pipes = yield* idlePipes(20)
      const fibers = yield* Effect.forEach(
        pipes.flatMap((fd) => Array.from({ length: 75 }, () => fd)),
        (fd) => Effect.fork(Aio.read(fd, new Uint8Array(8)))
      )
      yield* Effect.sleep(100)
      for (const fiber of [fibers[1499], fibers[0], fibers[700]]) {
        expect(yield* timeToInterrupt(fiber)).toBeLessThan(LIMIT)
      }
      const start = performance.now()
      yield* Fiber.interruptAll(fibers)
      expect(performance.now() - start).toBeLessThan(1000)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layerWith({ entries: 8 })))
  )
})
