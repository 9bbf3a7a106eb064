/** lockRange, lockHolder, and AioLock, whose locks have descriptions of their own. */
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Scope } from "effect"
import { Aio, AioFile, AioLock } from "effect-aio"
import { runFixture } from "../../fixtures/child.ts"
import { backends, realBackends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { descriptorOf, type World } from "../../support/world.ts"

const lockFile = (world: World) => Effect.map(world.directory, (directory) => join(directory, "lock"))

const isFree = (path: string, options?: AioLock.TryOptions) =>
  Effect.scoped(Effect.map(AioLock.tryAcquire(path, options), Option.isSome))

const joined = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) => Effect.timeout(Fiber.join(fiber), "30 seconds")

/** A lock in a Scope of its own. */
const acquireIn = (scope: Scope.Scope, path: string, options?: AioLock.AcquireOptions) =>
  Scope.extend(AioLock.acquire(path, options), scope)

const end = (scope: Scope.CloseableScope) => Scope.close(scope, Exit.void)

describe.each(backends)("$name: locks of ranges", ({ layer, layerWith, real, world }) => {
  it.scopedLive("lie beside each other, exclude where they overlap, and are split and joined", () =>
    Effect.gen(function* () {
      const path = yield* lockFile(world)
      yield* world.writeFile(path, "")
      const [a, b, reader] = [
        yield* descriptorOf(path, "r+"),
        yield* descriptorOf(path, "r+"),
        yield* descriptorOf(path, "r")
      ]
      const refused = (offset: number, length: number | undefined, lock: Aio.Lock = "exclusive") =>
        Effect.map(Effect.either(Aio.lockRange(b, lock, { offset, length, wait: false })), (result) => {
          if (result._tag === "Right") return false
          expect(result.left).toMatchObject({ code: "EAGAIN", operation: "lockRange", fd: b })
          return true
        })
      yield* Aio.lockRange(a, "exclusive", { offset: 10, length: 10 })
      // Touching on both sides, then one byte into it.
      expect([yield* refused(0, 10), yield* refused(20, undefined)]).toEqual([false, false])
      expect([yield* refused(10, 1), yield* refused(19, 1), yield* refused(0, undefined, "shared")]).toEqual([
        true,
        true,
        true
      ])
      yield* Aio.lockRange(b, "unlock")
      // A description does not exclude itself: the middle becomes shared, and the rest is two pieces.
      yield* Aio.lockRange(a, "shared", { offset: 13, length: 4 })
      expect([yield* refused(13, 4, "shared"), yield* refused(13, 1), yield* refused(12, 1, "shared")]).toEqual([
        false,
        true,
        true
      ])
      yield* Aio.lockRange(b, "unlock")
      yield* Aio.lockRange(a, "unlock", { offset: 13, length: 4 })
      expect(yield* Aio.lockHolder(b, "shared", { offset: 12 })).toEqual({
        lock: "exclusive",
        offset: 10n,
        length: 3n,
        pid: undefined
      })
      expect(yield* Aio.lockHolder(b, "shared", { offset: 13, length: 5 })).toMatchObject({ offset: 17n, length: 3n })
      expect(yield* Aio.lockHolder(b, "exclusive", { offset: 13, length: 4 })).toBeUndefined()
      expect(yield* Aio.lockHolder(a, "exclusive")).toBeUndefined()
      // Joined again, to the end of all numbers.
      yield* Aio.lockRange(a, "exclusive", { offset: 13 })
      expect(yield* Aio.lockHolder(b, "shared")).toMatchObject({ offset: 10n, length: undefined })
      const last = 2n ** 63n - 1n
      expect(yield* Aio.lockHolder(b, "shared", { offset: last, length: 1 })).toMatchObject({ offset: 10n })
      // What is not open for it.
      expect(yield* Effect.flip(Aio.lockRange(reader, "exclusive", { length: 1 }))).toMatchObject({ code: "EBADF" })
      yield* Aio.lockRange(reader, "shared", { length: 1 })
      for (const [name, error] of [
        ["length", Aio.lockRange(a, "shared", { length: 0 })],
        ["length", Aio.lockRange(a, "shared", { offset: last, length: 2 })],
        ["offset", Aio.lockHolder(a, "shared", { offset: -1 })],
        ["lock", Aio.lockHolder(a, "unlock" as "shared")]
      ] as const) {
        expect(yield* Effect.flip<unknown, unknown, Aio.Aio>(error)).toMatchObject({
          _tag: "AioBadArgument",
          argument: name
        })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a fiber waits until the Scope of the other's lock closes, and has it then", () =>
    Effect.gen(function* () {
      const path = yield* lockFile(world)
      const scope = yield* Scope.make()
      const lock = yield* acquireIn(scope, path)
      expect(yield* isFree(path, { kind: "shared" })).toBe(false)
      expect(Option.getOrThrow(yield* AioLock.holder(path))).toMatchObject({ lock: "exclusive", offset: 0n })
      const got = yield* Deferred.make<void>()
      const second = yield* Effect.fork(
        AioLock.withLock(path, {}, () => Effect.zipRight(Deferred.succeed(got, undefined), Effect.never))
      )
      yield* statsReach({ executing: 1 })
      expect(yield* Deferred.isDone(got)).toBe(false)
      yield* end(scope)
      yield* Effect.timeout(Deferred.await(got), "30 seconds")
      expect(yield* isFree(path)).toBe(false)
      yield* Fiber.interrupt(second)
      expect(yield* isFree(path)).toBe(true)
      expect(Option.isNone(yield* AioLock.holder(path))).toBe(true)
      // It is closed: its number may be another file's by now.
      for (const late of [lock.convert("shared"), lock.tryConvert("shared"), lock.unlock()]) {
        expect(yield* Effect.flip(late)).toMatchObject({ _tag: "AioBadArgument", argument: "file" })
      }
      yield* lock.release
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a wait that is interrupted is over, and holds nothing", () =>
    Effect.gen(function* () {
      const path = yield* lockFile(world)
      for (const isFreed of [false, true]) {
        const scope = yield* Scope.make()
        yield* acquireIn(scope, path)
        const fiber = yield* Effect.fork(AioLock.withLock(path, {}, () => Effect.void))
        yield* statsReach({ executing: 1 })
        // The lock may come while the fiber is interrupted.
        const closing = yield* Effect.fork(isFreed ? end(scope) : Effect.void)
        yield* Effect.timeout(Fiber.interrupt(fiber), "30 seconds")
        yield* Fiber.join(closing)
        yield* end(scope)
        expect(yield* isFree(path)).toBe(true)
      }
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive(
    "with a limit it is waited for so long, also where nobody may interrupt, and then it is ETIMEDOUT",
    () =>
      Effect.gen(function* () {
        const path = yield* lockFile(world)
        const holder = yield* AioLock.acquire(path, { length: 1 })
        for (const limit of [0, 30]) {
          const late = Effect.uninterruptible(Effect.scoped(AioLock.acquire(path, { limit })))
          expect(yield* Effect.timeout(Effect.flip(late), "30 seconds")).toMatchObject({ code: "ETIMEDOUT", path })
        }
        // Beside it there is room.
        yield* Effect.scoped(AioLock.acquire(path, { offset: 1, limit: 0 }))
        yield* holder.release
        yield* Effect.scoped(AioLock.acquire(path, { limit: 0 }))
      }).pipe(Effect.provide(layer))
  )

  it.scopedLive("shared locks become exclusive when they are alone, and keep what they have meanwhile", () =>
    Effect.gen(function* () {
      const path = yield* lockFile(world)
      const scope = yield* Scope.make()
      const one = yield* AioLock.acquire(path, { kind: "shared", upgradable: true })
      const other = yield* acquireIn(scope, path, { kind: "shared" })
      expect(yield* one.tryConvert("exclusive")).toBe(false)
      // Two that convert would wait for each other without end.
      expect(yield* Effect.flip(one.convert("exclusive", { limit: 20 }))).toMatchObject({ code: "ETIMEDOUT" })
      expect(yield* Effect.flip(other.convert("exclusive", { limit: 20 }))).toMatchObject({ code: "EBADF" })
      const converting = yield* Effect.fork(one.convert("exclusive"))
      yield* statsReach({ executing: 1 })
      // It still has its shared lock.
      expect([yield* isFree(path), yield* isFree(path, { kind: "shared" })]).toEqual([false, true])
      yield* end(scope)
      yield* joined(converting)
      expect(yield* isFree(path, { kind: "shared" })).toBe(false)
      yield* one.convert("shared")
      expect(yield* isFree(path, { kind: "shared" })).toBe(true)
      yield* one.unlock()
      expect(yield* isFree(path)).toBe(true)
      // Pieces of it.
      yield* one.convert("exclusive", { offset: 100, length: 10 })
      yield* one.unlock({ offset: 104, length: 2 })
      expect([
        yield* isFree(path, { offset: 104, length: 2 }),
        yield* isFree(path, { offset: 103, length: 1 })
      ]).toEqual([true, false])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("the lock of an open file is another one's, also without a name", () =>
    Effect.gen(function* () {
      const path = yield* lockFile(world)
      yield* world.writeFile(path, "data")
      const file = yield* AioFile.open(path, { flag: "r" })
      yield* AioLock.acquire(file)
      expect([yield* isFree(path), yield* Effect.scoped(AioLock.tryAcquire(file))]).toEqual([false, Option.none()])
      yield* Aio.unlink(path)
      yield* Effect.scoped(AioLock.acquire(path))
      expect(Option.isSome(yield* AioLock.holder(file))).toBe(true)
      const gone = yield* Effect.scoped(AioFile.open(path))
      expect(yield* Effect.flip(Effect.scoped(AioLock.acquire(gone)))).toMatchObject({ argument: "file" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("many wait, and everything else goes on: also what frees the lock", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const path = join(directory, "lock")
      const scope = yield* Scope.make()
      yield* acquireIn(scope, path)
      let inside = 0
      let most = 0
      // More than there are threads for, and than may be waited for in threads.
      const count = real ? 140 : 20
      const fibers = yield* Effect.forEach(Array.from({ length: count }), () =>
        Effect.fork(
          AioLock.withLock(path, {}, () =>
            Effect.suspend(() => {
              most = Math.max(most, ++inside)
              return Effect.zipRight(
                Effect.yieldNow(),
                Effect.sync(() => void inside--)
              )
            })
          )
        )
      )
      yield* statsReach(({ executing }) => executing >= 5)
      yield* Effect.timeout(
        AioFile.writeFile(join(directory, "other"), "goes on").pipe(
          Effect.zipRight(AioFile.readFile(join(directory, "other")))
        ),
        "30 seconds"
      )
      yield* Effect.timeout(end(scope), "30 seconds")
      yield* Effect.timeout(Fiber.joinAll(fibers), "50 seconds")
      expect([most, inside]).toEqual([1, 0])
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layerWith({ maxParallel: 4 })))
  )
})

/** The mechanisms, once each: a process takes its time. */
const mechanisms = realBackends.filter(({ mechanism, name }) => name === mechanism)

describe.each(mechanisms)("$name: locks of ranges and other processes", ({ layer, world }) => {
  it.scopedLive("a process that is killed frees its lock, and whoever waits gets it", () =>
    Effect.gen(function* () {
      const path = yield* lockFile(world)
      const locked = yield* Deferred.make<void>()
      let kill = (): void => {}
      const other = yield* Effect.fork(
        Effect.promise(() =>
          runFixture("lockHolder.ts", {
            args: [path, "exclusive", "10", "10"],
            onOutput: (stdout, child) => {
              if (!stdout.includes("locked")) return
              kill = () => child.kill("SIGKILL")
              Deferred.unsafeDone(locked, Exit.void)
            }
          })
        )
      )
      yield* Effect.timeout(Deferred.await(locked), "40 seconds")
      expect(Option.getOrThrow(yield* AioLock.holder(path))).toEqual({
        lock: "exclusive",
        offset: 10n,
        length: 10n,
        pid: undefined
      })
      expect([yield* isFree(path), yield* isFree(path, { offset: 20 })]).toEqual([false, true])
      const waiting = yield* Effect.fork(Effect.scoped(AioLock.acquire(path)))
      yield* statsReach({ executing: 1 })
      kill()
      yield* joined(waiting)
      expect((yield* Fiber.join(other)).signal).toBe("SIGKILL")
    }).pipe(Effect.provide(layer))
  )
})
