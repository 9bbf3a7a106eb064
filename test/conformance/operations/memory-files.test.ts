/** Files in memory, without a path. */
import * as fs from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Aio, AioFile } from "effect-aio"
import { backends } from "../../support/backends.ts"

describe.each(backends)("$name: files in memory", ({ layer, real, world }) => {
  it.scopedLive("hold what is written to them, under their name, until they are closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const file = yield* Scope.extend(AioFile.memory("a name"), scope)
      yield* file.writeAll(Buffer.from("content"), { offset: 3 })
      expect(Buffer.from(yield* file.readAlloc(100, { offset: 0 })).toString()).toBe("\0\0\0content")
      expect(yield* file.stat).toMatchObject({ type: "File", size: 10n, nlink: 0 })
      if (real) {
        const path = `/proc/self/fd/${file.fd}`
        expect(fs.readlinkSync(path)).toBe("/memfd:a name (deleted)")
        expect(fs.readFileSync(path, "latin1")).toBe("\0\0\0content")
      }
      const other = yield* Scope.extend(AioFile.memory("a name"), scope)
      expect(yield* other.size).toBe(0n)
      yield* Scope.close(scope, Exit.void)
      expect(yield* Effect.flip(file.read(new Uint8Array(1)))).toMatchObject({ argument: "file" })
      expect(yield* Effect.flip(Aio.fstat(file.fd))).toMatchObject({ code: "EBADF" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a name that is none is refused", () =>
    Effect.gen(function* () {
      for (const name of ["a\0b", "n".repeat(250), "\u00e4".repeat(125), 7 as any]) {
        expect(yield* Effect.flip(Aio.memfdCreate(name))).toMatchObject({ _tag: "AioBadArgument", argument: "name" })
      }
      yield* Effect.flatMap(Aio.memfdCreate("n".repeat(249)), Aio.close)
      yield* Effect.flatMap(Aio.memfdCreate(""), Aio.close)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("seals are for good: addSeals, getSeals", () =>
    Effect.gen(function* () {
      const file = yield* AioFile.memory("sealed", { allowSealing: true })
      yield* file.writeAll(Buffer.from("content"))
      expect(yield* Aio.getSeals(file)).toEqual([])
      yield* Aio.addSeals(file, ["shrink", "grow"])
      const refused = (effect: Effect.Effect<unknown, unknown, Aio.Aio>) =>
        Effect.map(Effect.flip(effect), (error) => expect(error).toMatchObject({ code: "EPERM" }))
      yield* refused(file.truncate(3))
      yield* refused(file.truncate(30))
      yield* refused(file.write(Buffer.from("longer"), { offset: 5 }))
      yield* file.write(Buffer.from("CON"), { offset: 0 })
      yield* Aio.addSeals(file, ["write", "seal"])
      yield* refused(file.write(Buffer.from("c"), { offset: 0 }))
      yield* refused(Aio.addSeals(file, ["futureWrite"]))
      expect(yield* Aio.getSeals(file)).toEqual(["seal", "shrink", "grow", "write"])
      expect(Buffer.from(yield* file.readAlloc(100, { offset: 0 })).toString()).toBe("CONtent")
      expect(yield* Aio.getSeals(yield* AioFile.memory("not to be sealed"))).toEqual(["seal"])
      for (const seals of [["none"], "grow", [1], undefined] as ReadonlyArray<any>) {
        expect(yield* Effect.flip(Aio.addSeals(file, seals))).toMatchObject({
          _tag: "AioBadArgument",
          argument: "seals"
        })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("no other file has seals", () =>
    Effect.gen(function* () {
      const [reader] = yield* world.pipe
      expect(yield* Effect.flip(Aio.getSeals(reader))).toMatchObject({ code: "EINVAL" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(real)("interrupted at any moment, none is left open", () =>
    Effect.gen(function* () {
      const open = () =>
        fs.readdirSync("/proc/self/fd").filter((fd) => {
          try {
            return fs.readlinkSync(`/proc/self/fd/${fd}`).includes("memfd:interrupted")
          } catch {
            return false
          }
        })
      for (let round = 0; round < 30; round++) {
        const make: Effect.Effect<number, unknown, Aio.Aio> =
          round % 2 === 0 ? Effect.as(Effect.scoped(AioFile.memory("interrupted")), -1) : Aio.memfdCreate("interrupted")
        const fiber = yield* Effect.fork(make)
        for (let i = 0; i < round % 5; i++) yield* Effect.yieldNow()
        if (round % 3 === 0) yield* Effect.promise(() => new Promise(setImmediate))
        const exit = yield* Fiber.interrupt(fiber)
        // It was faster.
        if (Exit.isSuccess(exit) && exit.value >= 0) yield* Aio.close(exit.value)
      }
      expect(open()).toEqual([])
    }).pipe(Effect.provide(layer))
  )
})
