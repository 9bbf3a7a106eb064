/** A descriptor from an interrupted acquisition is delivered and released exactly once: nobody else's descriptor is ever closed. */
import { closeSync, fstatSync, openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { nextTurn, someTime } from "../../support/moments.ts"
import { descriptorsIn } from "../../support/processState.ts"
import { random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const ROUNDS = 1000
const AT_ONCE = 20

const setUp = Effect.map(temporaryDirectory, (directory) => {
  const ours = join(directory, "ours")
  const theirs = join(directory, "theirs")
  writeFileSync(ours, "ours")
  writeFileSync(theirs, "theirs!")
  return { directory, ours, theirs, inode: fstatOf(theirs) }
})

const fstatOf = (path: string): number => {
  const fd = openSync(path, "r")
  const { ino } = fstatSync(fd)
  closeSync(fd)
  return ino
}

/** A descriptor of another part of the program: it takes numbers that have just become free, and must stay what it is. */
const bystander = (path: string, inode: number) =>
  Effect.gen(function* () {
    const fd = openSync(path, "r")
    for (let turn = 0; turn < 5; turn++) {
      yield* nextTurn
      expect(fstatSync(fd).ino).toBe(inode)
    }
    closeSync(fd)
  })

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive(`acquireRelease, interrupted at random moments (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      const { directory, inode, ours, theirs } = yield* setUp
      let acquired = 0
      let released = 0
      const closeFailures: Array<string> = []
      const acquisition = Effect.acquireRelease(
        Effect.tap(Aio.open(ours), () => Effect.sync(() => acquired++)),
        (fd) =>
          Effect.catchAll(Aio.close(fd), (error) => Effect.sync(() => closeFailures.push(error.message))).pipe(
            Effect.zipRight(Effect.sync(() => released++))
          )
      )
      yield* Effect.forEach(
        Array.from({ length: ROUNDS }),
        () =>
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(Effect.scoped(Effect.zipRight(acquisition, Effect.yieldNow())))
            const other = yield* Effect.fork(bystander(theirs, inode))
            yield* someTime(numbers)
            yield* Fiber.interrupt(fiber)
            yield* Fiber.join(other)
          }),
        { concurrency: AT_ONCE, discard: true }
      )
      expect(closeFailures).toEqual([])
      expect(released).toBe(acquired)
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive(`an uninterruptible open delivers its descriptor although it was interrupted (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      const { directory, inode, ours, theirs } = yield* setUp
      yield* Effect.forEach(
        Array.from({ length: ROUNDS }),
        () =>
          Effect.gen(function* () {
            let delivered = 0
            const fiber = yield* Effect.fork(
              Effect.uninterruptible(
                Effect.flatMap(Aio.open(ours), (fd) => {
                  delivered++
                  return Effect.zipRight(nextTurn, Aio.close(fd))
                })
              )
            )
            const other = yield* Effect.fork(bystander(theirs, inode))
            // The fiber must have entered its region: before that an interrupt ends it, rightly.
            yield* Effect.yieldNow()
            yield* someTime(numbers)
            yield* Fiber.interrupt(fiber)
            expect(delivered).toBeLessThanOrEqual(1)
            yield* Fiber.join(other)
          }),
        { concurrency: AT_ONCE, discard: true }
      )
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive(`bare opens: what is interrupted is closed once (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      const { directory, inode, ours, theirs } = yield* setUp
      yield* Effect.forEach(
        Array.from({ length: ROUNDS }),
        () =>
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(Aio.open(ours))
            const other = yield* Effect.fork(bystander(theirs, inode))
            yield* someTime(numbers)
            const exit = yield* Fiber.interrupt(fiber)
            if (exit._tag === "Success") closeSync(exit.value)
            yield* Fiber.join(other)
          }),
        { concurrency: AT_ONCE, discard: true }
      )
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})
