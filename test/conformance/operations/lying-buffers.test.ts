/** Views, lists and paths that lie, or change: what they are counts, and not what they say. */
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { Aio, AioDirectory, AioFile, AioFileSystem, AioOperation } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { descriptorOf, type World } from "../../support/world.ts"

const SIZE = 4096
const START = 1000
const LENGTH = 16
const content = Buffer.from(Array.from({ length: 512 }, (_, index) => index & 0x7f))

/** What surrounds the view must not be touched: it is in the same memory, so that a test of what is wrong ends with a failure. */
interface Lie {
  readonly what: string
  readonly tell: (view: Uint8Array) => unknown
}

const claim = (name: string, value: unknown): Lie => ({
  what: `own ${name} ${String(value)}`,
  tell: (view) => Object.defineProperty(view, name, { value })
})

class Longer extends Uint8Array {
  override get byteLength(): number {
    return 64
  }
  override get length(): number {
    return 64
  }
  override get byteOffset(): number {
    return 0
  }
  override subarray(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.buffer as ArrayBuffer)
  }
}

let answers = 0

const lies: ReadonlyArray<Lie> = [
  ...[64, 0, 1, -1, Number.NaN, 2.5, "64", undefined, null, 64n].flatMap((value) =>
    ["byteLength", "length"].map((name) => claim(name, value))
  ),
  claim("byteOffset", 0),
  claim("buffer", new ArrayBuffer(64)),
  claim("constructor", Longer),
  claim("subarray", () => new Uint8Array(SIZE)),
  claim("slice", () => new Uint8Array(SIZE)),
  { what: "a subclass", tell: (view) => new Longer(view.buffer as ArrayBuffer, view.byteOffset, LENGTH) },
  { what: "another prototype", tell: (view) => Object.setPrototypeOf(view, Longer.prototype) },
  { what: "no prototype", tell: (view) => Object.setPrototypeOf(view, null) },
  {
    what: "another answer each time",
    tell: (view) => Object.defineProperty(view, "byteLength", { get: () => [LENGTH, 64, 0][answers++ % 3] })
  },
  {
    what: "a getter that throws",
    tell: (view) =>
      Object.defineProperties(
        view,
        Object.fromEntries(
          ["byteLength", "length", "buffer", "byteOffset", "subarray"].map((name) => [
            name,
            {
              get: () => {
                throw new Error("asked")
              }
            }
          ])
        )
      )
  },
  {
    what: "a DataView",
    tell: (view) =>
      Object.defineProperties(new DataView(view.buffer, view.byteOffset, LENGTH), {
        byteLength: { value: 64 },
        byteOffset: { value: 0 }
      })
  }
]

const liar = ({ tell }: Lie) => {
  const memory = new Uint8Array(SIZE).fill(0xee)
  return { memory, view: tell(memory.subarray(START, START + LENGTH)) as Uint8Array }
}

/** That the view, and nothing else, has these bytes. */
const expectFilled = (what: string, memory: Uint8Array, bytes: Uint8Array): void => {
  const expected = Buffer.alloc(SIZE, 0xee)
  expected.set(bytes, START)
  expect([what, Buffer.compare(memory, expected)]).toEqual([what, 0])
}

const opened = (world: World) =>
  Effect.gen(function* () {
    const path = join(yield* world.directory, "file")
    yield* world.writeFile(path, content)
    return path
  })

const any = (value: unknown): never => value as never

