/** Buffers that are transferred, or made shorter, before a request is done with them. */
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Aio, AioFile, AioFileSystem, AioOperation } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { descriptorOf, type World } from "../../support/world.ts"

const SIZE = 4096

interface Resizable extends ArrayBuffer {
  resize(length: number): void
}

const Resizable = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => Resizable

const resizable = (length = SIZE): Resizable => new Resizable(length, { maxByteLength: 2 * SIZE })

/** How a buffer's memory goes away, and the views that this can be done to. */
const departures: Record<string, () => readonly [view: Uint8Array, leave: () => unknown]> = {
  transferred: () => {
    const view = new Uint8Array(SIZE)
    return [view, () => structuredClone(view.buffer, { transfer: [view.buffer] })]
  },
  "a DataView's, transferred": () => {
    const view = new DataView(new ArrayBuffer(SIZE))
    return [view as never, () => structuredClone(view.buffer, { transfer: [view.buffer] })]
  },
  "resized to nothing": () => {
    const memory = resizable()
    return [new Uint8Array(memory), () => memory.resize(0)]
  },
  "shorter than a view of fixed length": () => {
    const memory = resizable()
    return [new Uint8Array(memory, 0, SIZE), () => memory.resize(SIZE - 1)]
  },
  "shorter than where a view starts": () => {
    const memory = resizable()
    return [new Uint8Array(memory, 100), () => memory.resize(99)]
  }
}

const made = (world: World) =>
  Effect.gen(function* () {
    const path = join(yield* world.directory, "file")
    yield* world.writeFile(path, Buffer.alloc(SIZE, "a"))
    return path
  })

const gone = { _tag: "Failure", cause: { _tag: "Fail", error: { _tag: "AioBadArgument" } } }

/** Requests that a backend has taken over, and not ended. */
const untilUnderWay = Effect.repeat(Effect.zipLeft(Aio.stats, Effect.sleep(1)), {
  until: ({ executing }) => executing > 0
})

