import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { backends } from "../support/backends.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const SIZE = 10_000
const content = randomBytes(SIZE)

const opened = Effect.gen(function* () {
  const path = join(yield* temporaryDirectory, "file")
  fs.writeFileSync(path, content)
  return yield* Effect.acquireRelease(
    Effect.sync(() => fs.openSync(path, "r+")),
    (fd) => Effect.sync(() => fs.closeSync(fd))
  )
})

describe.each(backends)("$name: buffers", ({ layer }) => {
  it.scopedLive("only the bytes of the view are touched", () =>
    Effect.gen(function* () {
      const fd = yield* opened
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
      fs.readSync(fd, after, 0, SIZE, 0)
      expect(after.equals(content)).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a short answer leaves the rest of the buffer alone", () =>
    Effect.gen(function* () {
      const fd = yield* opened
      const into = new Uint8Array(100).fill(0xee)
      expect(yield* Aio.read(fd, into, { offset: SIZE - 30 })).toBe(30)
      expect(Buffer.alloc(70, 0xee).equals(into.subarray(30))).toBe(true)
      expect(yield* Aio.read(fd, into.fill(0xdd), { offset: SIZE })).toBe(0)
      expect(Buffer.alloc(100, 0xdd).equals(into)).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("shared memory is read into and written from", () =>
    Effect.gen(function* () {
      const fd = yield* opened
      const shared = new Uint8Array(new SharedArrayBuffer(5000), 1000, 3000)
      expect(yield* Aio.read(fd, shared, { offset: 11 })).toBe(3000)
      expect(content.subarray(11, 3011).equals(shared)).toBe(true)
      expect(new Uint8Array(shared.buffer, 0, 1000).every((byte) => byte === 0)).toBe(true)
      expect(yield* Aio.writev(fd, [shared, shared.subarray(0, 10)], { offset: 0 })).toBe(3010)
      const after = Buffer.alloc(3010)
      fs.readSync(fd, after, 0, 3010, 0)
      expect(after.equals(Buffer.concat([shared, shared.subarray(0, 10)]))).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("other views are bytes too", () =>
    Effect.gen(function* () {
      const fd = yield* opened
      for (const view of [new Float64Array(10), new DataView(new ArrayBuffer(100), 3, 80), new Int16Array(40)]) {
        expect(yield* Aio.read(fd, view as never, { offset: 5 })).toBe(80)
        expect(Buffer.from(view.buffer, view.byteOffset, 80).equals(content.subarray(5, 85))).toBe(true)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("no bytes asked for are no bytes, of anything that can be read or written", () =>
    Effect.gen(function* () {
      const fd = yield* opened
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
      expect(fs.fstatSync(fd).size).toBe(SIZE)
      const writeOnly = fs.openSync("/dev/null", "w")
      expect(yield* Effect.flip(Aio.read(writeOnly, none))).toMatchObject({ code: "EBADF" })
      fs.closeSync(writeOnly)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("memory that JavaScript let go of while it was in flight is not reused", () =>
    Effect.gen(function* () {
      const fd = yield* opened
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
