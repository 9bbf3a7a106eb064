/** The operations of an open file as values. */
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Aio, AioFile } from "effect-aio"
import { backends } from "../support/backends.ts"

describe.each(backends)("$name: file.request", ({ layer, world }) => {
  it.scopedLive("does what the methods do", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "file")
      const file = yield* AioFile.open(path, { flag: "w+" })
      const { request } = file
      expect(yield* Aio.submit(request.write(Buffer.from("hello world"), { offset: 0 }))).toBe(11)
      expect(yield* Aio.submit(request.writev([Buffer.from("HE"), Buffer.from("LL")], { offset: 0 }))).toBe(4)
      const [into, first, second] = [Buffer.alloc(5), Buffer.alloc(2), Buffer.alloc(3)]
      const [count, vectored, , , stat] = yield* Aio.submitAll([
        request.read(into, { offset: 0 }),
        request.readv([first, second], { offset: 6 }),
        request.sync,
        request.datasync,
        request.stat
      ])
      expect([count, into.toString()]).toEqual([5, "HELLo"])
      expect([vectored, first.toString(), second.toString()]).toEqual([5, "wo", "rld"])
      expect(stat.size).toBe(11n)
      yield* Aio.linked([request.truncate(3), request.advise("dontNeed"), request.readahead({ length: 3 })])
      expect((yield* world.readFile(path)).toString()).toBe("HEL")
      yield* Aio.submit(request.allocate({ length: 10 }))
      expect((yield* file.stat).size).toBe(10n)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("of a closed file: nothing reaches the kernel", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "file")
      const { request } = yield* Effect.scoped(AioFile.open(path, { flag: "w+" }))
      const others = [request.sync, request.datasync, request.stat, request.truncate(1), request.advise("normal")]
      const transfers = [request.read(new Uint8Array(1), { offset: 0 }), request.write(new Uint8Array(1))]
      for (const operation of [...others, ...transfers]) {
        const error = yield* Effect.flip(Aio.submit<unknown>(operation))
        expect(error).toMatchObject({ _tag: "AioBadArgument", argument: "file" })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("the file waits for a batch of them", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "file")
      yield* world.writeFile(path, "x".repeat(4096))
      const scope = yield* Scope.make()
      const file = yield* Scope.extend(AioFile.open(path), scope)
      const reads = Array.from({ length: 100 }, () => file.request.read(new Uint8Array(64), { offset: 0 }))
      const batch = yield* Effect.fork(Aio.submitAll(reads, { mode: "exits" }))
      yield* Effect.yieldNow()
      yield* Scope.close(scope, Exit.void)
      // Whatever was done by then is right, the rest ended with the file.
      for (const exit of yield* Fiber.join(batch)) if (Exit.isSuccess(exit)) expect(exit.value).toBe(64)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})
