/**
 * A fiber that waits for what never comes ends at once when it is interrupted: within 100 ms on an idle machine. A busy one is given
 * more, and one that stands still several attempts; the slowest is printed.
 */
import { join } from "node:path"
import { afterAll, describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, type Scope } from "effect"
import { Aio, AioFile } from "effect-aio"
import { backends, realBackends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { makeFifos } from "../../support/fifo.ts"
import { lasting, quickest } from "../../support/patience.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { eventFd, socketPair, terminal } from "../../support/waitable.ts"
import type { World } from "../../support/world.ts"

const LIMIT = 1000

const anyUse = (use: Effect.Effect<unknown, unknown, Aio.Aio>): Effect.Effect<unknown, unknown, Aio.Aio> => use

/** Interrupts `fiber` and says how many milliseconds that took. */
const timeToInterrupt = <A, E>(fiber: Fiber.RuntimeFiber<A, E>): Effect.Effect<number> =>
  Effect.gen(function* () {
    const start = performance.now()
    const exit = yield* Fiber.interrupt(fiber)
    expect(Exit.isInterrupted(exit)).toBe(true)
    return performance.now() - start
  })

interface Waited {
  readonly what: string
  readonly milliseconds: number
}

/** What took longest so far, of a backend. */
const slowest = new Map<string, Waited>()

afterAll(() => {
  for (const [name, { milliseconds, what }] of slowest) {
    console.log(`${name}: the slowest to be interrupted, ${what}, in ${milliseconds.toFixed(1)} ms`)
  }
})

/** Interrupts the use at several moments of its wait: before it was submitted, in its first stage, in its second. */
const endsAtOnce = (name: string, what: string, use: Effect.Effect<unknown, unknown, Aio.Aio>) =>
  Effect.gen(function* () {
    for (const before of [0, 1, 20, 60]) {
      const attempt = Effect.gen(function* () {
        const fiber = yield* Effect.fork(use)
        yield* Effect.sleep(before)
        return yield* timeToInterrupt(fiber)
      })
      const milliseconds = yield* quickest(LIMIT, attempt)
      if (milliseconds > (slowest.get(name)?.milliseconds ?? 0)) slowest.set(name, { what, milliseconds })
      expect(milliseconds).toBeLessThan(LIMIT)
    }
    expect((yield* Aio.stats).outstanding).toBe(0)
  })

/** A pipe without room: pipe(7) gives it 64 KiB. */
const fullPipe = (world: World): Effect.Effect<number, unknown, Aio.Aio | Scope.Scope> =>
  Effect.gen(function* () {
    const [, writer] = yield* world.pipe
    expect(yield* Aio.write(writer, new Uint8Array(65536))).toBe(65536)
    return writer
  })

const bytes = (): Uint8Array => new Uint8Array(64)

describe.each(backends)("$name: interrupting what waits", ({ layer, layerWith, name, world }) => {
  const onPipe = {
    read: (fd: number) => Aio.read(fd, bytes()),
    readv: (fd: number) => Aio.readv(fd, [bytes(), bytes()]),
    pollFd: (fd: number) => Aio.pollFd(fd, { readable: true }),
    "AioFile.readAlloc": (fd: number) => Effect.flatMap(AioFile.fromDescriptor(fd), (file) => file.readAlloc(64))
  }
  for (const [operation, use] of Object.entries(onPipe)) {
    it.scopedLive(`${operation} of an idle pipe`, () =>
      Effect.gen(function* () {
        const [reader] = yield* world.pipe
        yield* endsAtOnce(name, `${operation} of a pipe`, anyUse(use(reader)))
      }).pipe(Effect.provide(layer))
    )
  }

  it.scopedLive("write, writev and pollFd of a full pipe", () =>
    Effect.gen(function* () {
      const writer = yield* fullPipe(world)
      yield* endsAtOnce(name, "write to a full pipe", Aio.write(writer, new Uint8Array(65536)))
      yield* endsAtOnce(name, "writev to a full pipe", Aio.writev(writer, [new Uint8Array(65536), bytes()]))
      yield* endsAtOnce(name, "pollFd of a full pipe", Aio.pollFd(writer, { writable: true }))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a wait for a lock", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "file")
      yield* world.writeFile(path, "")
      const [holder, waiter] = [yield* Aio.open(path), yield* Aio.open(path)]
      yield* Aio.flock(holder, "exclusive")
      yield* endsAtOnce(name, "flock", Aio.flock(waiter, "shared"))
      yield* Effect.forEach([holder, waiter], (fd) => Aio.close(fd))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("one of three that wait for the same pipe: the others go on waiting, and get the data", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      const attempt = Effect.gen(function* () {
        const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(Aio.read(reader, new Uint8Array(3))))
        yield* Effect.sleep(60)
        const milliseconds = yield* timeToInterrupt(fibers[1])
        yield* Effect.sleep(20)
        expect(fibers[0].unsafePoll()).toBeNull()
        expect(fibers[2].unsafePoll()).toBeNull()
        yield* Aio.write(writer, new Uint8Array(6))
        expect(yield* Fiber.join(fibers[0])).toBe(3)
        expect(yield* Fiber.join(fibers[2])).toBe(3)
        return milliseconds
      })
      expect(yield* quickest(LIMIT, attempt)).toBeLessThan(LIMIT)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is only queued, behind a request that waits for ever", () =>
    Effect.gen(function* () {
      const [reader] = yield* world.pipe
      const first = yield* Effect.fork(Aio.read(reader, bytes()))
      yield* statsReach({ executing: 1 })
      const attempt = Effect.gen(function* () {
        const { submitted } = yield* Aio.stats
        const queued = yield* Effect.fork(Aio.nop())
        yield* statsReach({ held: 1 })
        yield* Effect.sleep(30)
        expect(yield* Aio.stats).toMatchObject({ submitted: submitted + 1, held: 1 })
        const milliseconds = yield* timeToInterrupt(queued)
        expect((yield* Aio.stats).outstanding).toBe(1)
        return milliseconds
      })
      expect(yield* quickest(LIMIT, attempt)).toBeLessThan(LIMIT)
      yield* Fiber.interrupt(first)
    }).pipe(Effect.provide(layerWith({ maxOutstanding: 1 })))
  )

  it.scopedLive("while there is no room for more requests, in flight or queued", () =>
    Effect.gen(function* () {
      const pipes = yield* Effect.forEach(Array.from({ length: 20 }), () => world.pipe)
      const attempt = Effect.gen(function* () {
        const fibers = yield* Effect.forEach(
          pipes.flatMap(([reader]) => Array.from({ length: 75 }, () => reader)),
          (fd) => Effect.fork(Aio.read(fd, new Uint8Array(8)))
        )
        yield* Effect.sleep(100)
        // The last, the first, one in the middle; at another attempt its neighbour, which waits as it does.
        for (const ends of [fibers.slice(-50).reverse(), fibers.slice(0, 50), fibers.slice(700, 750)]) {
          const one = Effect.suspend(() => timeToInterrupt(ends.shift()!))
          expect(yield* quickest(LIMIT, one)).toBeLessThan(LIMIT)
        }
        const took = yield* lasting(Fiber.interruptAll(fibers))
        expect((yield* Aio.stats).outstanding).toBe(0)
        return took
      })
      expect(yield* quickest(LIMIT * 2, attempt)).toBeLessThan(LIMIT * 2)
    }).pipe(Effect.provide(layerWith({ entries: 8 })))
  )
})

/** Descriptors of the operating system on which a read waits. */
const sources = {
  socket: Effect.map(socketPair, ([one]) => one),
  terminal: Effect.map(terminal, ([fd]) => fd),
  eventfd: eventFd
}

describe.each(realBackends)("$name: interrupting what waits for the operating system", ({ layer, name }) => {
  for (const [source, opened] of Object.entries(sources)) {
    it.scopedLive(`read, readv and pollFd of an idle ${source}`, () =>
      Effect.gen(function* () {
        const fd = yield* opened
        yield* endsAtOnce(name, `read of a ${source}`, Aio.read(fd, bytes()))
        yield* endsAtOnce(name, `readv of a ${source}`, Aio.readv(fd, [bytes()]))
        yield* endsAtOnce(name, `pollFd of a ${source}`, Aio.pollFd(fd, { readable: true }))
      }).pipe(Effect.provide(layer))
    )
  }

  it.scopedLive("opens of a FIFO whose other side never comes", () =>
    Effect.gen(function* () {
      const [path] = makeFifos(yield* temporaryDirectory, 1)
      for (const flag of ["r", "w"] as const) {
        // Each alone: a reader and a writer would find each other.
        yield* endsAtOnce(name, `open "${flag}" of a FIFO`, Aio.open(path, { flag }))
        yield* endsAtOnce(name, `AioFile.open "${flag}" of a FIFO`, Effect.scoped(AioFile.open(path, { flag })))
      }
      yield* endsAtOnce(name, "AioFile.readFile of a FIFO", AioFile.readFile(path))
    }).pipe(Effect.provide(layer))
  )
})
