/** AioFile.readFile and AioFile.withFile. */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { Aio, AioFile } from "effect-aio"
import { memoryDirectory } from "../../fixtures/memoryDirectory.ts"
import { backends, realBackends } from "../../support/backends.ts"
import { makeFifos } from "../../support/fifo.ts"
import { someTime } from "../../support/moments.ts"
import { descriptorsIn } from "../../support/processState.ts"
import { random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const closed = { _tag: "AioBadArgument", argument: "file", description: "it is closed" }

describe.each(backends)("$name: AioFile.writeFile and readFileString", ({ layer, world }) => {
  it.scopedLive("all bytes of any size, in the place of what was there; a text as UTF-8", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const path = join(directory, "file")
      for (const size of [3_000_000, 65_536, 4095, 1, 0]) {
        const bytes = randomBytes(size)
        yield* AioFile.writeFile(path, bytes)
        expect([size, bytes.equals(yield* world.readFile(path))]).toEqual([size, true])
      }
      const text = "zwölf Boxkämpfer 😀\n".repeat(5000)
      yield* AioFile.writeFile(Buffer.from(path), text)
      expect((yield* world.readFile(path)).toString() === text).toBe(true)
      expect((yield* AioFile.readFileString(path)) === text).toBe(true)
      yield* AioFile.writeFile(path, Buffer.from([0xe4, 0xf6]))
      expect(yield* AioFile.readFileString(path, "latin1")).toBe("äö")
      expect(yield* AioFile.readFileString(path)).toBe("\ufffd\ufffd")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what cannot be written says why, of the path, and leaves nothing open", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const file = join(directory, "file")
      yield* world.writeFile(file, "content")
      for (const [path, code, operation, flag] of [
        [join(directory, "absent", "below"), "ENOENT", "open", "w"],
        [directory, "EISDIR", "open", "w"],
        [file, "EEXIST", "open", "wx"],
        [file, "EBADF", "write", "r"]
      ] as const) {
        const failure = yield* Effect.flip(AioFile.writeFile(path, "new", { flag }))
        expect(failure).toMatchObject({ _tag: "AioError", code, operation, path })
      }
      expect((yield* world.readFile(file)).toString()).toBe("content")
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})

describe.each(backends)("$name: AioFile.readFile", ({ layer, world }) => {
  it.scopedLive("all bytes of a file, of any size, by any name", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const path = join(directory, "file")
      yield* Aio.symlink("file", join(directory, "link"))
      for (const size of [0, 1, 4095, 4096, 65_535, 65_536, 65_537, 3_000_000]) {
        const bytes = randomBytes(size)
        yield* world.writeFile(path, bytes)
        for (const name of [path, join(directory, "link"), Buffer.from(path)]) {
          const read = yield* AioFile.readFile(name)
          expect([read.length, bytes.equals(read)]).toEqual([size, true])
          // Its own, and no part of something larger.
          expect(read.byteLength).toBe(read.buffer.byteLength)
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what cannot be read says why, of the path", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const file = join(directory, "file")
      yield* world.writeFile(file, "content")
      yield* Aio.symlink("loop", join(directory, "loop"))
      for (const [path, code, operation] of [
        [join(directory, "absent"), "ENOENT", "open"],
        [join(file, "below"), "ENOTDIR", "open"],
        [join(directory, "loop"), "ELOOP", "open"],
        [directory, "EISDIR", "read"]
      ] as const) {
        expect(yield* Effect.flip(AioFile.readFile(path))).toMatchObject({ _tag: "AioError", code, operation, path })
      }
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("many at once, each its own", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const paths = Array.from({ length: 200 }, (_, index) => join(directory, `${index}`))
      const content = (index: number) => Buffer.alloc(index * 97, index)
      for (const [index, path] of paths.entries()) yield* world.writeFile(path, content(index))
      const all = yield* Effect.forEach(paths, (path) => AioFile.readFile(path), { concurrency: "unbounded" })
      all.forEach((bytes, index) => expect(content(index).equals(bytes)).toBe(true))
    }).pipe(Effect.provide(layer))
  )
})

describe.each(realBackends)("$name: AioFile.readFile and the operating system", ({ layer }) => {
  it.scopedLive("files that do not say how long they are", () =>
    Effect.gen(function* () {
      expect(Buffer.from(yield* AioFile.readFile("/proc/self/comm")).toString()).toBe(
        fs.readFileSync("/proc/self/comm", "utf8")
      )
      // Longer than one read gives.
      const maps = Buffer.from(yield* AioFile.readFile("/proc/self/smaps")).toString()
      expect(maps.length).toBeGreaterThan(65_536)
      expect(maps).toContain("VmFlags")
      expect((yield* AioFile.readFile("/dev/null")).length).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a FIFO, to the end of what its writers write", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [path] = makeFifos(directory, 1)
      const bytes = randomBytes(300_000)
      const reading = yield* Effect.fork(AioFile.readFile(path))
      yield* AioFile.withFile(path, { flag: "w" }, (file) => file.writeAll(bytes))
      expect(bytes.equals(yield* Effect.timeout(Fiber.join(reading), "30 seconds"))).toBe(true)
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("longer than memory is EFBIG, and nothing is left open", () =>
    Effect.gen(function* () {
      const directory = yield* memoryDirectory
      const path = join(directory, "file")
      fs.writeFileSync(path, "")
      fs.truncateSync(path, 2 ** 50)
      expect(yield* Effect.flip(AioFile.readFile(path))).toMatchObject({ _tag: "AioError", code: "EFBIG", path })
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive(`interrupted at any moment, it leaves no descriptor (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      const directory = yield* temporaryDirectory
      const file = join(directory, "file")
      fs.writeFileSync(file, randomBytes(200_000))
      const [alone, idle] = makeFifos(directory, 2)
      // Somebody has it open, and says nothing: the open succeeds, the read waits.
      const silent = fs.openSync(idle, "r+")
      yield* Effect.forEach(
        Array.from({ length: 500 }),
        () =>
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(AioFile.readFile(numbers.pick([file, file, alone, idle])))
            yield* someTime(numbers)
            yield* Effect.timeout(Fiber.interrupt(fiber), "30 seconds")
          }),
        { concurrency: 20, discard: true }
      )
      fs.closeSync(silent)
      expect(descriptorsIn(directory)).toBe(0)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})

describe.each(backends)("$name: AioFile.withFile", ({ layer, world }) => {
  const made = Effect.gen(function* () {
    const path = join(yield* world.directory, "file")
    yield* world.writeFile(path, "content")
    return path
  })

  it.scopedLive("the file is open for the time of the use, and its result is the result", () =>
    Effect.gen(function* () {
      const path = yield* made
      const [file, text] = yield* AioFile.withFile(path, (file) =>
        Effect.map(file.readAlloc(100), (bytes) => [file, Buffer.from(bytes).toString()] as const)
      )
      expect(text).toBe("content")
      expect(yield* Effect.flip(file.readAlloc(1, { offset: 0 }))).toMatchObject(closed)
      expect(yield* Effect.flip(file.stat)).toMatchObject(closed)
      yield* AioFile.withFile(path, { flag: "w" }, (file) => file.writeAll(Buffer.from("new")))
      expect(String(yield* world.readFile(path))).toBe("new")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("however the use ends, the file is closed, and the end is the end", () =>
    Effect.gen(function* () {
      const path = yield* made
      const uses: Record<string, Effect.Effect<never, string>> = {
        "Fail: no": Effect.fail("no"),
        "Die: Error: oh": Effect.die("oh"),
        "Die: Error: thrown": Effect.suspend(() => {
          throw new Error("thrown")
        }),
        interrupted: Effect.interrupt
      }
      for (const [how, use] of Object.entries(uses)) {
        let used: AioFile.AioFile | undefined
        const exit = yield* Effect.exit(
          AioFile.withFile(path, (file) => {
            used = file
            return use
          })
        )
        const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
        if (how === "interrupted") expect(Cause.isInterruptedOnly(cause)).toBe(true)
        else if (how.startsWith("Fail")) expect(cause).toEqual(Cause.fail("no"))
        else expect(Cause.isDieType(cause)).toBe(true)
        expect(yield* Effect.flip(used!.stat)).toMatchObject(closed)
      }
      const thrown = yield* Effect.exit(
        AioFile.withFile(path, (): Effect.Effect<never> => {
          throw new Error("before there is an Effect")
        })
      )
      expect(Exit.isFailure(thrown) && Cause.isDieType(thrown.cause)).toBe(true)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what cannot be opened is not used", () =>
    Effect.gen(function* () {
      const path = `${yield* made}/below`
      let used = false
      const use = AioFile.withFile(path, () => Effect.sync(() => (used = true)))
      expect(yield* Effect.flip(use)).toMatchObject({ code: "ENOTDIR", operation: "open", path })
      expect(used).toBe(false)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("interrupted in its use: the fiber ends after the file is closed", () =>
    Effect.gen(function* () {
      const path = yield* made
      let used: AioFile.AioFile | undefined
      const fiber = yield* Effect.fork(
        AioFile.withFile(path, (file) => {
          used = file
          return Effect.never
        })
      )
      while (used === undefined) yield* Effect.sleep(1)
      yield* Effect.timeout(Fiber.interrupt(fiber), "30 seconds")
      expect(yield* Effect.flip(used.stat)).toMatchObject(closed)
    }).pipe(Effect.provide(layer))
  )
})

describe.each(realBackends)("$name: AioFile.withFile and descriptors", ({ layer }) => {
  it.scopedLive("a request that outlives the use is ended before the descriptor is closed", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [path] = makeFifos(directory, 1)
      const reading = yield* AioFile.withFile(path, { flag: "r+" }, (file) =>
        Effect.zipLeft(Effect.forkDaemon(Effect.exit(file.read(new Uint8Array(8)))), Effect.sleep(40))
      )
      expect(descriptorsIn(directory)).toBe(0)
      const exit = yield* Effect.timeout(Fiber.join(reading), "30 seconds")
      const error = Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : undefined
      expect(error).toMatchObject({ _tag: "Some", value: { code: "ECANCELED" } })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive(`interrupted at any moment, it leaves no descriptor (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      const directory = yield* temporaryDirectory
      const file = join(directory, "file")
      fs.writeFileSync(file, randomBytes(100_000))
      const [alone] = makeFifos(directory, 1)
      yield* Effect.forEach(
        Array.from({ length: 500 }),
        () =>
          Effect.gen(function* () {
            const use = AioFile.withFile(numbers.pick([file, file, alone]), {}, (open) =>
              Effect.zip(open.readAlloc(50_000, { offset: numbers.integer(100_000) }), someTime(numbers))
            )
            const fiber = yield* Effect.fork(use)
            yield* someTime(numbers)
            yield* Effect.timeout(Fiber.interrupt(fiber), "30 seconds")
          }),
        { concurrency: 20, discard: true }
      )
      expect(descriptorsIn(directory)).toBe(0)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})
