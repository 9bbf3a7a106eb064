/** Single methods, where they promise more than, or other than, NodeFileSystem. */
import * as fs from "node:fs"
import { join } from "node:path"
import * as FileSystem from "@effect/platform/FileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Layer, Option, Stream } from "effect"
import { Aio, AioFileSystem } from "effect-aio"
import { memoryDirectory } from "../fixtures/memoryDirectory.ts"
import { realBackends as backends } from "../support/backends.ts"
import { descriptorsIn } from "../support/processState.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

describe.each(backends)("$name", ({ layer }) => {
  const test = <E>(
    name: string,
    body: (service: FileSystem.FileSystem, directory: string) => Effect.Effect<void, E, import("effect").Scope.Scope>
  ) =>
    it.scopedLive(name, () =>
      Effect.flatMap(Effect.zip(FileSystem.FileSystem, temporaryDirectory), ([service, directory]) =>
        body(service, directory)
      ).pipe(Effect.provide(Layer.provide(AioFileSystem.layer, layer)))
    )

  it.scopedLive("stat of a time that no Date can say tells none", () =>
    Effect.gen(function* () {
      // tmpfs keeps whatever it is given; disks of this machine may not.
      const path = join(yield* memoryDirectory, "file")
      fs.writeFileSync(path, "")
      const service = yield* FileSystem.FileSystem
      yield* Aio.utimes(path, { atimeNs: 0n, mtimeNs: 2n ** 62n * 10n ** 9n })
      expect(yield* service.stat(path)).toMatchObject({ atime: Option.some(new Date(0)), mtime: Option.none() })
      yield* service.utimes(path, new Date(8.64e15), new Date(-8.64e15))
      const most = { atime: Option.some(new Date(8.64e15)), mtime: Option.some(new Date(-8.64e15)) }
      expect(yield* service.stat(path)).toMatchObject(most)
    }).pipe(Effect.provide(Layer.provideMerge(AioFileSystem.layer, layer)))
  )

  test("reads of one File side by side each have a range of their own", (service, directory) =>
    Effect.gen(function* () {
      const path = join(directory, "file")
      const content = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
      fs.writeFileSync(path, Buffer.concat(Array.from({ length: 64 }, () => content)))
      const file = yield* service.open(path)
      // More than there is: those beyond the end find nothing, and the position ends where the file does.
      const parts = yield* Effect.forEach(Array.from({ length: 70 }), () => file.readAlloc(256), {
        concurrency: "unbounded"
      })
      expect(parts.filter(Option.isSome).length).toBe(64)
      for (const part of parts) if (Option.isSome(part)) expect(Buffer.from(part.value).equals(content)).toBe(true)
      fs.appendFileSync(path, "more")
      expect(Option.map(yield* file.readAlloc(10), String)).toEqual(
        Option.map(Option.some(Buffer.from("more")), (b) => String(new Uint8Array(b)))
      )
    }))

  test("writes of one File side by side do not overwrite each other; appended ones do not mix", (service, directory) =>
    Effect.gen(function* () {
      for (const flag of ["w", "a"] as const) {
        const path = join(directory, flag)
        const file = yield* service.open(path, { flag })
        yield* Effect.forEach(
          Array.from({ length: 40 }, (_, index) => index),
          (index) => file.writeAll(Buffer.alloc(5000, 65 + (index % 26))),
          { concurrency: "unbounded" }
        )
        const written = fs.readFileSync(path)
        expect(written.length).toBe(40 * 5000)
        for (let i = 0; i < 40; i++) expect(new Set(written.subarray(i * 5000, (i + 1) * 5000)).size).toBe(1)
      }
    }))

  test("an effect may be run twice", (service, directory) =>
    Effect.gen(function* () {
      fs.writeFileSync(join(directory, "a"), "a")
      for (const effect of [
        service.readDirectory(directory),
        service.readFileString(join(directory, "a")),
        Effect.map(Stream.runCollect(service.stream(join(directory, "a"))), Chunk.size),
        service.realPath(directory)
      ] as ReadonlyArray<Effect.Effect<unknown, unknown>>) {
        expect(yield* effect).toEqual(yield* effect)
      }
      const temporary = service.makeTempDirectory({ directory })
      expect(yield* temporary).not.toBe(yield* temporary)
    }))

  test("stream: chunks of the size asked for, of a file that grows and of one that is larger than a slab", (service, directory) =>
    Effect.gen(function* () {
      const path = join(directory, "file")
      const content = Buffer.alloc(2_500_000, "0123456789")
      fs.writeFileSync(path, content)
      const chunks = Chunk.toReadonlyArray(yield* Stream.runCollect(service.stream(path, { chunkSize: 100_000 })))
      expect(chunks.map(({ length }) => length)).toEqual(Array.from({ length: 25 }, () => 100_000))
      expect(Buffer.concat(chunks as Array<Uint8Array>).equals(content)).toBe(true)
      const part = yield* Stream.runCollect(
        service.stream(path, { offset: 5, bytesToRead: 1_234_567, chunkSize: 3_000_000 })
      )
      expect(Buffer.concat([...part]).equals(content.subarray(5, 5 + 1_234_567))).toBe(true)
      let seen = 0
      yield* Stream.runForEach(service.stream(path, { chunkSize: 500_000 }), (chunk) =>
        Effect.sync(() => {
          if (seen === 0) fs.appendFileSync(path, "grown")
          seen += chunk.length
        })
      )
      expect(seen).toBe(content.length + 5)
      expect(descriptorsIn(directory)).toBe(0)
    }))

  test("realPath: links, dots, and a name that ends like one that is gone", (service, directory) =>
    Effect.gen(function* () {
      const root = fs.realpathSync(directory)
      const strange = join(root, "name (deleted)")
      fs.writeFileSync(strange, "")
      fs.symlinkSync("name (deleted)", join(root, "link"))
      expect(yield* service.realPath(join(root, "link"))).toBe(strange)
      expect(yield* service.realPath(join(root, ".", "..", root.split("/").pop()!, "link"))).toBe(strange)
      fs.symlinkSync("loop", join(root, "loop"))
      expect(yield* Effect.flip(service.realPath(join(root, "loop")))).toMatchObject({ reason: "BadResource" })
      // By its text, as in Node, though the kernel would go above the link's target.
      fs.mkdirSync(join(root, "far", "away"), { recursive: true })
      fs.symlinkSync("far/away", join(root, "there"))
      expect(yield* service.realPath(`${root}/there/..`)).toBe(root)
      // Forty links are the kernel's limit for one path.
      let [deep, links] = [join(root, "deep"), join(root, "deep")]
      fs.mkdirSync(deep)
      for (let i = 0; i < 45; i++) {
        fs.mkdirSync(join(deep, "d"))
        fs.symlinkSync("d", join(deep, "l"))
        deep = join(deep, "d")
        links = join(links, "l")
      }
      expect(yield* service.realPath(links)).toBe(deep)
    }))

  test("readDirectory, recursive: as node:fs lists it, without what links point to", (service, directory) =>
    Effect.gen(function* () {
      for (const name of ["b/x", "b/y/z", "a", "c/d/e", "😀/\uffee", "\uffee"])
        fs.mkdirSync(join(directory, name), { recursive: true })
      expect(yield* service.readDirectory(directory, { recursive: true })).toEqual(
        yield* Effect.promise(() => fs.promises.readdir(directory, { recursive: true }))
      )
      fs.symlinkSync(".", join(directory, "a", "self"))
      expect(yield* service.readDirectory(join(directory, "a"), { recursive: true })).toEqual(["self"])
    }))

  test("temporary files and directories are gone when their Scope closes", (service, directory) =>
    Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* service.makeTempFileScoped({ directory, prefix: "p-", suffix: ".txt" })
          expect(file).toMatch(/p-\w{6}\/[0-9a-f]{12}\.txt$/)
          expect(fs.statSync(file).size).toBe(0)
          const own = yield* service.makeTempDirectoryScoped({ directory })
          expect(fs.statSync(own).mode & 0o777).toBe(0o700)
          fs.writeFileSync(join(own, "inside"), "")
        })
      )
      expect(fs.readdirSync(directory)).toEqual([])
    }))

  test("watch: what is made, changed, renamed and removed, in a flood of it", (service, directory) =>
    Effect.gen(function* () {
      const events: Array<FileSystem.WatchEvent> = []
      const has = (tag: string, path: string) => events.some((event) => event._tag === tag && event.path === path)
      const watching = yield* Effect.forkScoped(
        Stream.runForEach(service.watch(directory), (event) => Effect.sync(() => void events.push(event)))
      )
      const until = (condition: () => boolean) =>
        Effect.repeat(Effect.sleep(5), { until: condition, times: 4000 }).pipe(
          Effect.zipRight(Effect.sync(() => expect(condition()).toBe(true)))
        )
      // The watch is there when it reports.
      yield* Effect.repeat(
        Effect.zipRight(
          Effect.sync(() => fs.writeFileSync(join(directory, "first"), `${Math.random()}`)),
          Effect.sleep(5)
        ),
        { until: () => has("Update", "first") }
      )
      for (let i = 0; i < 300; i++) {
        fs.writeFileSync(join(directory, `f${i}`), "x")
        fs.renameSync(join(directory, `f${i}`), join(directory, `g${i}`))
      }
      yield* until(() => has("Create", "g299") && has("Remove", "f299"))
      expect(events.filter(({ _tag, path }) => _tag === "Create" && path.startsWith("g")).length).toBe(300)
      fs.unlinkSync(join(directory, "g0"))
      yield* until(() => has("Remove", "g0"))
      yield* Fiber.interrupt(watching)
    }))
})
