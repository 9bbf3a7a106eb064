/** After an interrupted request's fiber has ended, nobody touches its buffer; nothing is lost, and nothing left behind. */
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Aio, AioBuffer } from "effect-aio"
import * as PosixAio from "effect-aio/PosixAio"
import { byHand, statsReach } from "../../support/engine.ts"
import { someTime } from "../../support/moments.ts"
import { random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { stalled } from "./fixtures/stall.ts"

const PAGES = 64
const FED = 0x11
const WRITTEN = 0x22
const MINE = 0xa5

const temporaryFile = Effect.map(temporaryDirectory, (directory) => {
  const path = join(directory, "file")
  writeFileSync(path, new Uint8Array(PAGES * 4096).fill(FED))
  return path
})

// A small table, so that requests also wait in the engine's queue.
it.scopedLive(`2,000 requests, interrupted at random moments (SEED=${seed})`, () =>
  Effect.gen(function* () {
    const path = yield* temporaryFile
    const numbers = random()
    const fds = Array.from({ length: 3 }, () => openSync(path, "r+"))
    const mine: Array<Uint8Array> = []
    let interrupted = 0
    const one = Effect.gen(function* () {
      const buffer = AioBuffer.aligned(4096)
      const fd = numbers.pick(fds)
      const offset = numbers.integer(PAGES) * 4096
      const what = numbers.integer(5)
      const fiber = yield* Effect.fork(
        Aio.withPriority(
          what === 0
            ? Aio.fsync(fd)
            : what === 1
              ? Aio.write(fd, buffer.fill(WRITTEN), { offset })
              : Aio.read(fd, buffer, { offset }),
          numbers.integer(9) - 4
        )
      )
      yield* someTime(numbers)
      if (Exit.isInterrupted(yield* Fiber.interrupt(fiber))) interrupted++
      mine.push(buffer.fill(MINE))
    })
    yield* Effect.forEach(Array.from({ length: 40 }), () => Effect.repeatN(one, 49), {
      concurrency: "unbounded",
      discard: true
    })
    yield* Effect.sleep(20)
    expect(mine.filter((buffer) => buffer.some((byte) => byte !== MINE)).length).toBe(0)
    expect((yield* Aio.stats).outstanding).toBe(0)
    expect(readFileSync(path).every((byte) => byte === FED || byte === WRITTEN)).toBe(true)
    // Otherwise this tested nothing.
    expect(interrupted).toBeGreaterThan(200)
    fds.forEach((fd) => void closeSync(fd))
  }).pipe(Effect.provide(PosixAio.layer({ inline: false, requests: 32 })))
)

it.scopedLive("200 of 300 that wait in one descriptor's line", () =>
  Effect.gen(function* () {
    const path = yield* temporaryFile
    const numbers = random()
    const { fd, release } = yield* stalled(path)
    const buffers = Array.from({ length: 300 }, () => new Uint8Array(512).fill(MINE))
    const fibers = yield* Effect.forEach(buffers, (buffer, i) =>
      Effect.fork(Aio.read(fd, buffer, { offset: (i % PAGES) * 4096 }))
    )
    yield* statsReach({ executing: 256 })
    const victims = new Set<number>()
    while (victims.size < 200) victims.add(numbers.integer(300))
    yield* Effect.forEach([...victims], (i) => Fiber.interrupt(fibers[i]))
    expect((yield* Aio.stats).outstanding).toBe(100)
    release()
    const exits = yield* Effect.forEach(fibers, (fiber) => Fiber.await(fiber))
    for (const [i, exit] of exits.entries()) {
      expect([Exit.isInterrupted(exit), buffers[i].every((byte) => byte === (victims.has(i) ? MINE : FED))]).toEqual([
        victims.has(i),
        true
      ])
    }
  }).pipe(Effect.provide(PosixAio.layer({ inline: false })))
)

it.live("2,000 requests for which nobody waits: the end of the Layer does", () =>
  Effect.gen(function* () {
    const buffers = Array.from({ length: 2000 }, () => new Uint8Array(512))
    const path = yield* temporaryFile
    const fd = openSync(path, "r")
    const stats = yield* Effect.gen(function* () {
      for (const [i, buffer] of buffers.entries()) {
        yield* Effect.forkDaemon(Aio.read(fd, buffer, { offset: (i % PAGES) * 4096 }))
      }
      yield* Effect.yieldNow()
      globalThis.gc!()
      const { stats } = yield* byHand
      expect(stats().outstanding).toBe(2000)
      return stats
    }).pipe(Effect.provide(PosixAio.layer({ inline: false })))
    expect(stats().completed).toBe(2000)
    // Whole or untouched, and nobody writes any more.
    for (const buffer of buffers) {
      expect([0, FED]).toContain(buffer[0])
      expect(buffer.every((byte) => byte === buffer[0])).toBe(true)
      buffer.fill(MINE)
    }
    yield* Effect.sleep(20)
    expect(buffers.every((buffer) => buffer.every((byte) => byte === MINE))).toBe(true)
    closeSync(fd)
  }).pipe(Effect.scoped)
)

it.live("2,000 requests for which nobody waits end all the same", () =>
  Effect.gen(function* () {
    const fd = openSync(yield* temporaryFile, "r")
    const buffers = Array.from({ length: 2000 }, () => new Uint8Array(512))
    for (const buffer of buffers) yield* Effect.forkDaemon(Aio.read(fd, buffer, { offset: 0 }))
    yield* statsReach({ completed: 2000 })
    expect(buffers.every((buffer) => buffer.every((byte) => byte === FED))).toBe(true)
    closeSync(fd)
  }).pipe(Effect.provide(PosixAio.layer({ inline: false })), Effect.scoped)
)
