/** `AioBlocking.flush` in a synchronous program, in which no event loop turns. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Runtime } from "effect"
import { Aio, AioBlocking } from "effect-aio"
import { realBackends as backends } from "../../support/backends.ts"
import { bestOf } from "../../support/patience.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

describe.each(backends)("$name", ({ layer }) => {
  it.scopedLive("flush ends all outstanding requests, also on threads that are still to start", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const runtime = yield* Effect.runtime<Aio.Aio>()
      const exits = Runtime.runSync(
        runtime,
        Effect.gen(function* () {
          const forks = [
            ...Array.from({ length: 200 }, (_, index) => Aio.mkdir(join(directory, String(index)))),
            Effect.asVoid(Aio.statvfs(directory)),
            Aio.mkdir(join(directory, "no", "such"))
          ]
          const fibers: Array<Fiber.RuntimeFiber<void, unknown>> = []
          for (const one of forks) fibers.push(yield* Effect.fork(one))
          yield* Effect.yieldNow()
          yield* AioBlocking.flush
          expect((yield* Aio.stats).outstanding).toBe(0)
          // Fibers go on when the caller gives way to them.
          yield* Effect.yieldNow()
          return yield* Effect.forEach(fibers, Fiber.await)
        })
      )
      expect(exits.filter(Exit.isSuccess).length).toBe(201)
      expect(Exit.isFailure(exits[201])).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("request after request", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      const runtime = yield* Effect.runtime<Aio.Aio>()
      /** A request as a synchronous call. */
      const now = <A, E>(effect: Effect.Effect<A, E, Aio.Aio>): A =>
        Runtime.runSync(
          runtime,
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(effect)
            yield* Effect.yieldNow()
            yield* AioBlocking.flush
            return yield* Fiber.join(fiber)
          })
        )
      const fd = now(Aio.open(path, { flag: "w+" }))
      for (let i = 0; i < 10; i++) expect(now(Aio.write(fd, Buffer.from(`line ${i}\n`)))).toBe(7)
      const line = Buffer.alloc(7)
      expect(now(Aio.read(fd, line, { offset: 21 }))).toBe(7)
      now(Aio.close(fd))
      expect(line.toString()).toBe("line 3\n")
      expect(readFileSync(path, "utf8").length).toBe(70)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("flush with nothing to do returns at once", () =>
    Effect.gen(function* () {
      const once = Effect.gen(function* () {
        const start = performance.now()
        for (let i = 0; i < 100; i++) yield* AioBlocking.flush
        return [performance.now() - start]
      })
      expect(yield* bestOf(once, 200)).toBeLessThan(200)
    }).pipe(Effect.provide(layer))
  )
})
