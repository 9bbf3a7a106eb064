/** Whole files among small ones, which a ring loads in one go each: the results and the failures are the same as elsewhere. */
import * as fs from "node:fs"
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Fiber, Layer } from "effect"
import { Aio, AioFile, AioFileSystem } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { makeFifos } from "../../support/fifo.ts"
import { someTime } from "../../support/moments.ts"
import { descriptorsIn } from "../../support/processState.ts"
import { type Random, random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

/** The longest file that a ring loads in one go. */
const LOAD_SIZE = 16_384

const bytesOf = (numbers: Random, length: number): Buffer => Buffer.alloc(length, `${numbers.integer(1e9)} `)

/** A directory with one small file in it. Once that has been read, its neighbours are expected to be small, too. */
const amongSmallFiles = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const first = join(directory, "first")
  fs.writeFileSync(first, "small")
  return { directory, first, at: (name: string) => join(directory, name) }
})

/** The requests that `effect` takes. */
const requests = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const { submitted } = yield* Aio.stats
    yield* effect
    return (yield* Aio.stats).submitted - submitted
  })

/** What reading gives, by any way: bytes as text, or why not. */
const outcome = (path: string) =>
  Effect.map(
    Effect.either(AioFile.readFile(path)),
    Either.match({
      onLeft: (error) => (error._tag === "AioError" ? `${error.operation} ${error.code} ${error.path}` : error._tag),
      onRight: (bytes) => `${bytes.length} ${bytes.length === bytes.buffer.byteLength} ${Buffer.from(bytes)}`
    })
  )

const expected = (path: string): string => {
  try {
    const bytes = fs.readFileSync(path)
    return `${bytes.length} true ${bytes}`
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    return `${syscall} ${code} ${path}`
  }
}