describe.each(backends)("$name", ({ layer, world }) => {
  const services = Layer.provideMerge(AioFileSystem.layer, layer)

  it.scopedLive("reads fill the view as it is", () =>
    Effect.gen(function* () {
      const path = yield* opened(world)
      const fd = yield* descriptorOf(path)
      const file = yield* AioFile.open(path)
      const handle = yield* (yield* FileSystem.FileSystem).open(path)
      const reads: Record<string, (view: Uint8Array) => Effect.Effect<unknown, unknown, Aio.Aio>> = {
        read: (view) => Aio.read(fd, view, { offset: 0 }),
        readv: (view) => Aio.readv(fd, [view], { offset: 0 }),
        submitAll: (view) =>
          Effect.map(AioOperation.submitAll([AioOperation.read(fd, view, { offset: 0 })]), ([count]) => count),
        linked: (view) =>
          Effect.map(AioOperation.linked([AioOperation.read(fd, view, { offset: 0 })]), ([count]) => count),
        prepared: (view) =>
          Effect.flatMap(AioOperation.prepare(AioOperation.read(fd, view, { offset: 0 })), ({ run }) =>
            Effect.zipRight(run, run)
          ),
        "AioFile.readExactly": (view) =>
          Effect.map(file.readExactly(view, { offset: 0 }), (bytes) => (bytes === view ? LENGTH : bytes)),
        "File.read": (view) => Effect.zipRight(handle.seek(0, "start"), Effect.map(handle.read(view), Number))
      }
      for (const [name, read] of Object.entries(reads)) {
        for (const lie of lies) {
          const { memory, view } = liar(lie)
          const what = `${name} into a view with ${lie.what}`
          expect([what, yield* read(view)]).toEqual([what, LENGTH])
          expectFilled(what, memory, content.subarray(0, LENGTH))
        }
      }
    }).pipe(Effect.scoped, Effect.provide(services))
  )

  it.scopedLive("writes take the view as it is", () =>
    Effect.gen(function* () {
      const path = yield* opened(world)
      const fd = yield* descriptorOf(path, "r+")
      const file = yield* AioFile.open(path, { flag: "r+" })
      const system = yield* FileSystem.FileSystem
      const handle = yield* system.open(path, { flag: "r+" })
      const toStart = handle.seek(0, "start")
      type Write = (view: Uint8Array) => Effect.Effect<unknown, unknown, Aio.Aio>
      const writes: Record<string, Write> = {
        write: (view) => Aio.write(fd, view, { offset: 0 }),
        writev: (view) => Aio.writev(fd, [view], { offset: 0 }),
        linked: (view) => AioOperation.linked([AioOperation.write(fd, view, { offset: 0 })]),
        "AioFile.writeAll": (view) => file.writeAll(view, { offset: 0 }),
        "AioFile.sink": (view) => Stream.run(Stream.make(view), file.sink()),
        "File.write": (view) => Effect.zipRight(toStart, handle.write(view)),
        "File.writeAll": (view) => Effect.zipRight(toStart, handle.writeAll(view)),
        "FileSystem.writeFile": (view) => system.writeFile(path, view, { flag: "r+" })
      }
      for (const [name, write] of Object.entries(writes)) {
        for (const lie of lies) {
          const { memory, view } = liar(lie)
          memory.fill(0xdd, START, START + LENGTH)
          yield* Aio.write(fd, content, { offset: 0 })
          const what = `${name} from a view with ${lie.what}`
          const end = yield* Effect.either(write(view))
          expect([what, end]).toMatchObject([what, { _tag: "Right" }])
          const expected = Buffer.from(content).fill(0xdd, 0, LENGTH)
          expect([what, expected.equals(yield* world.readFile(path))]).toEqual([what, true])
        }
      }
    }).pipe(Effect.scoped, Effect.provide(services))
  )

  it.scopedLive("a list is what it was when it was handed over", () =>
    Effect.gen(function* () {
      const fd = yield* descriptorOf(yield* opened(world), "r+")
      const into = () => new Uint8Array(8)
      class Others extends Array<Uint8Array> {
        override slice(): Array<Uint8Array> {
          return [new Uint8Array(400)]
        }
        override [Symbol.iterator](): ArrayIterator<Uint8Array> {
          return [new Uint8Array(400)][Symbol.iterator]()
        }
      }
      let reads = 0
      const twice = Object.defineProperty([into(), into()], 0, {
        get: () => (reads++ === 0 ? into() : any("no buffer"))
      })
      const proxy = new Proxy([into(), into()], {})
      for (const list of [Others.of(into(), into()), twice, proxy]) {
        expect(yield* Aio.readv(fd, list, { offset: 0 })).toBe(16)
      }
      const changing = [into(), into()]
      const changed = AioOperation.readv(fd, changing, { offset: 0 })
      changing.push(into())
      expect(yield* AioOperation.submit(changed)).toBe(16)
      const throwing = Object.defineProperty([into()], 0, {
        get: () => {
          throw new Error("asked")
        }
      })
      const { proxy: revoked, revoke } = Proxy.revocable([into()], {})
      revoke()
      const endless = new Proxy([], { get: (_, name) => (name === "length" ? 2 ** 32 - 1 : undefined) })
      for (const list of [
        throwing,
        revoked,
        endless,
        [new Proxy(into(), {})],
        [Object.create(Uint8Array.prototype)],
        new Array(1)
      ]) {
        for (const move of [Aio.readv, Aio.writev]) {
          const exit = yield* Effect.exit(Effect.flip(Effect.suspend(() => move(fd, any(list), { offset: 0 }))))
          expect(exit).toMatchObject({ _tag: "Success", value: { _tag: "AioBadArgument", argument: "buffers" } })
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a path of bytes is the bytes that it has", () =>
    Effect.gen(function* () {
      const path = yield* opened(world)
      for (const lie of [claim("length", 3), claim("byteLength", 1 << 20), claim("includes", () => true), ...lies]) {
        if (lie.what === "a DataView") continue
        const bytes = Buffer.alloc(300, 0xff)
        const view = bytes.subarray(7, 7 + bytes.write(path, 7))
        const lying =
          lie.what === "a subclass" ? new Longer(bytes.buffer, view.byteOffset, view.byteLength) : lie.tell(view)
        expect([lie.what, (yield* Aio.stat(any(lying))).size]).toEqual([lie.what, BigInt(content.length)])
        expect([lie.what, (yield* AioFile.readFile(any(lying))).length]).toEqual([lie.what, content.length])
        // The message of an error, too.
        const absent = Object.assign(Buffer.from(`${path}-absent`), {})
        const error = yield* Effect.flip(AioFile.readFile(any(lie.what === "a subclass" ? absent : lie.tell(absent))))
        expect([lie.what, error.message]).toEqual([lie.what, expect.stringContaining("-absent: ")])
      }
      const hidden = Object.defineProperty(Buffer.from(`${path}\0x`), "includes", { value: () => false })
      const gone = Buffer.from(new TextEncoder().encode(path).buffer)
      structuredClone(gone.buffer, { transfer: [gone.buffer] })
      for (const wrong of [hidden, gone, new Proxy(Buffer.from(path), {}), Object.create(Uint8Array.prototype)]) {
        for (const use of [
          Aio.stat(any(wrong)),
          Aio.rename(path, any(wrong)),
          AioFile.readFile(any(wrong)),
          AioDirectory.read(any(wrong))
        ]) {
          const exit = yield* Effect.exit(Effect.flip(use))
          expect(exit).toMatchObject({ _tag: "Success", value: { _tag: "AioBadArgument" } })
        }
      }
    }).pipe(Effect.provide(layer))
  )
})
