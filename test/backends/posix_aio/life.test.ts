/** Layers, threads and processes that use POSIX AIO come and go. */
import { closeSync, openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Aio } from "effect-aio"
import * as PosixAio from "effect-aio/PosixAio"
import { runFixture } from "../../fixtures/child.ts"
import { byHand } from "../../support/engine.ts"
import { quietest } from "../../support/patience.ts"
import { descriptorCounts, residentMebibytes, settled, threads } from "../../support/processState.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { stalled } from "./fixtures/stall.ts"

const layer = PosixAio.layer({ inline: false })
const MEBIBYTES = 80
/** How much of the time the event loop may be busy with nothing. */
const BUSY = 0.1

const temporaryFile = Effect.map(temporaryDirectory, (directory) => {
  const path = join(directory, "file")
  writeFileSync(path, Buffer.alloc(1 << 20, "hello"))
  return path
})

const read = (fd: number) => Aio.read(fd, new Uint8Array(4096), { offset: 0 })

describe("in this process", () => {
  it.scopedLive("a Layer built, used and closed 100 times", () =>
    Effect.gen(function* () {
      const fd = openSync(yield* temporaryFile, "r")
      const once = Effect.provide(Effect.all([read(fd), read(fd)], { concurrency: 2 }), layer)
      yield* Effect.repeatN(once, 10)
      const descriptors = descriptorCounts()
      const running = threads().length
      const memory = residentMebibytes()
      yield* Effect.repeatN(once, 99)
      expect(yield* settled(descriptorCounts, descriptors)).toEqual(descriptors)
      expect(yield* settled(() => threads().length <= running, true)).toBe(true)
      expect(residentMebibytes() - memory).toBeLessThan(MEBIBYTES)
      closeSync(fd)
    })
  )

  it.scopedLive("closed while completions arrive, at every stage of the thread that waits", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFile
      const descriptors = descriptorCounts()
      for (let round = 0; round < 30; round++) {
        const fd = openSync(path, "r")
        yield* Effect.gen(function* () {
          for (let i = 0; i < 20; i++) yield* Effect.forkDaemon(Effect.exit(read(fd)))
          yield* Effect.sleep(round * 3)
          for (let i = 0; i < 20; i++) yield* Effect.forkDaemon(Effect.exit(read(fd)))
          if (round % 2 === 0) yield* Effect.yieldNow()
        }).pipe(Effect.provide(layer))
        closeSync(fd)
      }
      expect(yield* settled(descriptorCounts, descriptors)).toEqual(descriptors)
    })
  )

  it.scopedLive("a request that takes long costs nothing meanwhile, and is not missed", () =>
    Effect.gen(function* () {
      const { fd, release } = yield* stalled(yield* temporaryFile)
      const fiber = yield* Effect.fork(read(fd))
      // The thread that waits needs its time to start.
      yield* Effect.sleep(300)
      expect(yield* quietest(BUSY)).toBeLessThan(BUSY)
      release()
      expect(yield* Fiber.join(fiber)).toBe(4096)
      expect(yield* quietest(BUSY / 5)).toBeLessThan(BUSY / 5)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("others are heard of while one takes long", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFile
      const { fd, release } = yield* stalled(path)
      const other = openSync(path, "r")
      const slow = yield* Effect.fork(read(fd))
      yield* Effect.sleep(200)
      for (let i = 0; i < 50; i++) {
        expect(yield* Effect.timeout(read(other), "20 seconds")).toBe(4096)
        yield* Effect.sleep(i % 3)
      }
      release()
      expect(yield* Fiber.join(slow)).toBe(4096)
      closeSync(other)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("two Layers at once, with one descriptor", () =>
    Effect.gen(function* () {
      const fd = openSync(yield* temporaryFile, "r")
      const layers = [yield* Layer.build(layer), yield* Layer.build(layer)]
      const many = Effect.forEach(Array.from({ length: 500 }), () => read(fd), { concurrency: 16 })
      const counts = yield* Effect.all(
        layers.map((built) => Effect.provide(many, built)),
        { concurrency: 2 }
      )
      expect(counts.flat().every((count) => count === 4096)).toBe(true)
      closeSync(fd)
    })
  )

  it.scopedLive("AioBlocking.wait blocks until a completion is there, and the descriptor tells of it", () =>
    Effect.gen(function* () {
      const hand = yield* byHand
      const fd = openSync(yield* temporaryFile, "r")
      for (let round = 0; round < 200; round++) {
        const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(read(fd)))
        yield* Effect.yieldNow()
        const start = performance.now()
        while (hand.stats().outstanding > 0) {
          hand.wait(30_000)
          hand.poll()
        }
        expect(performance.now() - start).toBeLessThan(15_000)
        yield* Fiber.joinAll(fibers)
      }
      closeSync(fd)
    }).pipe(Effect.provide(layer))
  )
})

describe("processes", () => {
  const run = (way: string) =>
    Effect.flatMap(temporaryFile, (path) =>
      Effect.promise(() => runFixture("../backends/posix_aio/fixtures/life.ts", { args: [way, path] }))
    )

  for (const [way, printed, status] of [
    ["idle", "1000\n", 0],
    ["pending", "1000\n", 0],
    ["exit", "exiting\n", 7],
    ["error", "throwing\n", 1]
  ] as const) {
    it.scopedLive(way, () =>
      Effect.gen(function* () {
        const { code, signal, stderr, stdout } = yield* run(way)
        expect([stdout, code, signal]).toEqual([printed, status, null])
        if (way === "error") expect(stderr).toContain("nobody catches this")
        else expect(stderr).toBe("")
      })
    )
  }

  for (const ending of ["leaves", "disposes", "exits"]) {
    it.scopedLive(`worker threads: ${ending}`, () =>
      Effect.gen(function* () {
        const path = yield* temporaryFile
        const { code, signal, stderr, stdout } = yield* Effect.promise(() =>
          runFixture("../backends/posix_aio/fixtures/workers.ts", { args: [path, ending] })
        )
        expect([stdout, stderr, code, signal]).toEqual(["hello\nhello\nhello\nended\n", "", 0, null])
      })
    )
  }
})