describe.each(realBackends)("$name: small files", ({ layer, layerWith, mechanism }) => {
  const services = Layer.provideMerge(AioFileSystem.layer, layer)

  it.scopedLive("many of them, of sizes around that of a load, and what is no small file among them", () =>
    Effect.gen(function* () {
      const numbers = random()
      const { at, directory, first } = yield* amongSmallFiles
      const names: Array<string> = []
      const add = (make: (path: string) => void): void => {
        const path = at(`${names.length}`)
        make(path)
        names.push(path)
      }
      const sizes = [0, 1, 4095, 4096, LOAD_SIZE - 1, LOAD_SIZE, LOAD_SIZE + 1, 2 * LOAD_SIZE, 200_000]
      for (let i = 0; i < 300; i++) {
        const size = i < 200 ? numbers.integer(6000) + 1 : numbers.pick(sizes)
        add((path) => fs.writeFileSync(path, bytesOf(numbers, size)))
      }
      add(() => {})
      add((path) => fs.mkdirSync(path))
      add((path) => fs.symlinkSync("0", path))
      add((path) => fs.symlinkSync("nowhere", path))
      add((path) => fs.symlinkSync(path, path))
      names.push(at("0/below"), `${at("0")}/`, at("x".repeat(256)), at("absent/file"), "/proc/self/comm", "/dev/null")
      for (const concurrency of [1, 16, 400]) {
        yield* AioFile.readFile(first)
        const order = names.map((path) => ({ path, place: numbers.integer(1e6) })).sort((a, b) => a.place - b.place)
        const paths = order.map(({ path }) => path)
        const ends = yield* Effect.forEach(paths, outcome, { concurrency })
        expect(ends).toEqual(paths.map(expected))
      }
      expect(descriptorsIn(directory)).toBe(0)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(services))
  )

  it.scopedLive("failures of a FileSystem name what they named before", () =>
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const { at, first } = yield* amongSmallFiles
      fs.mkdirSync(at("directory"))
      const paths = [at("absent"), `${first}/below`, at("directory")]
      const before = yield* Effect.forEach(paths, (path) => Effect.flip(fileSystem.readFile(path)))
      yield* fileSystem.readFile(first)
      const after = yield* Effect.forEach(paths, (path) => Effect.flip(fileSystem.readFile(path)))
      expect(after.map((error) => ({ ...error }))).toEqual(before.map((error) => ({ ...error })))
      expect(yield* fileSystem.readFileString(first)).toBe("small")
    }).pipe(Effect.provide(services))
  )

  it.scopedLive("FIFOs among them: what their writers say, late, in pieces, or not at all", () =>
    Effect.gen(function* () {
      const { directory, first } = yield* amongSmallFiles
      yield* AioFile.readFile(first)
      const [late, pieces, silent, long, lonely] = makeFifos(directory, 5)
      const read = (path: string) => Effect.fork(Effect.zipRight(AioFile.readFile(first), outcome(path)))
      const readings = yield* Effect.forEach([late, pieces, silent, long], read)
      const waiting = yield* read(lonely)
      const write = (path: string, ...texts: ReadonlyArray<string>) =>
        AioFile.withFile(path, { flag: "w" }, (file) =>
          Effect.forEach(texts, (text) => Effect.zipLeft(file.writeAll(Buffer.from(text)), Effect.sleep(20)))
        )
      yield* Effect.sleep(30)
      yield* Effect.all(
        [write(late, "late"), write(pieces, "a", "b", "c"), write(silent), write(long, "x".repeat(40_000), "y")],
        { concurrency: "unbounded" }
      )
      const ends = yield* Effect.timeout(Effect.forEach(readings, Fiber.join), "30 seconds")
      expect(ends).toEqual(["4 true late", "3 true abc", "0 true ", `40001 true ${"x".repeat(40_000)}y`])
      yield* Effect.timeout(Fiber.interrupt(waiting), "30 seconds")
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive(`interrupted at any moment: nothing is lost that later ones need (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      const { at, directory, first } = yield* amongSmallFiles
      const paths = Array.from({ length: 40 }, (_, i) => at(`${i}`))
      paths.forEach((path, i) => void fs.writeFileSync(path, bytesOf(numbers, i === 7 ? 100_000 : 1 + i * 100)))
      const [alone] = makeFifos(directory, 1)
      yield* Effect.forEach(
        Array.from({ length: 600 }),
        () =>
          Effect.gen(function* () {
            yield* AioFile.readFile(first)
            const path = numbers.integer(20) === 0 ? alone : numbers.pick(paths)
            const fiber = yield* Effect.fork(AioFile.readFile(path))
            yield* someTime(numbers)
            yield* Effect.timeout(Fiber.interrupt(fiber), "30 seconds")
          }),
        { concurrency: 20, discard: true }
      )
      expect(descriptorsIn(directory)).toBe(0)
      expect((yield* Aio.stats).outstanding).toBe(0)
      for (let round = 0; round < 5; round++) {
        const all = Array.from({ length: 300 }, () => first)
        const ends = yield* Effect.forEach(all, outcome, { concurrency: "unbounded" })
        expect(new Set(ends)).toEqual(new Set(["5 true small"]))
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a Layer that closes while they are read", () =>
    Effect.gen(function* () {
      const { directory, first } = yield* amongSmallFiles
      const [idle] = makeFifos(directory, 1)
      const fibers = yield* Effect.scoped(
        Effect.gen(function* () {
          const context = yield* Layer.build(layer)
          const read = (path: string) => Effect.provide(AioFile.readFile(path), context)
          yield* read(first)
          const some = [first, idle, first, first, idle]
          return yield* Effect.forEach(some, (path) => Effect.forkDaemon(Effect.exit(read(path))))
        })
      )
      // The Scope is closed: what was under way has ended.
      yield* Effect.timeout(Effect.forEach(fibers, Fiber.join), "30 seconds")
      expect(descriptorsIn(directory)).toBe(0)
    })
  )

  it.scopedLive.each([1, 2, 4, 8])("a ring of %i entries", (entries) =>
    Effect.gen(function* () {
      const { first } = yield* amongSmallFiles
      const all = Array.from({ length: 50 }, () => first)
      for (let round = 0; round < 3; round++) {
        const ends = yield* Effect.forEach(all, outcome, { concurrency: 20 })
        expect(new Set(ends)).toEqual(new Set(["5 true small"]))
      }
    }).pipe(Effect.provide(layerWith({ entries })))
  )

  it.scopedLive.runIf(mechanism === "io_uring")("are one request each", () =>
    Effect.gen(function* () {
      const { first } = yield* amongSmallFiles
      // A machine that stops for a second has forgotten what it knew.
      const counts: Array<number> = []
      while (counts.length < 20 && !counts.includes(200)) {
        yield* AioFile.readFile(first)
        const all = Array.from({ length: 200 }, () => first)
        counts.push(yield* requests(Effect.forEach(all, (path) => AioFile.readFile(path), { concurrency: 16 })))
      }
      expect(counts).toContain(200)
    }).pipe(Effect.provide(layer))
  )
})
