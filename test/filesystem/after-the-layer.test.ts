/** A program that is given its Layer first and its Scope last, as many are: what belongs to the Scope outlives the Layer. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, type Scope, Stream } from "effect"
import { type Aio, AioDirectory, AioFile, AioFileSystem, AioOperation, AioTree, ThreadPool } from "effect-aio"
import { looks } from "../../src/internal/effect/replacementEngine.ts"
import { backends } from "../support/backends.ts"
import { descriptorCounts, settled, steady, threads } from "../support/processState.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

const usual = looks.interval

it.live("the pool that serves afterwards ends when nobody has used it for a while", () =>
  Effect.gen(function* () {
    looks.interval = 50
    const fs = yield* Effect.provide(FileSystem.FileSystem, Layer.provide(AioFileSystem.layer, ThreadPool.layer()))
    yield* steady(threads)
    const descriptors = descriptorCounts()
    for (const _ of [1, 2]) {
      expect((yield* fs.stat("/proc/self/status")).type).toBe("File")
      expect(text(yield* fs.readFile("/proc/self/status"))).toContain("Threads")
      expect(descriptorCounts()).not.toEqual(descriptors)
      expect(yield* settled(descriptorCounts, descriptors)).toEqual(descriptors)
    }
  }).pipe(
    Effect.ensuring(
      Effect.sync(() => {
        looks.interval = usual
      })
    )
  )
)

describe.each(backends)("$name", ({ layer, real }) => {
  const all = Layer.provideMerge(AioFileSystem.layer, layer)

  // The directory that this run's temporary files are in is nobody's business on a mock.
  const where = real ? {} : { directory: "/tmp" }

  /** What `use` gives, when the Layer has ended and the Scope has not. */
  const outlive = <A, E>(use: Effect.Effect<A, E, FileSystem.FileSystem | Aio.Aio | Scope.Scope>) =>
    Effect.provide(use, all)

  it.live("temporary directories and files are removed at the end of the Scope", () =>
    Effect.gen(function* () {
      const [fs, paths] = yield* Effect.scoped(
        outlive(
          Effect.gen(function* () {
            const fs = yield* FileSystem.FileSystem
            const directory = yield* fs.makeTempDirectoryScoped(where)
            const file = yield* fs.makeTempFileScoped({ directory })
            const alone = yield* fs.makeTempFileScoped(where)
            yield* fs.writeFileString(`${directory}/more`, "more")
            return [fs, [directory, file, alone]] as const
          })
        )
      )
      for (const path of paths) expect(yield* fs.exists(path)).toBe(false)
    })
  )

  it.live("a File goes on from where it was, and is closed with its Scope", () =>
    Effect.gen(function* () {
      const file = yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* outlive(
            Effect.gen(function* () {
              const fs = yield* FileSystem.FileSystem
              const path = yield* fs.makeTempFileScoped(where)
              const file = yield* fs.open(path, { flag: "w+" })
              yield* file.writeAll(Buffer.from("before"))
              return file
            })
          )
          yield* file.writeAll(Buffer.from(" and after"))
          yield* file.sync
          yield* file.seek(FileSystem.Size(7), "start")
          expect(text(Option.getOrThrow(yield* file.readAlloc(3)))).toBe("and")
          yield* file.truncate(6)
          expect((yield* file.stat).size).toBe(FileSystem.Size(6))
          // Requests that are under way at the end of the Scope end first.
          yield* Effect.forkDaemon(file.readAlloc(1))
          return file
        })
      )
      expect(yield* Effect.flip(file.stat)).toMatchObject({ description: expect.stringContaining("EBADF") })
    })
  )

  it.live("every method of a FileSystem that was kept works", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [fs, root] = yield* outlive(
          Effect.gen(function* () {
            const fs = yield* FileSystem.FileSystem
            return [fs, yield* fs.makeTempDirectoryScoped(where)] as const
          })
        )
        yield* fs.makeDirectory(`${root}/a/b`, { recursive: true })
        yield* fs.writeFileString(`${root}/a/one`, "first")
        yield* Stream.run(Stream.make(Buffer.from("se"), Buffer.from("cond")), fs.sink(`${root}/a/b/two`))
        yield* fs.symlink("one", `${root}/a/link`)
        yield* fs.link(`${root}/a/one`, `${root}/a/hard`)
        yield* fs.chmod(`${root}/a/one`, 0o600)
        yield* fs.chown(`${root}/a/one`, -1, -1)
        yield* fs.utimes(`${root}/a/one`, 1, 1)
        expect(yield* fs.readFileString(`${root}/a/link`)).toBe("first")
        expect((yield* fs.stat(`${root}/a/hard`)).size).toBe(FileSystem.Size(5))
        expect(yield* fs.readLink(`${root}/a/link`)).toBe("one")
        expect(yield* fs.realPath(`${root}/a/link`)).toBe(`${yield* fs.realPath(root)}/a/one`)
        yield* fs.access(`${root}/a/one`, { readable: true })
        yield* fs.copy(`${root}/a`, `${root}/c/d`)
        yield* fs.copyFile(`${root}/a/one`, `${root}/c/copy`)
        yield* fs.truncate(`${root}/c/copy`, 2)
        yield* fs.rename(`${root}/c/copy`, `${root}/c/renamed`)
        expect(text(yield* fs.readFile(`${root}/c/renamed`))).toBe("fi")
        expect((yield* fs.readDirectory(`${root}/c`, { recursive: true })).sort()).toEqual([
          "d",
          "d/b",
          "d/b/two",
          "d/hard",
          "d/link",
          "d/one",
          "renamed"
        ])
        expect(text(Buffer.concat([...(yield* Stream.runCollect(fs.stream(`${root}/c/d/b/two`)))]))).toBe("second")
        expect(yield* fs.exists(yield* fs.makeTempDirectory({ directory: root }))).toBe(true)
        expect(yield* fs.exists(yield* fs.makeTempFile({ directory: root }))).toBe(true)
        yield* fs.remove(`${root}/a/one`)
        yield* fs.remove(`${root}/c`, { recursive: true })
        expect(yield* fs.exists(`${root}/c`)).toBe(false)
        const error = yield* Effect.flip(fs.readFile(`${root}/c`))
        expect(error).toMatchObject({ reason: "NotFound", method: "readFile", syscall: "open" })
      })
    )
  )

  it.live("a stream that was begun is read to its end", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const length = 5_000_000
        const pull = yield* outlive(
          Effect.gen(function* () {
            const fs = yield* FileSystem.FileSystem
            const path = yield* fs.makeTempFileScoped(where)
            yield* fs.writeFile(path, new Uint8Array(length).fill(7))
            const pull = yield* Stream.toPull(fs.stream(path))
            // One slab is there, and the next one under way.
            const first = yield* pull
            return Stream.concat(Stream.fromChunk(first), Stream.repeatEffectChunkOption(pull))
          })
        )
        expect(yield* Stream.runFold(pull, 0, (sum, bytes) => sum + bytes.length)).toBe(length)
      })
    )
  )

  it.live.runIf(real)("a directory is watched", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const events = yield* outlive(Effect.map(FileSystem.FileSystem, (fs) => fs.watch(directory)))
        const first = yield* Effect.fork(Stream.runHead(events))
        // Until one is seen: nothing tells when the watch has begun.
        yield* Effect.race(
          Fiber.join(first),
          Effect.forever(
            Effect.zipRight(
              Effect.sync(() => writeFileSync(join(directory, "new"), "")),
              Effect.sleep(20)
            )
          )
        )
        expect(Option.getOrThrow(yield* Fiber.join(first))).toMatchObject({ path: "new" })
      })
    )
  )

  it.live("what only Aio does says why it cannot be done", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const [file, context] = yield* outlive(
          Effect.gen(function* () {
            const fs = yield* FileSystem.FileSystem
            const path = yield* fs.makeTempFileScoped(where)
            yield* fs.writeFileString(path, "text")
            return [yield* AioFile.open(path), yield* Effect.context<Aio.Aio>()] as const
          })
        )
        for (const use of [
          file.readAlloc(4),
          file.stat,
          AioFile.readFile("/tmp"),
          AioDirectory.read("/tmp"),
          AioOperation.submitAll([AioOperation.stat("/tmp")]),
          AioTree.copy("/tmp", "/tmp/copy")
        ]) {
          const error = yield* Effect.flip(Effect.provide(use as Effect.Effect<unknown, any, Aio.Aio>, context))
          expect(error).toMatchObject({
            code: "ECANCELED",
            message: expect.stringContaining("the Layer of this Aio has ended")
          })
        }
      })
    )
  )
})
