/** An interrupt that meets the completion: the fiber ends one way or the other, and what it reports is what happened. */
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, type Scope } from "effect"
import { Aio } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { makeFifos } from "../../support/fifo.ts"
import { nextTurn, someTime } from "../../support/moments.ts"
import { random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const ROUNDS = 500

/** A pipe whose first descriptor waits and whose second does not. */
const pipe: Effect.Effect<readonly [number, number], never, Scope.Scope> = Effect.flatMap(
  temporaryDirectory,
  (directory) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const [name] = makeFifos(directory, 1)
        return [openSync(name, constants.O_RDWR), openSync(name, constants.O_RDWR | constants.O_NONBLOCK)] as const
      }),
      (fds) => Effect.sync(() => fds.forEach((fd) => void closeSync(fd)))
    )
)

/** What is still in a pipe. */
const rest = (fd: number): string => {
  const bytes = Buffer.alloc(64)
  try {
    return bytes.toString("latin1", 0, readSync(fd, bytes))
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("EAGAIN")
    return ""
  }
}

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive(`data and interrupts in one turn, ${ROUNDS} times (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      const [fd, other] = yield* pipe
      let read = 0
      let interrupted = 0
      for (let round = 0; round < ROUNDS; round++) {
        const buffer = new Uint8Array(4)
        const fiber = yield* Effect.fork(Aio.read(fd, buffer))
        yield* someTime(numbers)
        const arrives = Effect.sync(() => writeSync(other, "data"))
        const interrupts = Effect.sync(() => fiber.unsafeInterruptAsFork(fiber.id()))
        const between = [Effect.void, Effect.yieldNow(), nextTurn][numbers.integer(3)]
        const steps = numbers.integer(2) === 0 ? [arrives, between, interrupts] : [interrupts, between, arrives]
        yield* Effect.all([...steps, interrupts], { discard: true })
        const exit = yield* Fiber.await(fiber).pipe(Effect.timeout("30 seconds"))
        const left = rest(other)
        if (Exit.isSuccess(exit)) {
          // Reported as read: all of it is in the buffer, and no longer in the pipe.
          expect(exit.value).toBe(4)
          expect(Buffer.from(buffer).toString()).toBe("data")
          expect(left).toBe("")
          read++
        } else {
          expect(Exit.isInterrupted(exit)).toBe(true)
          expect(["", "data"]).toContain(left)
          interrupted++
        }
      }
      expect(read + interrupted).toBe(ROUNDS)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive(`an interrupted read that never got its turn leaves the data to the next (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      const [fd, other] = yield* pipe
      for (let round = 0; round < 100; round++) {
        const first = yield* Effect.fork(Aio.read(fd, new Uint8Array(4)))
        yield* someTime(numbers)
        yield* Fiber.interrupt(first)
        // Cancelled for good: were it still there, it would take this.
        writeSync(other, "data")
        const buffer = new Uint8Array(4)
        expect(yield* Effect.timeout(Aio.read(fd, buffer), "30 seconds")).toBe(4)
        expect(Buffer.from(buffer).toString()).toBe("data")
      }
    }).pipe(Effect.provide(layer))
  )
})
