/** Prepared requests: encoded once, run many times, and never on memory that has gone. */
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Aio, AioFile, AioOperation } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { idlePipe } from "../support/fifo.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const fixture = Effect.gen(function* () {
  const path = join(yield* temporaryDirectory, "file")
  writeFileSync(path, Buffer.alloc(8192, "a"))
  const fd = yield* Effect.acquireRelease(
    Effect.sync(() => openSync(path, "r+")),
    (fd) => Effect.sync(() => closeSync(fd))
  )
  return { fd, path }
})

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("each run sees what is there now", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* fixture
      const buffer = new Uint8Array(4096)
      const read = yield* AioOperation.prepare(AioOperation.read(fd, buffer, { offset: 0 }))
      const stat = yield* AioOperation.prepare(AioOperation.stat(path))
      const write = yield* AioOperation.prepare(AioOperation.write(fd, buffer, { offset: 4096 }))
      for (const text of ["b", "c"]) {
        writeFileSync(path, Buffer.alloc(8192, text))
        expect(yield* read.run).toBe(4096)
        expect(Buffer.from(buffer).equals(Buffer.alloc(4096, text))).toBe(true)
        expect(yield* write.run).toBe(4096)
        expect(Number((yield* stat.run).size)).toBe(8192)
      }
      const counts = yield* Effect.all(
        Array.from({ length: 600 }, () => read.run),
        { concurrency: "unbounded" }
      )
      expect(new Set(counts)).toEqual(new Set([4096]))
      const { completed, outstanding, submitted } = yield* Aio.stats
      expect([outstanding, submitted]).toEqual([0, completed])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is wrong is found when it is prepared", () =>
    Effect.gen(function* () {
      const { fd } = yield* fixture
      const error = yield* Effect.flip(AioOperation.prepare(AioOperation.read(fd, new Uint8Array(1), { offset: -1 })))
      expect(error).toMatchObject({ _tag: "AioBadArgument", operation: "read", argument: "offset" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a buffer that was transferred is not written into; one that was resized is read as it is", () =>
    Effect.gen(function* () {
      const { fd } = yield* fixture
      const gone = new Uint8Array(4096)
      const read = yield* AioOperation.prepare(AioOperation.read(fd, gone, { offset: 0 }))
      expect(yield* read.run).toBe(4096)
      const moved = structuredClone(gone, { transfer: [gone.buffer] })
      moved.fill(0xee)
      expect(yield* Effect.flip(read.run)).toMatchObject({ _tag: "AioBadArgument", argument: "buffer" })
      expect(moved.every((byte) => byte === 0xee)).toBe(true)
      const Resizable = ArrayBuffer as unknown as new (
        length: number,
        options: { maxByteLength: number }
      ) => ArrayBuffer & { resize(length: number): void }
      const memory = new Resizable(4096, { maxByteLength: 8192 })
      const resized = yield* AioOperation.prepare(AioOperation.read(fd, new Uint8Array(memory), { offset: 0 }))
      expect(yield* resized.run).toBe(4096)
      memory.resize(100)
      expect(yield* resized.run).toBe(100)
      memory.resize(8192)
      expect(yield* resized.run).toBe(8192)
      memory.resize(0)
      expect(yield* Effect.flip(resized.run)).toMatchObject({ _tag: "AioBadArgument" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a file that was closed is not read", () =>
    Effect.gen(function* () {
      const { path } = yield* fixture
      const scope = yield* Scope.make()
      const file = yield* Scope.extend(AioFile.open(path), scope)
      const read = yield* AioOperation.prepare(AioOperation.read(file, new Uint8Array(16), { offset: 0 }))
      expect(yield* read.run).toBe(16)
      yield* Scope.close(scope, Exit.void)
      expect(yield* Effect.flip(read.run)).toMatchObject({ _tag: "AioBadArgument", argument: "file" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("interruption, as with every request", () =>
    Effect.gen(function* () {
      const pipe = yield* idlePipe
      const buffer = new Uint8Array(8)
      const read = yield* AioOperation.prepare(AioOperation.read(pipe, buffer))
      const fiber = yield* Effect.fork(read.run)
      yield* Effect.sleep(20)
      yield* Effect.timeout(Fiber.interrupt(fiber), "30 seconds")
      writeSync(pipe, "late")
      expect(yield* Aio.read(pipe, new Uint8Array(8))).toBe(4)
      expect(buffer.every((byte) => byte === 0)).toBe(true)
    }).pipe(Effect.provide(layer))
  )
})
