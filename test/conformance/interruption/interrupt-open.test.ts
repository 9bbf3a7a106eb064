/** No descriptor is lost by an open that is interrupted, whenever that happens. */
import { closeSync, constants, openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Aio, AioDirectory, AioFile } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { makeFifos } from "../../support/fifo.ts"
import { someTime } from "../../support/moments.ts"
import { descriptorsIn, settled } from "../../support/processState.ts"
import { random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const OPENS = 1000
const AT_ONCE = 20

/** Files that exist, one that does not, FIFOs without the other side, and one with it. */
const paths = Effect.map(temporaryDirectory, (directory) => {
  const files = ["a", "b"].map((name) => join(directory, name))
  for (const file of files) writeFileSync(file, "x")
  const [alone, lonely, met] = makeFifos(directory, 3)
  return { directory, names: [...files, ...files, join(directory, "none"), alone, lonely, met], met }
})

/** Opens and at once closes again; interrupted anywhere. The file's Scope closes what `AioFile.open` gave. */
const inScope = (path: string) => Effect.scoped(AioFile.open(path))

const repeated = (one: Effect.Effect<void, never, Aio.Aio>) =>
  Effect.forEach(Array.from({ length: OPENS }), () => one, { concurrency: AT_ONCE, discard: true })

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive(`Aio.open, ${OPENS} times (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      const { directory, met, names } = yield* paths
      const writer = openSync(met, constants.O_RDWR)
      yield* repeated(
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Aio.open(numbers.pick(names)))
          yield* someTime(numbers)
          const exit = yield* Fiber.interrupt(fiber)
          // What was delivered is ours to close. EBADF here would say that it was delivered and released.
          if (Exit.isSuccess(exit)) closeSync(exit.value)
        })
      )
      closeSync(writer)
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive(`AioFile.open and AioDirectory.read in Scopes, ${OPENS} times (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      const { directory, met, names } = yield* paths
      const writer = openSync(met, constants.O_RDWR)
      yield* repeated(
        Effect.gen(function* () {
          const path = numbers.pick(names)
          const fiber = yield* Effect.fork(
            numbers.integer(4) === 0 ? AioDirectory.read(directory) : Effect.asVoid(inScope(path))
          )
          yield* someTime(numbers)
          yield* Fiber.interrupt(fiber)
        })
      )
      closeSync(writer)
      // Closed before the fiber ended, not some time later.
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("timeouts of opens that wait release what they held", () =>
    Effect.gen(function* () {
      const { directory, names } = yield* paths
      const fifo = names[5]
      yield* Effect.forEach(
        Array.from({ length: 30 }),
        () => Effect.ignore(Effect.scoped(Effect.timeout(AioFile.open(fifo), 10))),
        { concurrency: 10, discard: true }
      )
      expect(yield* settled(() => descriptorsIn(directory), 0)).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})