describe.each(backends)("$name", ({ layer, mechanism, name, world }) => {
  const services = Layer.provideMerge(AioFileSystem.layer, layer)
  /** A cached read is over before anything can happen to its buffer. */
  const mayBeOver = mechanism !== "mock" && !name.includes("nothing inline")

  it.scopedLive("a buffer that is gone when it is to be used is no end of a file", () =>
    Effect.gen(function* () {
      const path = yield* made(world)
      const fd = yield* descriptorOf(path, "r+")
      const file = yield* AioFile.open(path, { flag: "r+" })
      const uses: Record<string, (view: Uint8Array) => Effect.Effect<unknown, unknown, Aio.Aio>> = {
        read: (view) => Aio.read(fd, view, { offset: 0 }),
        write: (view) => Aio.write(fd, view, { offset: 0 }),
        readv: (view) => Aio.readv(fd, [view], { offset: 0 }),
        writev: (view) => Aio.writev(fd, [new Uint8Array(0), view], { offset: 0 }),
        submitAll: (view) => AioOperation.submitAll([AioOperation.read(fd, view, { offset: 0 })]),
        linked: (view) =>
          AioOperation.linked([
            AioOperation.write(fd, Buffer.alloc(1, "a"), { offset: 0 }),
            AioOperation.read(fd, view, { offset: 0 })
          ]),
        "AioFile.readExactly": (view) => file.readExactly(view, { offset: 0 }),
        "AioFile.writeAll": (view) => file.writeAll(view, { offset: 0 })
      }
      for (const [what, use] of Object.entries(uses)) {
        for (const [how, makeView] of Object.entries(departures)) {
          const [view, leave] = makeView()
          const fiber = yield* Effect.fork(Effect.exit(use(view)))
          yield* Effect.yieldNow()
          leave()
          const exit = yield* Effect.timeout(Fiber.join(fiber), "30 seconds")
          const isOver = mayBeOver && exit._tag === "Success"
          if (isOver) expect([what, how, JSON.stringify(exit.value)]).not.toEqual([what, how, "0"])
          else expect([what, how, exit]).toMatchObject([what, how, gone])
          // Nobody has it now.
          if (how !== "resized to nothing") {
            expect([what, how, yield* Effect.exit(use(view))]).toMatchObject([what, how, gone])
          }
        }
      }
      expect((yield* world.readFile(path)).equals(Buffer.alloc(SIZE, "a"))).toBe(true)
      // What has no bytes and never had any is as good as before.
      const empty = resizable(0)
      expect(yield* Aio.read(fd, new Uint8Array(empty), { offset: 0 })).toBe(0)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("nor is one that goes away between two parts of what readExactly reads", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      const file = yield* AioFile.fromDescriptor(reader)
      const view = new Uint8Array(SIZE)
      const fiber = yield* Effect.fork(Effect.exit(file.readExactly(view)))
      yield* Aio.write(writer, Buffer.from("a"))
      yield* Effect.repeat(Effect.sleep(1), { until: () => view[0] === 97 })
      yield* untilUnderWay
      // Where the read that is under way writes to.
      const kept = structuredClone(view.buffer, { transfer: [view.buffer] })
      yield* Aio.write(writer, Buffer.from("b"))
      expect(yield* Fiber.join(fiber)).toMatchObject(gone)
      expect(kept.byteLength).toBe(SIZE)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("the same with FileSystem", () =>
    Effect.gen(function* () {
      const path = yield* made(world)
      const system = yield* FileSystem.FileSystem
      const handle = yield* system.open(path, { flag: "r+" })
      for (const [how, makeView] of Object.entries(departures)) {
        if (how === "resized to nothing") continue
        const [view, leave] = makeView()
        leave()
        const ends = yield* Effect.forEach(
          [handle.read(view), handle.write(view), handle.writeAll(view), system.writeFile(path, view)],
          (use) => Effect.exit(use)
        )
        for (const end of ends) expect([how, end]).toMatchObject([how, { cause: { error: { _tag: "BadArgument" } } }])
      }
      expect((yield* world.readFile(path)).equals(Buffer.alloc(SIZE, "a"))).toBe(true)
    }).pipe(Effect.scoped, Effect.provide(services))
  )

  it.scopedLive("one made shorter while it is read into has nothing behind its end when it grows again", () =>
    Effect.gen(function* () {
      for (const move of [
        (fd: number, view: Uint8Array) => Aio.read(fd, view),
        (fd: number, view: Uint8Array) => Aio.readv(fd, [new Uint8Array(10), view])
      ]) {
        const [reader, writer] = yield* world.pipe
        const memory = resizable()
        const view = new Uint8Array(memory)
        const fiber = yield* Effect.fork(Effect.exit(move(reader, view)))
        yield* untilUnderWay
        memory.resize(100)
        yield* Aio.write(writer, Buffer.alloc(300, "x"))
        // It is told: bytes of the pipe are lost, unless nobody had asked for them yet.
        expect(yield* Effect.timeout(Fiber.join(fiber), "30 seconds")).toMatchObject(gone)
        memory.resize(SIZE)
        expect(Buffer.from(memory, 100).equals(Buffer.alloc(SIZE - 100))).toBe(true)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("one made shorter while it is read into, and long enough for what comes, has all of it", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      const memory = resizable()
      const fiber = yield* Effect.fork(Aio.read(reader, new Uint8Array(memory)))
      yield* untilUnderWay
      memory.resize(100)
      memory.resize(2 * SIZE)
      yield* Aio.write(writer, Buffer.alloc(300, "y"))
      expect(yield* Effect.timeout(Fiber.join(fiber), "30 seconds")).toBe(300)
      expect(Buffer.from(memory, 0, 301).toString()).toBe(`${"y".repeat(300)}\0`)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("one made shorter while it is written is written as it was, or not at all", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      const memory = resizable()
      const view = new Uint8Array(memory).fill(7)
      // Full: the next write waits.
      yield* Aio.write(writer, new Uint8Array(65_536))
      const fiber = yield* Effect.fork(Effect.exit(Aio.write(writer, view)))
      yield* untilUnderWay
      memory.resize(10)
      expect(yield* Aio.read(reader, new Uint8Array(65_536))).toBe(65_536)
      const exit = yield* Effect.timeout(Fiber.join(fiber), "30 seconds")
      if (exit._tag === "Failure") expect(exit).toMatchObject(gone)
      else {
        expect(exit.value).toBe(SIZE)
        const read = Buffer.alloc(SIZE)
        expect(yield* Aio.read(reader, read)).toBe(SIZE)
        expect(read.equals(Buffer.alloc(SIZE, 7))).toBe(true)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("shared memory that grows meanwhile is read into as ever", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      const Growable = SharedArrayBuffer as unknown as new (
        length: number,
        options: { maxByteLength: number }
      ) => SharedArrayBuffer & { grow(length: number): void }
      const memory = new Growable(64, { maxByteLength: SIZE })
      const fiber = yield* Effect.fork(Aio.read(reader, new Uint8Array(memory)))
      yield* untilUnderWay
      memory.grow(SIZE)
      yield* Aio.write(writer, Buffer.alloc(100, "z"))
      expect(yield* Effect.timeout(Fiber.join(fiber), "30 seconds")).toBe(64)
      expect(Buffer.from(memory, 0, 65).toString()).toBe(`${"z".repeat(64)}\0`)
    }).pipe(Effect.provide(layer))
  )
})
