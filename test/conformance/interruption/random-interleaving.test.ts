/** Opens, reads, writes, closes and interrupts in any order: every answer is right, nothing is left. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Scope } from "effect"
import { Aio, AioFile } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { someTime } from "../../support/moments.ts"
import { descriptorsIn } from "../../support/processState.ts"
import { random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const ACTORS = 16
const STEPS = 250
const BLOCK = 1024
const BLOCKS = 32

/**
 * An actor owns one file and knows what every block holds: a byte, repeated. After an interrupted write a block holds the old or
 * the new byte, as far as it was written.
 */
const actor = (path: string, numbers: ReturnType<typeof random>) =>
  Effect.gen(function* () {
    const known: Array<ReadonlyArray<number>> = Array.from({ length: BLOCKS }, () => [0])
    let scope = yield* Scope.make()
    let file: AioFile.AioFile | undefined
    for (let step = 0; step < STEPS; step++) {
      if (file === undefined) {
        const opening = yield* Effect.fork(Scope.extend(AioFile.open(path, { flag: "r+" }), scope))
        if (numbers.integer(3) > 0) file = yield* Fiber.join(opening)
        else {
          yield* someTime(numbers)
          const exit = yield* Fiber.interrupt(opening)
          if (Exit.isSuccess(exit)) file = exit.value
        }
        continue
      }
      const block = numbers.integer(BLOCKS)
      const offset = block * BLOCK
      const cancels = numbers.integer(3) === 0
      switch (numbers.integer(5)) {
        case 0: {
          yield* Scope.close(scope, Exit.void)
          scope = yield* Scope.make()
          file = undefined
          break
        }
        case 1:
        case 2: {
          const byte = 1 + numbers.integer(255)
          const fiber = yield* Effect.fork(file.write(new Uint8Array(BLOCK).fill(byte), { offset }))
          if (cancels) {
            yield* someTime(numbers)
            const exit = yield* Fiber.interrupt(fiber)
            known[block] = Exit.isSuccess(exit) ? [byte] : [...known[block], byte]
          } else {
            expect(yield* Fiber.join(fiber)).toBe(BLOCK)
            known[block] = [byte]
          }
          break
        }
        default: {
          const fiber = yield* Effect.fork(file.readAlloc(BLOCK, { offset }))
          if (cancels) {
            yield* someTime(numbers)
            yield* Fiber.interrupt(fiber)
          } else {
            const bytes = yield* Fiber.join(fiber)
            expect(bytes.length).toBe(BLOCK)
            expect(known[block]).toEqual(expect.arrayContaining([...new Set(bytes)]))
          }
        }
      }
    }
    yield* Scope.close(scope, Exit.void)
    const content = readFileSync(path)
    known.forEach((bytes, block) => {
      const found = [...new Set(content.subarray(block * BLOCK, (block + 1) * BLOCK))]
      expect(bytes).toEqual(expect.arrayContaining(found))
    })
  })

describe.each(realBackends)("$name", ({ layerWith }) => {
  it.scopedLive(`${ACTORS} actors of ${STEPS} steps (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const numbers = random()
      const exit = yield* Effect.exit(
        Effect.forEach(
          Array.from({ length: ACTORS }, (_, i) => join(directory, String(i))),
          (path) => {
            writeFileSync(path, new Uint8Array(BLOCK * BLOCKS))
            return actor(path, numbers)
          },
          { concurrency: "unbounded", discard: true }
        ).pipe(Effect.timeout("50 seconds"))
      )
      if (Exit.isFailure(exit)) return yield* Effect.die(new Error(`SEED=${seed}: ${Cause.pretty(exit.cause)}`))
      expect((yield* Aio.stats).outstanding).toBe(0)
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layerWith({ entries: 8 })))
  )
})
