/** AioFileSystem over the mock: a program of @effect/platform, tested without a disk. */
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Layer, Stream } from "effect"
import { Aio, AioFileSystem, MockAio } from "effect-aio"

const withMock = (options?: MockAio.Options) =>
  Effect.provide(Layer.provideMerge(AioFileSystem.layer, MockAio.layer(options)))

describe("AioFileSystem on the mock", () => {
  it.effect("makes, reads, copies, lists and removes", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* fs.makeDirectory("/data/a/b", { recursive: true })
      yield* fs.writeFileString("/data/a/one", "first")
      yield* fs.writeFile("/data/a/b/two", new Uint8Array(100_000).fill(7))
      yield* fs.symlink("one", "/data/a/link")
      expect(yield* fs.readFileString("/data/a/link")).toBe("first")
      expect((yield* fs.stat("/data/a/b/two")).size).toBe(FileSystem.Size(100_000))
      yield* fs.copy("/data/a", "/data/copy")
      expect((yield* fs.readDirectory("/data/copy", { recursive: true })).sort()).toEqual(["b", "b/two", "link", "one"])
      const chunks = yield* Stream.runCollect(fs.stream("/data/copy/b/two", { chunkSize: 30_000 }))
      expect(Chunk.reduce(chunks, 0, (sum, { length }) => sum + length)).toBe(100_000)
      yield* fs.rename("/data/copy/one", "/data/copy/renamed")
      expect([yield* fs.exists("/data/copy/one"), yield* fs.exists("/data/copy/renamed")]).toEqual([false, true])
      yield* fs.remove("/data", { recursive: true })
      expect(yield* fs.exists("/data")).toBe(false)
      expect((yield* MockAio.descriptors).size).toBe(0)
    }).pipe(withMock())
  )

  it.effect("a File keeps its position, and a full disk is an error", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const error = yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* fs.open("/log", { flag: "w+" })
          yield* file.writeAll(Buffer.from("hello"))
          yield* file.seek(FileSystem.Size(1), "start")
          const bytes = Buffer.alloc(3)
          expect(yield* file.read(bytes)).toBe(FileSystem.Size(3))
          expect(bytes.toString()).toBe("ell")
          yield* MockAio.fail("write", "ENOSPC")
          return yield* Effect.flip(file.writeAll(Buffer.from("more")))
        })
      )
      expect(error).toMatchObject({ _tag: "SystemError", method: "writeAll" })
      expect((yield* MockAio.descriptors).size).toBe(0)
    }).pipe(withMock())
  )

  it.effect("a failure has the reason of an AioError, also where NodeFileSystem calls it unknown", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const reasons = [
        ["ENOENT", "NotFound"],
        ["ETIMEDOUT", "TimedOut"],
        ["EAGAIN", "WouldBlock"],
        ["EUCLEAN", "Unknown"]
      ] as const
      for (const [code, reason] of reasons) {
        yield* MockAio.fail("stat", code, { times: 1 })
        expect(yield* Effect.flip(Aio.stat("/"))).toMatchObject({ code, reason })
        yield* MockAio.fail("stat", code, { times: 1 })
        expect(yield* Effect.flip(fs.stat("/"))).toMatchObject({ _tag: "SystemError", reason, cause: { code } })
      }
      yield* MockAio.fail("stat", "EUCLEAN")
      expect((yield* Effect.flip(fs.stat("/"))).message).toContain("EUCLEAN: the file system is damaged, stat '/'")
    }).pipe(withMock())
  )
})
