/** Two Layers in one program do not know of each other. */
import { writeSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { Aio } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { idlePipes } from "../../support/fifo.ts"

const mechanisms = [...new Set(realBackends.map(({ mechanism }) => mechanism))]

/** Of a mechanism, with the try on the spot or without it. */
const backendOf = (mechanism: string, way: number) =>
  realBackends.filter((backend) => backend.mechanism === mechanism)[way % 2]

/** Each mechanism beside each, itself too. All wait for pipes, where nothing is answered on the spot: both ways come first and second. */
const pairs = mechanisms.flatMap((first, i) =>
  mechanisms.map((second, j) => ({ first: backendOf(first, i + j), second: backendOf(second, i) }))
)

const PIPES = 20

describe.each(pairs)("$first.name beside $second.name", ({ first, second }) => {
  it.scopedLive("closing one cancels its requests only, and the other goes on", () =>
    Effect.gen(function* () {
      const pipes = yield* idlePipes(PIPES * 2)
      const scopes = [yield* Scope.make(), yield* Scope.make()]
      const [one, other] = [
        yield* Layer.buildWithScope(Layer.fresh(first.layer), scopes[0]),
        yield* Layer.buildWithScope(Layer.fresh(second.layer), scopes[1])
      ]
      const reading = (fds: ReadonlyArray<number>, aio: typeof one) =>
        Effect.forEach(fds, (fd) => {
          const buffer = new Uint8Array(4)
          return Effect.forkDaemon(Effect.as(Effect.provide(Aio.read(fd, buffer), aio), buffer))
        })
      const doomed = yield* reading(pipes.slice(0, PIPES), one)
      const living = yield* reading(pipes.slice(PIPES), other)
      yield* Effect.sleep(50)
      yield* Effect.timeout(Scope.close(scopes[0], Exit.void), "30 seconds")
      for (const fiber of doomed) {
        const error = yield* Effect.flip(Fiber.join(fiber))
        expect(error._tag === "AioError" && error.code).toBe("ECANCELED")
      }
      for (const fiber of living) expect(fiber.unsafePoll()).toBeNull()
      pipes.slice(PIPES).forEach((fd, index) => void writeSync(fd, new Uint8Array([index, 1, 2, 3])))
      const received = yield* Effect.forEach(living, (fiber) => Effect.timeout(Fiber.join(fiber), "30 seconds"))
      received.forEach((bytes, index) => expect(Array.from(bytes)).toEqual([index, 1, 2, 3]))
      yield* Scope.close(scopes[1], Exit.void)
    })
  )
})
