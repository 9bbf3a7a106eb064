import { createHash, randomBytes } from "node:crypto"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { Aio, AioFile } from "effect-aio"
import { backends } from "../../support/backends.ts"
import type { World } from "../../support/world.ts"

const SIZE = 1_234_567
const bytes = randomBytes(SIZE)

const opened = (world: World) =>
  Effect.gen(function* () {
    const path = join(yield* world.directory, "file")
    yield* world.writeFile(path, bytes)
    return { path, file: yield* AioFile.open(path, { flag: "r+" }) }
  })

const sum = (parts: Iterable<Uint8Array>): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest("hex")
}

describe.each(backends)("$name: streams of files", ({ layer, world }) => {
  it.scopedLive("a stream gives the bytes of the range, in chunks of the size asked for", () =>
    Effect.gen(function* () {
      const { file } = yield* opened(world)
      const cases: Array<AioFile.StreamOptions> = [
        {},
        { chunkSize: 1000 },
        { chunkSize: 4096, offset: 100 },
        { offset: SIZE - 10 },
        { offset: 77, length: 0 },
        { offset: 77n, length: 5000n },
        { offset: 4096, length: 300_000, chunkSize: 7777 },
        { length: SIZE * 3 },
        { offset: SIZE },
        { offset: 2n ** 53n + 1n },
        { chunkSize: SIZE * 2 }
      ]
      for (const options of cases) {
        const parts = Chunk.toReadonlyArray(yield* Stream.runCollect(file.stream(options)))
        const start = Math.min(Number(options.offset ?? 0), SIZE)
        const end = options.length === undefined ? SIZE : Math.min(SIZE, start + Number(options.length))
        expect(sum(parts)).toBe(sum([bytes.subarray(start, end)]))
        const chunkSize = options.chunkSize ?? 65_536
        expect(parts.length).toBe(Math.ceil((end - start) / chunkSize))
        for (const part of parts.slice(0, -1)) expect(part.length).toBe(chunkSize)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("lent chunks are those of the range, in the memory of two at most", () =>
    Effect.gen(function* () {
      const { file } = yield* opened(world)
      for (const options of [
        {},
        { chunkSize: 7777 },
        { offset: 100, length: 500_000, chunkSize: 4096 },
        { offset: SIZE }
      ]) {
        const { chunkSize = 262_144, length = SIZE, offset = 0 } = options as { [key: string]: number | undefined }
        const end = Math.min(SIZE, offset + length)
        const hashes = [createHash("sha256"), createHash("sha256")]
        const memory = new Set<ArrayBufferLike>()
        let count = 0
        yield* file.forEachChunk(
          (chunk) =>
            Effect.sync(() => {
              count++
              memory.add(chunk.buffer)
              hashes[0].update(chunk)
            }),
          options
        )
        yield* Stream.runForEach(file.borrowedStream(options), (chunk) => Effect.sync(() => hashes[1].update(chunk)))
        const expected = sum([bytes.subarray(offset, end)])
        expect(hashes.map((hash) => hash.digest("hex"))).toEqual([expected, expected])
        expect(count).toBe(Math.ceil((end - offset) / chunkSize))
        expect(memory.size).toBeLessThanOrEqual(2)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a chunk that was lent with `detach` has no bytes when its time is over", () =>
    Effect.gen(function* () {
      const { file } = yield* opened(world)
      const kept: Array<Uint8Array> = []
      yield* file.forEachChunk(
        (chunk) =>
          Effect.sync(() => {
            expect(kept.map(({ length }) => length)).toEqual(kept.map(() => 0))
            expect(chunk.length).toBeGreaterThan(0)
            kept.push(chunk)
          }),
        { chunkSize: 100_000, detach: true }
      )
      expect(kept.map(({ length }) => length)).toEqual(Array.from({ length: Math.ceil(SIZE / 100_000) }, () => 0))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a lent chunk that was transferred is the program's", () =>
    Effect.gen(function* () {
      const { file } = yield* opened(world)
      for (const detach of [false, true]) {
        const taken: Array<Uint8Array> = []
        yield* file.forEachChunk(
          (chunk) =>
            Effect.sync(() => {
              const { buffer, byteLength, byteOffset } = chunk
              taken.push(
                new Uint8Array(structuredClone(buffer, { transfer: [buffer as ArrayBuffer] }), byteOffset, byteLength)
              )
            }),
          { chunkSize: 100_000, detach }
        )
        expect(sum(taken)).toBe(sum([bytes]))
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is done with a lent chunk may fail, or be interrupted: nothing is left", () =>
    Effect.gen(function* () {
      const { file } = yield* opened(world)
      expect(yield* Effect.flip(file.forEachChunk(() => Effect.fail("enough")))).toBe("enough")
      const reached = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        file.forEachChunk(() => Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never), {
          chunkSize: 1000
        })
      )
      yield* Deferred.await(reached)
      yield* Fiber.interrupt(fiber)
      expect((yield* Aio.stats).outstanding).toBe(0)
      const [reader, writer] = yield* world.pipe
      const pipe = yield* AioFile.fromDescriptor(reader)
      const waiting = yield* Effect.fork(pipe.forEachChunk(() => Effect.void))
      yield* Aio.write(writer, Buffer.from("some"))
      yield* Effect.repeat(Effect.yieldNow(), {
        until: () => Effect.map(Aio.stats, ({ outstanding }) => outstanding > 0)
      })
      yield* Fiber.interrupt(waiting)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("chunks stay what they were while later ones are read", () =>
    Effect.gen(function* () {
      const { file } = yield* opened(world)
      const parts: Array<{ readonly part: Uint8Array; readonly sum: string }> = []
      yield* Stream.runForEach(file.stream({ chunkSize: 10_000 }), (part) =>
        Effect.sync(() => void parts.push({ part, sum: sum([part]) }))
      )
      for (const part of parts) expect(sum([part.part])).toBe(part.sum)
      // Two runs of one stream are independent of each other.
      const stream = file.stream({ chunkSize: 5000 })
      const [one, two] = yield* Effect.all([Stream.runCollect(stream), Stream.runCollect(stream)], { concurrency: 2 })
      expect([sum(one), sum(two)]).toEqual([sum([bytes]), sum([bytes])])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("taking a part reads no more than it needs", () =>
    Effect.gen(function* () {
      const { file } = yield* opened(world)
      const first = yield* Stream.runHead(file.stream({ chunkSize: 10 }))
      expect(first).toMatchObject({ _tag: "Some", value: new Uint8Array(bytes.subarray(0, 10)) })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what had to be waited for is read one slab ahead, and that has ended when the stream has", () =>
    Effect.gen(function* () {
      const { file } = yield* opened(world)
      const before = yield* Aio.stats
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pull = yield* Stream.toPull(file.stream({ chunkSize: 1000 }))
          expect(sum(yield* pull)).toBe(sum([bytes.subarray(0, 1000)]))
          const { inline, submitted } = yield* Aio.stats
          expect(submitted - before.submitted).toBe(inline > before.inline ? 1 : 2)
        })
      )
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("of a file that has been closed a stream gives what it had read by then, and fails", () =>
    Effect.gen(function* () {
      const { path } = yield* opened(world)
      const scope = yield* Scope.make()
      const file = yield* Scope.extend(AioFile.open(path), scope)
      const pull = yield* Stream.toPull(file.stream({ chunkSize: 1000 }))
      const parts = [...(yield* pull)]
      yield* Scope.close(scope, Exit.void)
      const failure = yield* Effect.flip(Effect.forever(Effect.map(pull, (chunk) => void parts.push(...chunk))))
      expect(failure).toMatchObject({ _tag: "Some", value: { operation: "read" } })
      const length = parts.reduce((total, part) => total + part.length, 0)
      expect(length).toBeLessThanOrEqual(5000)
      expect(sum(parts)).toBe(sum([bytes.subarray(0, length)]))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a sink writes everything, from its offset on", () =>
    Effect.gen(function* () {
      const { path } = yield* opened(world)
      const parts = Array.from({ length: 50 }, (_, i) => new Uint8Array(randomBytes(i * 997)))
      for (const offset of [undefined, 0, 12_345, 2 ** 33, 2n ** 33n] satisfies Array<Aio.Offset | undefined>) {
        yield* world.writeFile(path, "")
        const file = yield* AioFile.open(path, { flag: "r+" })
        yield* Stream.run(Stream.fromIterable(parts), file.sink({ offset }))
        const start = Number(offset ?? 0)
        const total = parts.reduce((size, part) => size + part.length, 0)
        expect(Number((yield* world.facts(path)).size)).toBe(start + total)
        const written = yield* (yield* AioFile.open(path)).readExactly(total, { offset: start })
        expect(sum([written])).toBe(sum(parts))
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a file copied from stream to sink is the same file", () =>
    Effect.gen(function* () {
      const { file, path } = yield* opened(world)
      const copy = yield* AioFile.open(`${path}.copy`, { flag: "w" })
      yield* Stream.run(file.stream({ chunkSize: 65_536 }), copy.sink())
      expect(sum([yield* world.readFile(`${path}.copy`)])).toBe(sum([bytes]))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("the error of a read or write is the stream's and the sink's", () =>
    Effect.gen(function* () {
      const { path } = yield* opened(world)
      const writeOnly = yield* AioFile.open(path, { flag: "a" })
      expect(yield* Effect.flip(Stream.runDrain(writeOnly.stream()))).toMatchObject({
        code: "EBADF",
        operation: "read"
      })
      const readOnly = yield* AioFile.open(path)
      expect(yield* Effect.flip(Stream.run(Stream.make(new Uint8Array(1)), readOnly.sink()))).toMatchObject({
        code: "EBADF",
        operation: "write"
      })
      for (const [argument, options] of [
        ["chunkSize", { chunkSize: 0 }],
        ["chunkSize", { chunkSize: 1.5 }],
        ["chunkSize", { chunkSize: 2 ** 50 }],
        ["offset", { offset: -1 }],
        ["length", { length: -1n }]
      ] as const) {
        const error = yield* Effect.flip(Stream.runDrain(readOnly.stream(options)))
        expect(error).toMatchObject({ _tag: "AioBadArgument", operation: "stream", argument })
      }
    }).pipe(Effect.provide(layer))
  )
})
