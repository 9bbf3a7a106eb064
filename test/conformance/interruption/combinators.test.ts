/** Requests under Effect's own combinators end as those promise. */
import { randomFillSync } from "node:crypto"
import { writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option } from "effect"
import { Aio, AioFile } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { idlePipe, idlePipes } from "../../support/fifo.ts"
import { lasting, quickest } from "../../support/patience.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const idleRead = (fd: number) => Aio.read(fd, new Uint8Array(8))

/** In one attempt of several it takes less. */
const within = <E, R>(milliseconds: number, attempt: Effect.Effect<unknown, E, R>) =>
  Effect.map(quickest(milliseconds, lasting(attempt)), (took) => expect(took).toBeLessThan(milliseconds))

const file = Effect.gen(function* () {
  const path = join(yield* temporaryDirectory, "file")
  const bytes = randomFillSync(Buffer.alloc(100_000))
  writeFileSync(path, bytes)
  return { bytes, open: yield* AioFile.open(path), path }
})

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("timeout: the read is over when it fails", () =>
    Effect.gen(function* () {
      const fd = yield* idlePipe
      yield* within(
        500,
        Effect.gen(function* () {
          const exit = yield* Effect.exit(Effect.timeout(idleRead(fd), 20))
          expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("timed out")
          expect((yield* Aio.stats).outstanding).toBe(0)
        })
      )
      expect(yield* Effect.timeoutOption(idleRead(fd), 0)).toEqual(Option.none())
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("race: a read of a file wins against a read of an idle pipe", () =>
    Effect.gen(function* () {
      const fd = yield* idlePipe
      const { bytes, open } = yield* file
      const durations: Array<number> = []
      for (let i = 0; i < 50; i++) {
        const race = Effect.gen(function* () {
          const won = yield* Effect.race(idleRead(fd), open.readAlloc(100, { offset: i * 100 }))
          expect(Buffer.compare(won as Uint8Array, bytes.subarray(i * 100, i * 100 + 100))).toBe(0)
        })
        durations.push(yield* lasting(race))
      }
      // The median: the machine may stand still for some of them.
      expect(durations.sort((a, b) => a - b)[25]).toBeLessThan(200)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("raceAll: the one pipe with data wins, the others are given up", () =>
    Effect.gen(function* () {
      const pipes = yield* idlePipes(4)
      const fiber = yield* Effect.fork(Effect.raceAll(pipes.map((fd) => Effect.as(idleRead(fd), fd))))
      yield* Effect.sleep(80)
      writeSync(pipes[2], "hello")
      expect(yield* Effect.timeout(Fiber.join(fiber), "30 seconds")).toBe(pipes[2])
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("all, with concurrency: the first failure cancels the rest", () =>
    Effect.gen(function* () {
      const pipes = yield* idlePipes(3)
      yield* within(
        1000,
        Effect.gen(function* () {
          const exit = yield* Effect.exit(
            Effect.all([...pipes.map(idleRead), Aio.open("/does/not/exist")], { concurrency: "unbounded" })
          )
          expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("ENOENT")
          expect((yield* Aio.stats).outstanding).toBe(0)
        })
      )
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("forEach, with concurrency: results in order", () =>
    Effect.gen(function* () {
      const { bytes, open } = yield* file
      const parts = yield* Effect.forEach(
        Array.from({ length: 1000 }, (_, i) => i),
        (i) => open.readAlloc(100, { offset: i * 100 }),
        { concurrency: 32 }
      )
      expect(Buffer.compare(Buffer.concat(parts), bytes)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("uninterruptible: an interrupt does not cancel, the read completes when data comes", () =>
    Effect.gen(function* () {
      const fd = yield* idlePipe
      const buffer = new Uint8Array(8)
      let received = 0
      const fiber = yield* Effect.fork(
        Effect.uninterruptible(Effect.tap(Aio.read(fd, buffer), (count) => Effect.sync(() => (received = count))))
      )
      yield* Effect.sleep(40)
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.sleep(60)
      expect(interrupting.unsafePoll()).toBeNull()
      expect((yield* Aio.stats).outstanding).toBe(1)
      writeSync(fd, "hello")
      yield* Effect.timeout(Fiber.join(interrupting), "30 seconds")
      expect(received).toBe(5)
      expect(Buffer.from(buffer.subarray(0, 5)).toString()).toBe("hello")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("interruptible inside uninterruptible: only that part is cancelled", () =>
    Effect.gen(function* () {
      const fd = yield* idlePipe
      const interrupting = Effect.gen(function* () {
        let after = false
        const fiber = yield* Effect.fork(
          Effect.uninterruptible(
            Effect.zipRight(
              Effect.exit(Effect.interruptible(idleRead(fd))),
              Effect.sync(() => {
                after = true
              })
            )
          )
        )
        yield* Effect.sleep(40)
        const took = yield* lasting(Fiber.interrupt(fiber))
        expect(after).toBe(true)
        expect((yield* Aio.stats).outstanding).toBe(0)
        return took
      })
      expect(yield* quickest(500, interrupting)).toBeLessThan(500)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("disconnect: the interrupter does not wait, and the request ends all the same", () =>
    Effect.gen(function* () {
      const fd = yield* idlePipe
      const fiber = yield* Effect.fork(Effect.disconnect(idleRead(fd)))
      yield* Effect.sleep(40)
      yield* Fiber.interrupt(fiber)
      yield* statsReach({ outstanding: 0 })
      // Nobody is left who would take the data.
      writeSync(fd, "x")
      yield* Effect.sleep(20)
      expect(yield* idleRead(fd)).toBe(1)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a fiber interrupted before its first step submits nothing", () =>
    Effect.gen(function* () {
      const fd = yield* idlePipe
      const { submitted } = yield* Aio.stats
      const fiber = yield* Effect.fork(idleRead(fd))
      fiber.unsafeInterruptAsFork(fiber.id())
      yield* Fiber.await(fiber)
      expect((yield* Aio.stats).submitted).toBe(submitted)
    }).pipe(Effect.provide(layer))
  )
})
