/** Closing a Layer ends what is in flight and frees what the backend had. */
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { Aio, AioFile, AioOperation } from "effect-aio"
import { vi } from "vitest"
import { realBackends } from "../../support/backends.ts"
import { idlePipes, makeFifos } from "../../support/fifo.ts"
import { someTime } from "../../support/moments.ts"
import { lasting, quickest } from "../../support/patience.ts"
import { descriptorCounts, descriptorsIn, settled, steady, threads } from "../../support/processState.ts"
import { random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

// Threads start by the dozen, one Layer after the other: on a slow machine that takes minutes.
vi.setConfig({ testTimeout: 240_000 })

/** What a fiber ended with: an error's code, or how else. */
const ending = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.match(exit, {
    onSuccess: () => "success",
    onFailure: (cause) => {
      const failure = Cause.failureOption(cause)
      return failure._tag === "Some" ? String((failure.value as { code?: string }).code) : Cause.pretty(cause)
    }
  })

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("with 1,000 reads in flight: all fail with ECANCELED, nothing is left", () =>
    Effect.gen(function* () {
      const pipes = yield* idlePipes(50)
      // What a first use leaves for good (Node's own) is not counted.
      yield* Effect.provide(Effect.scoped(Effect.timeout(Aio.nop(), "30 seconds")), layer)
      const { before, threadsBefore } = yield* steady(() => ({
        before: descriptorCounts(),
        threadsBefore: threads().length
      }))
      const closing = Effect.gen(function* () {
        const scope = yield* Scope.make()
        const aio = yield* Layer.buildWithScope(layer, scope)
        const fibers = yield* Effect.forEach(
          Array.from({ length: 1000 }, (_, i) => pipes[i % pipes.length]),
          (fd) => Effect.forkDaemon(Effect.exit(Effect.provide(Aio.read(fd, new Uint8Array(16)), aio)))
        )
        yield* Effect.sleep(100)
        const took = yield* lasting(Scope.close(scope, Exit.void))
        const endings = yield* Effect.forEach(fibers, (fiber) => Effect.map(Fiber.join(fiber), ending)).pipe(
          Effect.timeout("30 seconds")
        )
        expect(new Set(endings)).toEqual(new Set(["ECANCELED"]))
        expect(yield* settled(descriptorCounts, before)).toEqual(before)
        expect(yield* settled(() => threads().length <= threadsBefore, true)).toBe(true)
        return took
      })
      expect(yield* quickest(2000, closing)).toBeLessThan(2000)
    })
  )

  it.scopedLive("afterwards, a number that is no descriptor is refused as before", () =>
    Effect.gen(function* () {
      const aio = yield* Effect.provide(Aio.Aio, layer)
      for (const fd of ["x", 0.5, -1, Symbol("fd")] as ReadonlyArray<any>) {
        for (const close of [Aio.close(fd), AioOperation.submitAll([AioOperation.close(fd)])]) {
          const error = yield* Effect.flip(
            Effect.provideService(close, Aio.Aio, aio) as Effect.Effect<unknown, unknown>
          )
          expect(error).toMatchObject({ _tag: "AioBadArgument", argument: "fd" })
        }
      }
    })
  )

  it.scopedLive("with opens of FIFOs in flight", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const names = makeFifos(directory, 6)
      const scope = yield* Scope.make()
      const aio = yield* Layer.buildWithScope(layer, scope)
      const fibers = yield* Effect.forEach(names, (name) =>
        Effect.forkDaemon(Effect.exit(Effect.provide(Aio.open(name), aio)))
      )
      yield* Effect.sleep(100)
      yield* Effect.timeout(Scope.close(scope, Exit.void), "30 seconds")
      for (const fiber of fibers) expect(ending(yield* Fiber.join(fiber))).toBe("ECANCELED")
      expect(descriptorsIn(directory)).toBe(0)
    })
  )

  it.scopedLive(`while files are opened and closed, 30 times: no descriptor is lost (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      const directory = yield* temporaryDirectory
      const path = join(directory, "file")
      writeFileSync(path, "x")
      for (let round = 0; round < 30; round++) {
        const scope = yield* Scope.make()
        const aio = yield* Layer.buildWithScope(layer, scope)
        const users = yield* Effect.forEach(Array.from({ length: 8 }), () =>
          Effect.forkDaemon(
            Effect.provide(
              Effect.repeatN(Effect.scoped(Effect.zipRight(AioFile.open(path), someTime(numbers))), 5),
              aio
            )
          )
        )
        yield* Effect.sleep(numbers.integer(3))
        yield* someTime(numbers)
        // Some of the files' Scopes are just being closed, and some opens just interrupted.
        const interrupting = yield* Effect.fork(Fiber.interruptAll(users.slice(0, 4)))
        yield* Effect.timeout(Scope.close(scope, Exit.void), "30 seconds")
        yield* Fiber.join(interrupting)
        yield* Effect.forEach(users, (user) => Fiber.await(user))
        expect(descriptorsIn(directory)).toBe(0)
      }
    })
  )

  it.scopedLive("an open file outlives its Layer: reads fail, typed, and closing it closes the descriptor", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const path = join(directory, "file")
      writeFileSync(path, "x".repeat(4096))
      const files = yield* Scope.make()
      const open = Effect.zip(AioFile.open(path, { flag: "r+" }), AioFile.open(path, { direct: true }))
      const [file, direct] = yield* Effect.provide(open.pipe(Scope.extend(files)), layer)
      expect(descriptorsIn(directory)).toBe(2)
      const uses: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        file.read(new Uint8Array(10), { offset: 0 }),
        file.write(new Uint8Array(10), { offset: 0 }),
        file.readAlloc(10),
        file.stat,
        file.sync,
        direct.readAlloc(4096, { offset: 0 })
      ]
      for (const use of uses) expect(ending(yield* Effect.exit(use))).toBe("ECANCELED")
      yield* Scope.close(files, Exit.void)
      expect(descriptorsIn(directory)).toBe(0)
      // Its number may be somebody else's now: it is never used again.
      const bystander = openSync(path, "r+")
      const late = yield* Effect.flip(file.write(new Uint8Array(10), { offset: 0 }))
      expect(["AioError", "AioBadArgument"]).toContain(late._tag)
      expect(readFileSync(path, "latin1")).toBe("x".repeat(4096))
      closeSync(bystander)
    })
  )
})
