/** flock. */
import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Aio, AioFile } from "effect-aio"
import { backends, realBackends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { descriptorOf, type World } from "../../support/world.ts"

/** So many descriptors of one file, each opened by itself: each may have a lock of its own. */
const openings = (world: World, count: number) =>
  Effect.gen(function* () {
    const path = join(yield* world.directory, "file")
    yield* world.writeFile(path, "")
    return yield* Effect.forEach(Array.from({ length: count }), () => descriptorOf(path, "r+"))
  })

/** Whether the lock can be had now. It is taken, if so. */
const taken = (fd: number, lock: Aio.Lock) =>
  Effect.map(Effect.either(Aio.flock(fd, lock, { wait: false })), (result) => {
    if (result._tag === "Left") {
      expect(result.left).toMatchObject({ _tag: "AioError", code: "EAGAIN", operation: "flock", fd })
    }
    return result._tag === "Right"
  })

const stillWaits = (fiber: Fiber.RuntimeFiber<void, unknown>) =>
  Effect.map(Effect.sleep(40), () => expect(fiber.unsafePoll()).toBeNull())

const joined = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) => Effect.timeout(Fiber.join(fiber), "30 seconds")

describe.each(backends)("$name: flock", ({ layer, layerWith, mechanism, name, real, world }) => {
  it.scopedLive("an exclusive lock keeps everybody out, shared ones only the exclusive", () =>
    Effect.gen(function* () {
      const [a, b, c] = yield* openings(world, 3)
      yield* Aio.flock(a, "exclusive")
      expect([yield* taken(b, "shared"), yield* taken(b, "exclusive")]).toEqual([false, false])
      // Whoever has it may have it again.
      expect(yield* taken(a, "exclusive")).toBe(true)
      yield* Aio.flock(a, "shared")
      expect([yield* taken(b, "shared"), yield* taken(c, "exclusive")]).toEqual([true, false])
      yield* Aio.flock(a, "unlock")
      expect(yield* taken(c, "exclusive")).toBe(false)
      yield* Aio.flock(b, "unlock")
      expect(yield* taken(c, "exclusive")).toBe(true)
      yield* Aio.flock(c, "unlock")
      // There is nothing to give up, and nothing wrong with that.
      yield* Aio.flock(c, "unlock")
      yield* Aio.flock(c, "unlock", { wait: false })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("interrupted just when the holder unlocks: nobody has it afterwards", () =>
    Effect.gen(function* () {
      const [holder, waiter, third] = yield* openings(world, 3)
      for (let round = 0; round < 20; round++) {
        yield* Aio.flock(holder, "exclusive")
        const waiting = yield* Effect.fork(Aio.flock(waiter, "exclusive"))
        yield* Effect.sleep(round % 2 === 0 ? 15 : 2)
        yield* Effect.fork(Aio.flock(holder, "unlock"))
        if (round % 3 !== 0) yield* Effect.yieldNow()
        const exit = yield* Fiber.interrupt(waiting)
        if (Exit.isSuccess(exit)) yield* Aio.flock(waiter, "unlock")
        yield* Aio.flock(holder, "unlock")
        expect(yield* taken(third, "exclusive")).toBe(true)
        yield* Aio.flock(third, "unlock")
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("whoever waits gets it when the holder unlocks, or closes", () =>
    Effect.gen(function* () {
      const [a, b, c] = yield* openings(world, 3)
      yield* Aio.flock(a, "exclusive")
      const second = yield* Effect.fork(Aio.flock(b, "exclusive"))
      yield* stillWaits(second)
      yield* Aio.flock(a, "unlock")
      yield* joined(second)
      expect(yield* taken(a, "shared")).toBe(false)
      const third = yield* Effect.fork(Aio.flock(c, "shared"))
      yield* stillWaits(third)
      yield* Aio.close(b)
      yield* joined(third)
      expect([yield* taken(a, "shared"), yield* taken(a, "exclusive")]).toEqual([true, false])
    }).pipe(Effect.provide(layer))
  )

  for (const maxParallel of [1, 2, 4]) {
    it.scopedLive(`the unlock gets through although all ${maxParallel} threads wait for the lock`, () =>
      Effect.gen(function* () {
        const [holder, ...others] = yield* openings(world, 1 + maxParallel * 2)
        yield* Aio.flock(holder, "exclusive")
        const fibers = yield* Effect.forEach(others, (fd) =>
          Effect.fork(Effect.zipRight(Aio.flock(fd, "exclusive"), Aio.flock(fd, "unlock")))
        )
        yield* Effect.sleep(50)
        yield* Effect.timeout(Aio.flock(holder, "unlock"), "30 seconds")
        for (const fiber of fibers) yield* joined(fiber)
        expect(yield* taken(holder, "exclusive")).toBe(true)
        expect((yield* Aio.stats).outstanding).toBe(0)
      }).pipe(Effect.provide(layerWith({ maxParallel })))
    )
  }

  it.scopedLive.runIf(real && name === mechanism)(
    "more waits than there are threads leave some to everything else",
    () =>
      Effect.gen(function* () {
        const [holder, ...others] = yield* openings(world, 301)
        yield* Aio.flock(holder, "exclusive")
        yield* Aio.lockRange(holder, "exclusive")
        const lock = (fd: number, i: number) => (i % 2 === 0 ? Aio.flock(fd, "shared") : Aio.lockRange(fd, "shared"))
        const fibers = yield* Effect.forEach(others, (fd, i) => Effect.fork(lock(fd, i)))
        // As many as may wait in threads do.
        yield* statsReach(({ outstanding, threads }) => outstanding === 300 && threads >= 128)
        const made = join(yield* world.directory, "made")
        yield* Effect.timeout(
          Effect.zipRight(Aio.mkdir(made), AioFile.writeAtomic(join(made, "file"), "")),
          "30 seconds"
        )
        expect((yield* Aio.stats).threads).toBeLessThan(256)
        yield* Fiber.interruptAll(fibers.filter((_, i) => i % 3 === 0))
        yield* Aio.flock(holder, "unlock")
        yield* Aio.lockRange(holder, "unlock")
        for (const [i, fiber] of fibers.entries()) if (i % 3 !== 0) yield* joined(fiber)
        // Those that were interrupted have none.
        for (const [i, fd] of others.entries())
          if (i % 3 !== 0) yield* i % 2 === 0 ? Aio.flock(fd, "unlock") : Aio.close(fd)
        expect(yield* taken(holder, "exclusive")).toBe(true)
        yield* Aio.lockRange(holder, "exclusive", { wait: false })
        expect((yield* Aio.stats).outstanding).toBe(0)
      }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a wait that is interrupted is over, and has not got the lock", () =>
    Effect.gen(function* () {
      const [a, b, c] = yield* openings(world, 3)
      for (const before of [0, 1, 20, 60]) {
        yield* Aio.flock(a, "exclusive")
        const fiber = yield* Effect.fork(Aio.flock(b, "exclusive"))
        yield* Effect.sleep(before)
        yield* Effect.timeout(Fiber.interrupt(fiber), "30 seconds")
        yield* Aio.flock(a, "unlock")
        // Nobody has it, and nobody is still waiting to get it.
        expect(yield* taken(c, "exclusive")).toBe(true)
        yield* Aio.flock(c, "unlock")
      }
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("directories can be locked, what is not open cannot", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const [one, other] = [yield* Aio.open(directory), yield* Aio.open(directory)]
      yield* Aio.flock(one, "exclusive")
      expect(yield* taken(other, "shared")).toBe(false)
      yield* Effect.forEach([one, other], (fd) => Aio.close(fd))
      for (const lock of ["shared", "exclusive", "unlock"] as const) {
        const error = yield* Effect.flip(Aio.flock(999_999, lock))
        expect(error).toMatchObject({ code: "EBADF", operation: "flock", fd: 999_999 })
      }
    }).pipe(Effect.provide(layer))
  )
})

describe.each(realBackends)("$name: flock and other processes", ({ layer }) => {
  it.scopedLive("flock(1) sees the lock", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      const fd = yield* Aio.open(path, { flag: "w" })
      const others = (): boolean => {
        try {
          execFileSync("flock", ["--nonblock", path, "true"])
          return true
        } catch {
          return false
        }
      }
      yield* Aio.flock(fd, "shared")
      expect(others()).toBe(false)
      yield* Aio.flock(fd, "unlock")
      expect(others()).toBe(true)
      yield* Aio.close(fd)
    }).pipe(Effect.provide(layer))
  )
})
