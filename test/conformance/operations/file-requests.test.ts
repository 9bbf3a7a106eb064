/** The operations of an open file as values. */
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Aio, AioFile, AioOperation } from "effect-aio"
import { backends } from "../../support/backends.ts"

describe.each(backends)("$name: operations on an open file", ({ layer, world }) => {
  it.scopedLive("does what the methods do", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "file")
      const file = yield* AioFile.open(path, { flag: "w+" })
      expect(yield* AioOperation.submit(AioOperation.write(file, Buffer.from("hello world"), { offset: 0 }))).toBe(11)
      expect(
        yield* AioOperation.submit(AioOperation.writev(file, [Buffer.from("HE"), Buffer.from("LL")], { offset: 0 }))
      ).toBe(4)
      const [into, first, second] = [Buffer.alloc(5), Buffer.alloc(2), Buffer.alloc(3)]
      const [count, vectored, , , stat] = yield* AioOperation.submitAll([
        AioOperation.read(file, into, { offset: 0 }),
        AioOperation.readv(file, [first, second], { offset: 6 }),
        AioOperation.fsync(file),
        AioOperation.fdatasync(file),
        AioOperation.fstat(file)
      ])
      expect([count, into.toString()]).toEqual([5, "HELLo"])
      expect([vectored, first.toString(), second.toString()]).toEqual([5, "wo", "rld"])
      expect(stat.size).toBe(11n)
      yield* AioOperation.linked([
        AioOperation.ftruncate(file, 3),
        AioOperation.fadvise(file, "dontNeed"),
        AioOperation.readahead(file, { length: 3 })
      ])
      expect((yield* world.readFile(path)).toString()).toBe("HEL")
      yield* AioOperation.submit(AioOperation.fallocate(file, { length: 10 }))
      expect((yield* file.stat).size).toBe(10n)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("of a closed file: nothing reaches the kernel", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "file")
      const file = yield* Effect.scoped(AioFile.open(path, { flag: "w+" }))
      const others = [
        AioOperation.fsync(file),
        AioOperation.fdatasync(file),
        AioOperation.fstat(file),
        AioOperation.ftruncate(file, 1),
        AioOperation.fadvise(file, "normal")
      ]
      const transfers = [
        AioOperation.read(file, new Uint8Array(1), { offset: 0 }),
        AioOperation.write(file, new Uint8Array(1))
      ]
      for (const operation of [...others, ...transfers]) {
        const error = yield* Effect.flip(AioOperation.submit<unknown>(operation))
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
      const reads = Array.from({ length: 100 }, () => AioOperation.read(file, new Uint8Array(64), { offset: 0 }))
      const batch = yield* Effect.fork(AioOperation.submitAll(reads, { mode: "exits" }))
      yield* Effect.yieldNow()
      yield* Scope.close(scope, Exit.void)
      // Whatever was done by then is right, the rest ended with the file.
      for (const exit of yield* Fiber.join(batch)) if (Exit.isSuccess(exit)) expect(exit.value).toBe(64)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})
