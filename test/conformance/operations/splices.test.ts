/** sendfile, splice, tee: bytes that the kernel moves from one descriptor to another. */
import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Aio, AioFile } from "effect-aio"
import { backends, realBackends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { systemCall } from "../../support/systemCalls.ts"
import { socketPair } from "../../support/waitable.ts"
import { descriptorOf, type World } from "../../support/world.ts"

const SIZE = 200_000
const F_SETFL = 4
const bytes = randomBytes(SIZE)

/** A file of random bytes, an empty one, a pipe. */
const place = (world: World) =>
  Effect.gen(function* () {
    const directory = yield* world.directory
    const [source, target] = [join(directory, "source"), join(directory, "target")]
    yield* world.writeFile(source, bytes)
    yield* world.writeFile(target, "")
    const [from, to] = [yield* descriptorOf(source, "r+"), yield* descriptorOf(target, "r+")]
    const [reader, writer] = yield* world.pipe
    return { directory, source, target, from, to, reader, writer, copied: world.readFile(target) }
  })

const textFrom = (reader: number) => {
  const into = Buffer.alloc(100)
  return Effect.map(Aio.read(reader, into), (count) => into.toString("latin1", 0, count))
}

const waits = statsReach({ executing: 1 })

describe.each(backends)("$name", ({ layer, world }) => {
  it.scopedLive("sendfile: from an offset or from the position, which moves, up to the end", () =>
    Effect.gen(function* () {
      const { copied, from, reader, to, writer } = yield* place(world)
      expect(yield* Aio.sendfile(from, to, { offset: 100, length: 1000 })).toBe(1000)
      expect(yield* Aio.sendfile(from, to, { length: 500 })).toBe(500)
      expect(yield* Aio.sendfile(from, to, { length: 500n })).toBe(500)
      const expected = [bytes.subarray(100, 1100), bytes.subarray(0, 1000)]
      expect((yield* copied).equals(Buffer.concat(expected))).toBe(true)
      expect(yield* Aio.sendfile(from, to, { offset: SIZE - 10, length: 1000 })).toBe(10)
      expect(yield* Aio.sendfile(from, to, { offset: SIZE, length: 1000 })).toBe(0)
      expect(yield* Aio.sendfile(from, writer, { offset: 7, length: 3000 })).toBe(3000)
      const into = Buffer.alloc(4000)
      expect(yield* Aio.read(reader, into)).toBe(3000)
      expect(into.subarray(0, 3000).equals(bytes.subarray(7, 3007))).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("splice: a file through a pipe into another file, at offsets and at positions", () =>
    Effect.gen(function* () {
      const { copied, from, reader, to, writer } = yield* place(world)
      const moveAll = (options: { readonly offset?: number; readonly toOffset?: number }) =>
        Effect.gen(function* () {
          const feed = Effect.gen(function* () {
            for (let done = 0; done < SIZE; ) {
              const offset = options.offset === undefined ? {} : { offset: options.offset + done }
              done += yield* Aio.splice(from, writer, { ...offset, length: SIZE - done })
            }
          })
          const feeding = yield* Effect.fork(feed)
          for (let done = 0; done < SIZE; ) {
            const toOffset = options.toOffset === undefined ? {} : { toOffset: options.toOffset + done }
            done += yield* Aio.splice(reader, to, { ...toOffset, length: SIZE - done })
          }
          yield* Fiber.join(feeding)
        })
      yield* moveAll({})
      expect((yield* copied).equals(bytes)).toBe(true)
      yield* moveAll({ offset: 0, toOffset: SIZE })
      expect((yield* copied).equals(Buffer.concat([bytes, bytes]))).toBe(true)
      expect(yield* Aio.splice(from, writer, { length: 10 })).toBe(0)
      expect(yield* Aio.splice(from, writer, { length: 0 })).toBe(0)
      yield* Aio.close(writer)
      expect(yield* Aio.splice(reader, to, { length: 10 })).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("splice and tee wait for bytes, and for room; interrupted, they take nothing", () =>
    Effect.gen(function* () {
      const [[reader, writer], [other, into]] = [yield* world.pipe, yield* world.pipe]
      for (const move of [Aio.tee, Aio.splice]) {
        const interrupted = yield* Effect.fork(move(reader, into, { length: 10 }))
        yield* waits
        expect(Exit.isInterrupted(yield* Fiber.interrupt(interrupted))).toBe(true)
        const waiting = yield* Effect.fork(move(reader, into, { length: 10 }))
        yield* waits
        yield* Aio.write(writer, Buffer.from("bytes"))
        expect(yield* Fiber.join(waiting)).toBe(5)
        expect(yield* textFrom(other)).toBe("bytes")
        // They are still there, or were taken.
        if (move === Aio.tee) expect(yield* textFrom(reader)).toBe("bytes")
      }
      yield* Aio.write(writer, Buffer.from("more"))
      yield* Aio.write(into, new Uint8Array(65_536))
      for (const move of [Aio.tee, Aio.splice]) {
        const waiting = yield* Effect.fork(move(reader, into, { length: 10 }))
        yield* waits
        expect(Exit.isInterrupted(yield* Fiber.interrupt(waiting))).toBe(true)
      }
      const waiting = yield* Effect.fork(Aio.splice(reader, into, { length: 10 }))
      yield* waits
      expect(yield* Aio.read(other, new Uint8Array(65_536))).toBe(65_536)
      expect(yield* Fiber.join(waiting)).toBe(4)
      expect(yield* textFrom(other)).toBe("more")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what cannot be moved says why", () =>
    Effect.gen(function* () {
      const { from, reader, source, target, to, writer } = yield* place(world)
      const [appended, read] = [yield* descriptorOf(target, "a"), yield* descriptorOf(source)]
      const all = { length: 10 }
      yield* Aio.write(writer, Buffer.from("something"))
      const refused = (use: Effect.Effect<unknown, unknown, Aio.Aio>, code: string) =>
        Effect.map(Effect.flip(use), (error) => expect(error).toMatchObject({ _tag: "AioError", code }))
      yield* refused(Aio.splice(from, to, all), "EINVAL")
      yield* refused(Aio.splice(reader, writer, all), "EINVAL")
      yield* refused(Aio.splice(reader, appended, all), "EINVAL")
      yield* refused(Aio.splice(reader, to, { ...all, offset: 0 }), "ESPIPE")
      yield* refused(Aio.splice(from, writer, { ...all, toOffset: 0 }), "ESPIPE")
      yield* refused(Aio.splice(reader, read, all), "EBADF")
      yield* refused(Aio.splice(writer, to, all), "EBADF")
      yield* refused(Aio.splice(1_000_000, to, all), "EBADF")
      yield* refused(Aio.tee(from, writer, all), "EINVAL")
      yield* refused(Aio.tee(reader, to, all), "EINVAL")
      yield* refused(Aio.tee(reader, writer, all), "EINVAL")
      yield* refused(Aio.sendfile(reader, to, all), "EINVAL")
      yield* refused(Aio.sendfile(from, appended, all), "EINVAL")
      yield* refused(Aio.sendfile(from, read, all), "EBADF")
      yield* refused(Aio.sendfile(appended, to, all), "EBADF")
      yield* refused(Aio.sendfile(from, 1_000_000, all), "EBADF")
      yield* refused(Aio.sendfile(from, reader, all), "EBADF")
      const wrong: ReadonlyArray<readonly [Effect.Effect<unknown, unknown, Aio.Aio>, string]> = [
        [Aio.splice(from, -1, all), "to"],
        [Aio.splice(-1, to, all), "fd"],
        [Aio.splice(reader, to, { length: -1 }), "length"],
        [Aio.splice(reader, to, { length: 1, toOffset: 1.5 }), "toOffset"],
        [Aio.tee(reader, writer, {} as any), "length"],
        [Aio.sendfile(from, to, { offset: -1, length: 1 }), "offset"]
      ]
      for (const [use, argument] of wrong) {
        expect(yield* Effect.flip(use)).toMatchObject({ _tag: "AioBadArgument", argument })
      }
      // Nothing was taken.
      expect(yield* textFrom(reader)).toBe("something")
      yield* Aio.write(writer, Buffer.from("x"))
      yield* Aio.close(reader)
      yield* refused(Aio.sendfile(from, writer, all), "EPIPE")
      yield* refused(Aio.splice(from, writer, all), "EPIPE")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("an open file is not closed before what it sends has ended", () =>
    Effect.gen(function* () {
      const { copied, source, target, writer } = yield* place(world)
      const [fromScope, toScope] = [yield* Scope.make(), yield* Scope.make()]
      const from = yield* Scope.extend(AioFile.open(source), fromScope)
      const to = yield* Scope.extend(AioFile.open(target, { flag: "r+" }), toScope)
      expect(yield* from.sendfile(to, { offset: 10, length: 100 })).toBe(100)
      expect((yield* copied).equals(bytes.subarray(10, 110))).toBe(true)
      yield* Aio.write(writer, new Uint8Array(65_536))
      const sending = yield* Effect.fork(from.sendfile(writer, { offset: 0, length: 65_536 }))
      yield* statsReach({ executing: 1 })
      const closing = yield* Effect.fork(Scope.close(fromScope, Exit.void))
      yield* Effect.yieldNow()
      expect(yield* Effect.flip(from.sendfile(to, { length: 1 }))).toMatchObject({ argument: "file" })
      yield* Fiber.interrupt(sending)
      yield* Fiber.join(closing)
      yield* Scope.close(toScope, Exit.void)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})

describe.each(realBackends)("$name, with peers", ({ layerWith, world }) => {
  it.scopedLive(
    "sendfile to sockets whose peers do not read holds up nothing else, and ends when it is interrupted",
    () =>
      Effect.gen(function* () {
        const { source } = yield* place(world)
        const from = yield* AioFile.open(source)
        const large = fs.openSync(source, "r+")
        fs.ftruncateSync(large, 8 << 20)
        fs.closeSync(large)
        const pairs = yield* Effect.all(Array.from({ length: 6 }, () => socketPair))
        const sending = yield* Effect.forEach(pairs, ([socket]) =>
          Effect.fork(from.sendfile(socket, { offset: 0, length: 8 << 20 }))
        )
        yield* statsReach({ executing: 6 })
        // More than there are threads, and this needs one.
        expect((yield* Aio.statvfs(source)).blocks).toBeGreaterThan(0n)
        expect(yield* from.sendfile(yield* descriptorOf(join(source, "../sent"), "w"), { offset: 0, length: 10 })).toBe(
          10
        )
        for (const fiber of sending) yield* Fiber.interrupt(fiber)
        // What was sent is there, and is the file's.
        const into = Buffer.alloc(1000)
        expect(yield* Aio.read(pairs[0][1], into)).toBe(1000)
        expect(into.equals(bytes.subarray(0, 1000))).toBe(true)
        expect((yield* Aio.stats).outstanding).toBe(0)
      }).pipe(Effect.provide(layerWith({ maxParallel: 2 })))
  )

  it.scopedLive("a non-blocking socket whose peer does not read keeps no thread", () =>
    Effect.gen(function* () {
      const { from } = yield* place(world)
      const pairs = yield* Effect.all(Array.from({ length: 6 }, () => socketPair))
      for (const [socket] of pairs) systemCall("fcntl", socket, F_SETFL, fs.constants.O_NONBLOCK)
      /** The file again and again. */
      const endless = ([socket]: readonly [number, number]) => {
        let offset = 0
        return Effect.forever(
          Effect.suspend(() =>
            Effect.map(Aio.sendfile(from, socket, { offset, length: SIZE }), (count) => {
              offset = (offset + count) % SIZE
            })
          )
        )
      }
      const sending = yield* Effect.forEach(pairs, (pair) => Effect.fork(endless(pair)))
      // All wait, and none in a thread.
      yield* statsReach(
        ({ executing, idleThreads, threads }) => executing === 6 && threads > 0 && threads === idleThreads
      )
      const [[, peer]] = pairs
      const into = Buffer.alloc(SIZE)
      let received = 0
      while (received < 10 * SIZE) {
        const count = yield* Aio.read(peer, into)
        const first = bytes[received % SIZE]
        expect([into[0], count > 0]).toEqual([first, true])
        received += count
      }
      for (const fiber of sending) yield* Fiber.interrupt(fiber)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layerWith({ maxParallel: 2 })))
  )

  it.scopedLive("splice between a socket and another program's pipe", () =>
    Effect.gen(function* () {
      const { source, target } = yield* place(world)
      const [[socket, peer], [reader, writer]] = [yield* socketPair, yield* world.pipe]
      const waiting = yield* Effect.fork(Aio.splice(socket, writer, { length: 100 }))
      yield* statsReach({ executing: 1 })
      fs.writeSync(peer, "from a socket")
      expect(yield* Fiber.join(waiting)).toBe(13)
      expect(yield* Aio.splice(reader, socket, { length: 100 })).toBe(13)
      expect(yield* textFrom(peer)).toBe("from a socket")
      // As cat(1) copies it.
      const to = yield* descriptorOf(target, "w")
      expect(yield* Aio.sendfile(yield* descriptorOf(source), to, { length: SIZE })).toBe(SIZE)
      expect(execFileSync("cat", [target]).equals(execFileSync("cat", [source]))).toBe(true)
    }).pipe(Effect.provide(layerWith({})))
  )
})
