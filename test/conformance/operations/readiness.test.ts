/** pollFd. */
import * as fs from "node:fs"
import * as net from "node:net"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio } from "effect-aio"
import { backends, realBackends } from "../../support/backends.ts"
import { makeFifos } from "../../support/fifo.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { eventFd, socketPair, terminal } from "../../support/waitable.ts"
import { descriptorOf } from "../../support/world.ts"

const nothing: Aio.Readiness = { readable: false, writable: false, priority: false, hangUp: false, error: false }
const both = { readable: true, writable: true }

/** Starts a poll that is still waiting a moment later. */
const waiting = (fd: number, interest: Aio.Interest) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(Aio.pollFd(fd, interest))
    yield* Effect.sleep(30)
    expect(fiber.unsafePoll()).toBeNull()
    return fiber
  })

const joined = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) => Effect.timeout(Fiber.join(fiber), "30 seconds")

describe.each(backends)("$name: pollFd", ({ layer, world }) => {
  it.scopedLive("files and directories are always ready", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      yield* world.writeFile(join(directory, "file"), "")
      const fd = yield* descriptorOf(join(directory, "file"), "r+")
      expect(yield* Aio.pollFd(fd, both)).toEqual({ ...nothing, ...both })
      expect(yield* Aio.pollFd(fd, { readable: true })).toEqual({ ...nothing, readable: true })
      expect(yield* Aio.pollFd(fd, { writable: true })).toEqual({ ...nothing, writable: true })
      const list = yield* descriptorOf(directory, fs.constants.O_DIRECTORY)
      expect(yield* Aio.pollFd(list, { readable: true })).toEqual({ ...nothing, readable: true })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a pipe: bytes to read, room to write, and none of it", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      expect(yield* Aio.pollFd(writer, { writable: true })).toEqual({ ...nothing, writable: true })
      const readable = yield* waiting(reader, { readable: true })
      yield* Aio.write(writer, Buffer.from("bytes"))
      expect(yield* joined(readable)).toEqual({ ...nothing, readable: true })
      // Asking takes nothing away.
      expect(yield* Aio.pollFd(reader, { readable: true })).toEqual({ ...nothing, readable: true })
      const into = Buffer.alloc(10)
      expect(yield* Aio.read(reader, into)).toBe(5)
      const again = yield* waiting(reader, { readable: true })
      yield* Aio.write(writer, Buffer.from("more"))
      expect(yield* joined(again)).toEqual({ ...nothing, readable: true })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a full pipe has room again when it has been read from", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      // pipe(7): it has 64 KiB.
      const bytes = Buffer.alloc(65_536)
      expect(yield* Aio.write(writer, bytes)).toBe(bytes.length)
      const writable = yield* waiting(writer, { writable: true })
      expect(yield* Aio.read(reader, bytes)).toBe(bytes.length)
      expect(yield* joined(writable)).toEqual({ ...nothing, writable: true })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a pipe whose writer leaves hangs up, with bytes or without", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      yield* Aio.write(writer, Buffer.from("last words"))
      yield* Aio.close(writer)
      expect(yield* Aio.pollFd(reader, { readable: true })).toEqual({ ...nothing, readable: true, hangUp: true })
      yield* Aio.read(reader, Buffer.alloc(100))
      expect(yield* Aio.pollFd(reader, { readable: true })).toEqual({ ...nothing, hangUp: true })
      const [other, peer] = yield* world.pipe
      const ready = yield* waiting(other, { readable: true })
      yield* Aio.close(peer)
      expect(yield* joined(ready)).toEqual({ ...nothing, hangUp: true })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a pipe whose reader leaves is an error to the writer", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      yield* Aio.close(reader)
      expect(yield* Aio.pollFd(writer, { writable: true })).toEqual({ ...nothing, writable: true, error: true })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("several that wait for the same descriptor are all told", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => waiting(reader, { readable: true }))
      const bystander = yield* Effect.fork(Aio.read(reader, Buffer.alloc(3)))
      yield* Fiber.interrupt(fibers[1])
      yield* Fiber.interrupt(bystander)
      yield* Aio.write(writer, Buffer.from("bytes"))
      for (const fiber of [fibers[0], fibers[2], fibers[3]]) {
        expect(yield* joined(fiber)).toEqual({ ...nothing, readable: true })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is not open is EBADF", () =>
    Effect.gen(function* () {
      const [reader] = yield* world.pipe
      yield* Aio.close(reader)
      for (const fd of [999_999, 0x7fffffff]) {
        expect(yield* Effect.flip(Aio.pollFd(fd, both))).toMatchObject({ code: "EBADF", operation: "pollFd", fd })
      }
    }).pipe(Effect.provide(layer))
  )
})

describe.each(realBackends)("$name: pollFd of what only an operating system has", ({ layer, layerWith }) => {
  it.scopedLive("a descriptor that stands for a name only (O_PATH) is EBADF", () =>
    Effect.gen(function* () {
      const fd = yield* descriptorOf("/", 0o10000000)
      expect(yield* Effect.flip(Aio.pollFd(fd, { readable: true }))).toMatchObject({ code: "EBADF", fd })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("/dev/null, /dev/zero", () =>
    Effect.gen(function* () {
      for (const path of ["/dev/null", "/dev/zero"]) {
        const fd = yield* descriptorOf(path, "r+")
        expect(yield* Aio.pollFd(fd, both)).toEqual({ ...nothing, ...both })
        expect(yield* Aio.pollFd(fd, { readable: true })).toEqual({ ...nothing, readable: true })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a FIFO", () =>
    Effect.gen(function* () {
      const [path] = makeFifos(yield* temporaryDirectory, 1)
      const reader = yield* descriptorOf(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
      const fiber = yield* waiting(reader, { readable: true })
      const writer = yield* descriptorOf(path, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK)
      yield* Aio.write(writer, Buffer.from("x"))
      expect(yield* joined(fiber)).toEqual({ ...nothing, readable: true })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a pair of sockets", () =>
    Effect.gen(function* () {
      const [one, other] = yield* socketPair
      expect(yield* Aio.pollFd(one, both)).toEqual({ ...nothing, writable: true })
      const readable = yield* waiting(one, { readable: true })
      fs.writeSync(other, "x")
      expect(yield* joined(readable)).toEqual({ ...nothing, readable: true })
      fs.readSync(one, Buffer.alloc(1))
      const left = yield* waiting(one, { readable: true })
      fs.closeSync(other)
      expect(yield* joined(left)).toEqual({ ...nothing, readable: true, hangUp: true })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a TCP connection, out-of-band data included", () =>
    Effect.gen(function* () {
      const server = net.createServer().listen(0, "127.0.0.1")
      yield* Effect.async<void>((resume) => void server.once("listening", () => resume(Effect.void)))
      const { port } = server.address() as net.AddressInfo
      const accepted = new Promise<net.Socket>((resolve) => server.once("connection", resolve))
      const client = net.connect(port, "127.0.0.1")
      const peer = yield* Effect.promise(() => accepted)
      client.pause()
      const fd = (client as unknown as { readonly _handle: { readonly fd: number } })._handle.fd
      const readable = yield* waiting(fd, { readable: true })
      peer.write("bytes")
      expect((yield* joined(readable)).readable).toBe(true)
      expect((yield* Aio.pollFd(fd, both)).writable).toBe(true)
      client.destroy()
      peer.destroy()
      yield* Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a terminal, and one whose other side hangs up", () =>
    Effect.gen(function* () {
      const [fd, person] = yield* terminal
      expect((yield* Aio.pollFd(fd, both)).writable).toBe(true)
      const readable = yield* waiting(fd, { readable: true })
      fs.writeSync(person, "line\n")
      expect(yield* joined(readable)).toEqual({ ...nothing, readable: true })
      fs.readSync(fd, Buffer.alloc(10))
      const left = yield* waiting(fd, { readable: true })
      fs.closeSync(person)
      expect((yield* joined(left)).hangUp).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("an eventfd", () =>
    Effect.gen(function* () {
      const fd = yield* eventFd
      expect(yield* Aio.pollFd(fd, both)).toEqual({ ...nothing, writable: true })
      const readable = yield* waiting(fd, { readable: true })
      fs.writeSync(fd, new Uint8Array(new BigUint64Array([1n]).buffer))
      expect(yield* joined(readable)).toEqual({ ...nothing, readable: true })
      // The largest count there is: a write has to wait until somebody reads.
      fs.writeSync(fd, new Uint8Array(new BigUint64Array([2n ** 64n - 3n]).buffer))
      const writable = yield* waiting(fd, { writable: true })
      fs.readSync(fd, Buffer.alloc(8))
      expect(yield* joined(writable)).toEqual({ ...nothing, writable: true })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a change of the mounts is a priority event", () =>
    Effect.gen(function* () {
      // proc_pid_mounts(5): readable all the time, priority and error after a change. There is none now, unless somebody mounts
      // something just then: a descriptor that is opened afterwards knows nothing of that.
      const isQuiet = Effect.gen(function* () {
        const fd = yield* descriptorOf("/proc/self/mounts")
        const fiber = yield* Effect.fork(Aio.pollFd(fd, { priority: true }))
        yield* Effect.sleep(30)
        if (fiber.unsafePoll() === null) return yield* Effect.as(Fiber.interrupt(fiber), true)
        expect((yield* Fiber.join(fiber)).priority).toBe(true)
        return false
      }).pipe(Effect.scoped)
      let attempts = 1
      while (!(yield* isQuiet)) expect(attempts++).toBeLessThan(20)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("sixty that wait take no thread from what does not, and end at once", () =>
    Effect.gen(function* () {
      const pairs = yield* Effect.forEach(Array.from({ length: 60 }), () => socketPair)
      const fibers = yield* Effect.forEach(pairs, ([fd]) => Effect.fork(Aio.pollFd(fd, { readable: true })))
      yield* Effect.sleep(30)
      yield* Effect.timeout(Aio.statvfs("/"), "30 seconds")
      for (const [, other] of pairs.slice(0, 30)) fs.writeSync(other, "x")
      for (const fiber of fibers.slice(0, 30)) expect((yield* joined(fiber)).readable).toBe(true)
      yield* Effect.timeout(Fiber.interruptAll(fibers), "30 seconds")
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layerWith({ maxParallel: 1 })))
  )
})
