/** A ring of 8 entries is a limit on nothing but what one call hands to the kernel. */
import { randomFillSync } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import { AioFile } from "effect-aio"
import { ioUringBackends } from "../../support/backends.ts"
import { idlePipes } from "../../support/fifo.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const BLOCK = 512
const BLOCKS = 4096

/** A file of random blocks. */
const randomFile: Effect.Effect<{ readonly path: string; readonly bytes: Buffer }, never, Scope.Scope> = Effect.map(
  temporaryDirectory,
  (directory) => {
    const path = join(directory, "blocks")
    const bytes = randomFillSync(Buffer.alloc(BLOCK * BLOCKS))
    writeFileSync(path, bytes)
    return { path, bytes }
  }
)

const readBlock = (file: AioFile.AioFile, bytes: Buffer, block: number) =>
  Effect.map(file.readAlloc(BLOCK, { offset: block * BLOCK }), (read) => {
    expect(Buffer.compare(read, bytes.subarray(block * BLOCK, (block + 1) * BLOCK))).toBe(0)
  })

const idleReads = (pipes: ReadonlyArray<number>) =>
  Effect.forEach(pipes, (fd) =>
    Effect.fork(Effect.flatMap(AioFile.fromDescriptor(fd), (file) => file.read(new Uint8Array(8))))
  )

describe.each(ioUringBackends)("$name", ({ layerWith }) => {
  const layer = layerWith({ entries: 8 })

  it.scopedLive("10,000 requests at once all complete with their own data", () =>
    Effect.gen(function* () {
      const { bytes, path } = yield* randomFile
      const file = yield* AioFile.open(path)
      yield* Effect.forEach(
        Array.from({ length: 10_000 }, (_, i) => (i * 2654435761) % BLOCKS),
        (block) => readBlock(file, bytes, block),
        { concurrency: "unbounded", discard: true }
      )
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("100 reads of idle pipes do not keep 1,000 reads of a file waiting", () =>
    Effect.gen(function* () {
      const { bytes, path } = yield* randomFile
      const pipes = yield* idlePipes(100)
      const direct = yield* AioFile.open(path, { direct: true })
      const waiting = yield* idleReads(pipes)
      yield* Effect.forEach(
        Array.from({ length: 1000 }, (_, i) => i),
        (block) =>
          Effect.map(direct.readAlloc(4096, { offset: (block % 512) * 4096 }), (read) => {
            const at = (block % 512) * 4096
            expect(Buffer.compare(read, bytes.subarray(at, at + 4096))).toBe(0)
          }),
        { concurrency: "unbounded", discard: true }
      ).pipe(Effect.timeout("30 seconds"))
      for (const fiber of waiting) expect(fiber.unsafePoll()).toBeNull()
      yield* Fiber.interruptAll(waiting)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("data that arrives for 100 waiting reads reaches each, while files are read", () =>
    Effect.gen(function* () {
      const { bytes, path } = yield* randomFile
      const pipes = yield* idlePipes(100)
      const file = yield* AioFile.open(path)
      const waiting = yield* Effect.forEach(pipes, (fd) =>
        Effect.fork(Effect.flatMap(AioFile.fromDescriptor(fd), (pipe) => pipe.readAlloc(8)))
      )
      const reading = yield* Effect.fork(
        Effect.forEach(
          Array.from({ length: 2000 }, (_, i) => i),
          (block) => readBlock(file, bytes, block),
          { concurrency: 50, discard: true }
        )
      )
      yield* Effect.forEach(
        pipes,
        (fd, index) =>
          Effect.flatMap(AioFile.fromDescriptor(fd), (pipe) => pipe.writeAll(Buffer.from(String(index).padStart(8)))),
        { concurrency: 10, discard: true }
      )
      const received = yield* Effect.forEach(waiting, (fiber) => Fiber.join(fiber))
      expect(received.map((text) => Number(Buffer.from(text).toString()))).toEqual(pipes.map((_, index) => index))
      yield* Fiber.join(reading)
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )
})
