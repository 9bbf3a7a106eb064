/** Calls of the FileSystem interrupted at random moments: no descriptor is lost, and nothing is written after the fiber has ended. */
import * as fs from "node:fs"
import { join } from "node:path"
import * as FileSystem from "@effect/platform/FileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Stream } from "effect"
import { Aio, AioFileSystem, AioTree } from "effect-aio"
import { realBackends as backends } from "../support/backends.ts"
import { makeFifos } from "../support/fifo.ts"
import { someTime } from "../support/moments.ts"
import { descriptorsIn } from "../support/processState.ts"
import { random, seed } from "../support/random.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const ROUNDS = 120
const AT_ONCE = 10
const LENGTH = 300_000
const SENTINEL = 0xa5

const makeTree = (root: string): void => {
  for (let i = 0; i < 2; i++) {
    fs.mkdirSync(join(root, `${i}`, "inner"), { recursive: true })
    for (let j = 0; j < 5; j++) fs.writeFileSync(join(root, `${i}`, "inner", `${j}`), "x")
    fs.symlinkSync("..", join(root, `${i}`, "link"))
  }
}

/** What is written by every call of a round belongs to it alone. */
const calls: ReadonlyArray<
  (service: FileSystem.FileSystem, big: string, own: string) => Effect.Effect<unknown, unknown, Aio.Aio>
> = [
  (service, big) => service.readFile(big),
  (service, big) => Stream.runDrain(service.stream(big, { chunkSize: 4096, bufferSize: 2 })),
  (service, _, own) => service.writeFile(`${own} file`, new Uint8Array(LENGTH).fill(1)),
  (service, big, own) => service.copyFile(big, `${own} copy`),
  (service, big) =>
    Effect.scoped(Effect.flatMap(service.open(big), (file) => Effect.forEach([1, 2, 3], () => file.readAlloc(70_000)))),
  (service, big) => service.realPath(big),
  (service, _, own) => service.makeTempFile({ directory: own.slice(0, own.lastIndexOf("/")), prefix: "temporary" }),
  (service, _, own) => Effect.suspend(() => service.copy(`${own} source`, `${own} target`)),
  (service, _, own) => service.remove(`${own} source`, { recursive: true, force: true }),
  (service, _, own) => service.readDirectory(`${own} source`, { recursive: true }),
  (_, __, own) => Stream.runDrain(AioTree.scan(`${own} source`))
]

/** From here on they need a tree of their own. */
const FIRST_ON_TREE = 7

describe.each(backends)("$name", ({ layer }) => {
  it.scopedLive(`${ROUNDS} calls (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const numbers = random()
      const directory = yield* temporaryDirectory
      const big = join(directory, "big")
      fs.writeFileSync(big, new Uint8Array(LENGTH).fill(7))
      const service = yield* FileSystem.FileSystem
      let made = 0
      let interrupted = 0
      const one = Effect.gen(function* () {
        const own = join(directory, `${made++}`)
        const index = numbers.integer(calls.length)
        if (index >= FIRST_ON_TREE) makeTree(`${own} source`)
        const fiber = yield* Effect.fork(calls[index](service, big, own))
        yield* someTime(numbers)
        const exit = yield* Fiber.interrupt(fiber)
        if (Exit.isInterrupted(exit)) interrupted++
        fs.rmSync(`${own} source`, { recursive: true, force: true })
        fs.rmSync(`${own} target`, { recursive: true, force: true })
        // A copy is whole, or it is not there.
        if (fs.existsSync(`${own} copy`)) expect(fs.statSync(`${own} copy`).size).toBe(LENGTH)
      })
      yield* Effect.forEach(Array.from({ length: ROUNDS }), () => one, { concurrency: AT_ONCE, discard: true })
      expect(descriptorsIn(directory)).toBe(0)
      expect((yield* Aio.stats).outstanding).toBe(0)
      // Otherwise this tested nothing.
      expect(interrupted).toBeGreaterThan(ROUNDS / 10)
    }).pipe(Effect.provide(Layer.provideMerge(AioFileSystem.layer, layer)))
  )

  it.scopedLive("the buffer of an interrupted read is its owner's again", () =>
    Effect.gen(function* () {
      const numbers = random()
      const directory = yield* temporaryDirectory
      const path = join(directory, "file")
      fs.writeFileSync(path, new Uint8Array(LENGTH).fill(7))
      const service = yield* FileSystem.FileSystem
      const file = yield* service.open(path)
      const buffers: Array<Uint8Array> = []
      for (let i = 0; i < 150; i++) {
        const buffer = new Uint8Array(LENGTH)
        yield* file.seek(0, "start")
        const fiber = yield* Effect.fork(file.read(buffer))
        yield* someTime(numbers)
        yield* Fiber.interrupt(fiber)
        buffer.fill(SENTINEL)
        buffers.push(buffer)
      }
      yield* Effect.sleep(20)
      expect(buffers.filter((buffer) => !buffer.every((byte) => byte === SENTINEL)).length).toBe(0)
    }).pipe(Effect.provide(Layer.provideMerge(AioFileSystem.layer, layer)))
  )

  it.scopedLive("readFile and writeFile of a FIFO without another side end when they are interrupted", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [reading, writing] = makeFifos(directory, 2)
      const service = yield* FileSystem.FileSystem
      for (const call of [service.readFile(reading), service.writeFile(writing, Uint8Array.of(1))]) {
        const fiber = yield* Effect.fork(call)
        yield* Effect.sleep(30)
        expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      }
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(Layer.provideMerge(AioFileSystem.layer, layer)))
  )

  it.scopedLive("a File refuses to work when its Scope is closed, and its requests have ended by then", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const path = join(directory, "file")
      fs.writeFileSync(path, new Uint8Array(LENGTH))
      const service = yield* FileSystem.FileSystem
      const [file, reads] = yield* Effect.scoped(
        Effect.gen(function* () {
          const file = yield* service.open(path, { flag: "r+" })
          const reads = yield* Effect.forEach(Array.from({ length: 20 }), () =>
            Effect.forkDaemon(file.readAlloc(50_000))
          )
          yield* Effect.yieldNow()
          return [file, reads] as const
        })
      )
      expect(descriptorsIn(directory)).toBe(0)
      yield* Effect.forEach(reads, Fiber.await)
      for (const use of [file.readAlloc(1), file.writeAll(Uint8Array.of(1)), file.stat, file.truncate(), file.sync]) {
        expect(yield* Effect.flip(use as Effect.Effect<unknown, unknown>)).toMatchObject({
          _tag: "SystemError",
          pathOrDescriptor: file.fd
        })
      }
    }).pipe(Effect.provide(Layer.provideMerge(AioFileSystem.layer, layer)))
  )
})
