import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { descriptorOf, type World } from "../../support/world.ts"

const SIZE = 10_000
const content = randomBytes(SIZE)

const opened = (world: World) =>
  Effect.gen(function* () {
    const path = join(yield* world.directory, "file")
    yield* world.writeFile(path, content)
    return yield* descriptorOf(path, "r+")
  })

describe.each(backends)("$name: buffers", ({ layer, world }) => {
  it.scopedLive("only the bytes of the view are touched", () =>
    Effect.gen(function* () {
      const fd = yield* opened(world)
      for (const [start, length] of [
        [1, 10],
        [7, 4096],
        [100, 1],
        [4095, 2],
        [0, 5000]
      ]) {
        const whole = new Uint8Array(6000).fill(0xee)
        const view = whole.subarray(start, start + length)
        expect(yield* Aio.read(fd, view, { offset: 3 })).toBe(length)
        const vectors = new Uint8Array(6000).fill(0xee)
        expect(yield* Aio.readv(fd, [vectors.subarray(start, start + length)], { offset: 3 })).toBe(length)
        const expected = Buffer.alloc(6000, 0xee)
        content.copy(expected, start, 3, 3 + length)
        expect([expected.equals(whole), expected.equals(vectors)]).toEqual([true, true])
        // A small Buffer is a part of Node's pool, whose other parts belong to others.
        const small = Buffer.allocUnsafe(16)
        yield* Aio.read(fd, small, { offset: start })
        expect(small.equals(content.subarray(start, start + 16))).toBe(true)
        yield* Aio.write(fd, view, { offset: 3 })
      }
      const after = Buffer.alloc(SIZE)
      expect(yield* Aio.read(fd, after, { offset: 0 })).toBe(SIZE)
      expect(after.equals(content)).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a short answer leaves the rest of the buffer alone", () =>
    Effect.gen(function* () {
      const fd = yield* opened(world)
      const into = new Uint8Array(100).fill(0xee)
      expect(yield* Aio.read(fd, into, { offset: SIZE - 30 })).toBe(30)
      expect(Buffer.alloc(70, 0xee).equals(into.subarray(30))).toBe(true)
      expect(yield* Aio.read(fd, into.fill(0xdd), { offset: SIZE })).toBe(0)
      expect(Buffer.alloc(100, 0xdd).equals(into)).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("shared memory is read into and written from", () =>
    Effect.gen(function* () {
      const fd = yield* opened(world)
      const shared = new Uint8Array(new SharedArrayBuffer(5000), 1000, 3000)
      expect(yield* Aio.read(fd, shared, { offset: 11 })).toBe(3000)
      expect(content.subarray(11, 3011).equals(shared)).toBe(true)
      expect(new Uint8Array(shared.buffer, 0, 1000).every((byte) => byte === 0)).toBe(true)
      expect(yield* Aio.writev(fd, [shared, shared.subarray(0, 10)], { offset: 0 })).toBe(3010)
      const after = Buffer.alloc(3010)
      expect(yield* Aio.read(fd, after, { offset: 0 })).toBe(3010)
      expect(after.equals(Buffer.concat([shared, shared.subarray(0, 10)]))).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("other views are bytes too", () =>
    Effect.gen(function* () {
      const fd = yield* opened(world)
      for (const view of [new Float64Array(10), new DataView(new ArrayBuffer(100), 3, 80), new Int16Array(40)]) {
        expect(yield* Aio.read(fd, view as never, { offset: 5 })).toBe(80)
        expect(Buffer.from(view.buffer, view.byteOffset, 80).equals(content.subarray(5, 85))).toBe(true)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("no bytes asked for are no bytes, of anything that can be read or written", () =>
    Effect.gen(function* () {
      const fd = yield* opened(world)
      const none = new Uint8Array(0)
      const emptyPart = new Uint8Array(100).subarray(50, 50)
      for (const buffer of [none, emptyPart]) {
        for (const offset of [undefined, 0, 5, SIZE, SIZE * 2]) {
          expect(yield* Aio.read(fd, buffer, { offset })).toBe(0)
          expect(yield* Aio.write(fd, buffer, { offset })).toBe(0)
          expect(yield* Aio.readv(fd, [buffer, buffer], { offset })).toBe(0)
          expect(yield* Aio.writev(fd, [buffer], { offset })).toBe(0)
        }
      }
      expect((yield* Aio.fstat(fd)).size).toBe(BigInt(SIZE))
      const writeOnly = yield* descriptorOf(join(yield* world.directory, "new"), "w")
      expect(yield* Effect.flip(Aio.read(writeOnly, none))).toMatchObject({ code: "EBADF" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("memory that JavaScript let go of while it was in flight is not reused", () =>
    Effect.gen(function* () {
      const fd = yield* opened(world)
      for (let round = 0; round < 20; round++) {
        // Nobody here holds the buffers; what else is allocated meanwhile must stay what it is.
        const reads = yield* Effect.fork(
          Effect.forEach(Array.from({ length: 50 }), () => Aio.read(fd, new Uint8Array(SIZE), { offset: 0 }), {
            concurrency: "unbounded"
          })
        )
        yield* Effect.yieldNow()
        ;(globalThis as { gc?: () => void }).gc?.()
        const bystanders = Array.from({ length: 50 }, () => new Uint8Array(SIZE))
        yield* reads
        expect(bystanders.every((bystander) => bystander.every((byte) => byte === 0))).toBe(true)
      }
    }).pipe(Effect.provide(layer))
  )
})
