/** A file's Scope closes while fibers that outlive it still have requests: their descriptor number must not become another file's. */
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Scope } from "effect"
import { AioFile } from "effect-aio"
import { realBackends as backends } from "../../support/backends.ts"
import { idlePipe } from "../../support/fifo.ts"
import { nextTurn } from "../../support/moments.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const failureOf = <A, E>(exit: Exit.Exit<A, E>): unknown =>
  Exit.isFailure(exit) ? Cause.failureOption(exit.cause).pipe(Option.getOrNull) : exit

describe.each(backends)("$name", ({ layerWith }) => {
  it.scopedLive("a write that waits for its turn never lands in the file that got the number", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [first, second] = [join(directory, "first"), join(directory, "second")]
      writeFileSync(second, "untouched")
      const bytes = Buffer.alloc(512, "x")
      // Whether the second file got the number of the first.
      const attempt = Effect.gen(function* () {
        const scope = yield* Scope.make()
        const file = yield* Scope.extend(AioFile.open(first, { flag: "w" }), scope)
        const writes = yield* Effect.forEach(Array.from({ length: 300 }), (_, i) =>
          Effect.fork(file.write(bytes, { offset: i * bytes.length }))
        )
        yield* nextTurn
        yield* Scope.close(scope, Exit.void)
        // The lowest free number: that of the file just closed.
        const fd = openSync(second, "r+")
        for (const exit of yield* Effect.forEach(writes, Fiber.await)) {
          if (Exit.isFailure(exit)) expect(failureOf(exit)).toMatchObject({ code: "ECANCELED" })
          else expect(exit.value).toBe(bytes.length)
        }
        expect(readFileSync(second, "utf8")).toBe("untouched")
        closeSync(fd)
        return fd === file.fd
      })
      // A thread that starts just then may take the number for itself, or leave a lower one.
      let attempts = 1
      while (!(yield* attempt)) expect(attempts++).toBeLessThan(50)
    }).pipe(Effect.provide(layerWith({ maxOutstanding: 4 })))
  )

  it.scopedLive("a read that may wait for ever ends with the file", () =>
    Effect.gen(function* () {
      const pipe = yield* idlePipe
      const scope = yield* Scope.make()
      const file = yield* Scope.extend(AioFile.open(`/proc/self/fd/${pipe}`), scope)
      const reading = yield* Effect.fork(file.read(new Uint8Array(8)))
      yield* Effect.sleep(30)
      yield* Effect.timeout(Scope.close(scope, Exit.void), "30 seconds")
      expect(failureOf(yield* Fiber.await(reading))).toMatchObject({ code: "ECANCELED" })
    }).pipe(Effect.provide(layerWith({})))
  )
})
