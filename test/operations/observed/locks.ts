/** Options of locks. */
import { join } from "node:path"
import { expect } from "@effect/vitest"
import { Effect, Option } from "effect"
import { type Aio, AioLock } from "effect-aio"
import type { Line, Lines, Place } from "./line.ts"

type Options = AioLock.AcquireOptions

/** Ways to get a lock for the time of `use`. */
const ways: Record<
  string,
  <A, E>(
    path: string,
    options: Options,
    use: (lock: AioLock.AioLock) => Effect.Effect<A, E, Aio.Aio>
  ) => Effect.Effect<A, unknown, Aio.Aio>
> = {
  acquire: (path, options, use) => Effect.scoped(Effect.flatMap(AioLock.acquire(path, options), use)),
  tryAcquire: (path, options, use) =>
    Effect.scoped(Effect.flatMap(Effect.flatten(AioLock.tryAcquire(path, options)), use)),
  withLock: (path, options, use) => AioLock.withLock(path, options, use)
}

const isFree = (path: string, options: AioLock.TryOptions) =>
  Effect.scoped(Effect.map(AioLock.tryAcquire(path, options), Option.isSome))

const pathIn = ({ directory }: Place): string => join(directory, "lock")

const observing = (way: (typeof ways)[string]): Record<string, Line> => {
  /** What is locked by the lock with these options: a byte before and at 5, shared and exclusive. */
  const locked = (options: Options, expected: ReadonlyArray<boolean>): Line => ({
    on: (place) => {
      const path = pathIn(place)
      return way(path, options, () =>
        Effect.gen(function* () {
          expect([
            yield* isFree(path, { offset: 4, length: 1 }),
            yield* isFree(path, { offset: 5, length: 1 }),
            yield* isFree(path, { kind: "shared" })
          ]).toEqual(expected)
        })
      )
    }
  })
  return {
    offset: locked({ offset: 5 }, [true, false, false]),
    length: locked({ length: 5 }, [false, true, false]),
    kind: locked({ kind: "shared" }, [false, false, true]),
    upgradable: {
      on: (place) =>
        Effect.gen(function* () {
          const convert = (lock: AioLock.AioLock) => lock.convert("exclusive")
          expect(yield* Effect.flip(way(pathIn(place), { kind: "shared" }, convert))).toMatchObject({ code: "EBADF" })
          yield* way(pathIn(place), { kind: "shared", upgradable: true }, convert)
        })
    },
    create: {
      on: (place) =>
        Effect.gen(function* () {
          const path = pathIn(place)
          expect(yield* Effect.flip(way(path, { create: false }, () => Effect.void))).toMatchObject({ code: "ENOENT" })
          yield* way(path, {}, () => Effect.void)
          expect(yield* place.world.exists(path)).toBe(true)
        })
    },
    mode: {
      on: (place) =>
        Effect.gen(function* () {
          yield* way(pathIn(place), { mode: 0o600 }, () => Effect.void)
          expect((yield* place.world.facts(pathIn(place))).mode & 0o777).toBe(0o600)
        })
    },
    limit: {
      on: (place) =>
        Effect.gen(function* () {
          yield* AioLock.acquire(pathIn(place))
          expect(yield* Effect.flip(way(pathIn(place), { limit: 1 }, () => Effect.void))).toMatchObject({
            code: "ETIMEDOUT"
          })
        })
    }
  }
}

const ofWays = Object.fromEntries(
  Object.entries(ways).flatMap(([name, way]) =>
    Object.entries(observing(way))
      .filter(([option]) => option !== "limit" || name !== "tryAcquire")
      .map(([option, line]) => [`AioLock.${name}.${option}`, line])
  )
)

/** A lock of the bytes from 0 to 9, and what is asked of it. */
const onLock = (use: (lock: AioLock.AioLock, path: string) => Effect.Effect<unknown, unknown, Aio.Aio>): Line => ({
  on: (place) => Effect.flatMap(AioLock.acquire(pathIn(place), { length: 10 }), (lock) => use(lock, pathIn(place)))
})

/** Which of the bytes 4, 5, 14 and 15 are free. */
const free = (path: string) => Effect.forEach([4, 5, 14, 15], (offset) => isFree(path, { offset, length: 1 }))

const sees = (change: (lock: AioLock.AioLock) => Effect.Effect<unknown, unknown>, expected: ReadonlyArray<boolean>) =>
  onLock((lock, path) =>
    Effect.flatMap(Effect.zipRight(change(lock), free(path)), (found) =>
      Effect.sync(() => expect(found).toEqual(expected))
    )
  )

const asks = (options: AioLock.HolderOptions, expected: boolean): Line =>
  onLock((_, path) => Effect.map(AioLock.holder(path, options), (found) => expect(Option.isSome(found)).toBe(expected)))

export const locks: Lines = {
  ...ofWays,
  "AioLock.AioLock.convert.offset": sees(
    (lock) => lock.convert("exclusive", { offset: 15 }),
    [false, false, true, false]
  ),
  "AioLock.AioLock.convert.length": sees(
    (lock) => lock.convert("exclusive", { length: 15 }),
    [false, false, false, true]
  ),
  "AioLock.AioLock.convert.limit": {
    on: (place) =>
      Effect.gen(function* () {
        yield* AioLock.acquire(pathIn(place), { offset: 5 })
        const lock = yield* AioLock.acquire(pathIn(place), { length: 5 })
        const late = lock.convert("exclusive", { length: 6, limit: 1 })
        expect(yield* Effect.flip(late)).toMatchObject({ code: "ETIMEDOUT" })
      })
  },
  "AioLock.AioLock.tryConvert.offset": sees(
    (lock) => lock.tryConvert("exclusive", { offset: 15 }),
    [false, false, true, false]
  ),
  "AioLock.AioLock.tryConvert.length": sees(
    (lock) => lock.tryConvert("exclusive", { length: 15 }),
    [false, false, false, true]
  ),
  "AioLock.AioLock.unlock.offset": sees((lock) => lock.unlock({ offset: 5 }), [false, true, true, true]),
  "AioLock.AioLock.unlock.length": sees((lock) => lock.unlock({ length: 5 }), [true, false, true, true]),
  "AioLock.holder.offset": asks({ offset: 10 }, false),
  "AioLock.holder.length": {
    on: (place) =>
      Effect.gen(function* () {
        yield* AioLock.acquire(pathIn(place), { offset: 5 })
        expect(Option.isNone(yield* AioLock.holder(pathIn(place), { length: 5 }))).toBe(true)
        expect(Option.isSome(yield* AioLock.holder(pathIn(place), { length: 6 }))).toBe(true)
      })
  },
  "AioLock.holder.kind": {
    on: (place) =>
      Effect.gen(function* () {
        yield* AioLock.acquire(pathIn(place), { kind: "shared" })
        expect(Option.isNone(yield* AioLock.holder(pathIn(place), { kind: "shared" }))).toBe(true)
        expect(Option.isSome(yield* AioLock.holder(pathIn(place)))).toBe(true)
      })
  }
}
