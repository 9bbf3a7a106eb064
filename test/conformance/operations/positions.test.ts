/** Transfers at the position that the kernel keeps for a descriptor, of files that were opened here and of borrowed descriptors. */
import { closeSync, constants, openSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Either, Fiber, Stream } from "effect"
import { Aio, AioFile, AioFileSystem, AioOperation } from "effect-aio"
import { backends, realBackends } from "../../support/backends.ts"
import { makeFifos } from "../../support/fifo.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { tiny } from "../../support/tinyFileSystem.ts"
import { descriptorOf } from "../../support/world.ts"

const opened = (path: string, flags: string | number) =>
  Effect.acquireRelease(
    Effect.sync(() => openSync(path, flags)),
    (fd) => Effect.sync(() => closeSync(fd))
  )

const text = (chunks: Iterable<Uint8Array>): string => Buffer.concat([...chunks]).toString()

describe.each(realBackends)("$name: at the position", ({ layer }) => {
  it.scopedLive("a transfer that ends short moves it by what it has moved", (context) =>
    Effect.gen(function* () {
      const directory = yield* tiny
      if (directory === undefined) return context.skip("mounting a small file system takes root")
      const content = Buffer.alloc(100_000, "0123456789abcdefg")
      const ways: Record<string, (fd: number) => Effect.Effect<unknown, unknown, Aio.Aio>> = {
        writeAll: (fd) => Effect.flatMap(AioFile.fromDescriptor(fd), (file) => file.writeAll(content)),
        sink: (fd) =>
          Effect.flatMap(AioFile.fromDescriptor(fd), (file) => Stream.run(Stream.make(content), file.sink())),
        write: (fd) => Effect.flatMap(Aio.write(fd, content), (count) => Aio.write(fd, content.subarray(count))),
        writev: (fd) => Effect.flatMap(Aio.writev(fd, [content]), (count) => Aio.writev(fd, [content.subarray(count)])),
        prepared: (fd) =>
          Effect.flatMap(AioOperation.prepare(AioOperation.write(fd, content)), ({ run }) => Effect.zipRight(run, run)),
        linked: (fd) =>
          Effect.zipRight(
            Effect.exit(AioOperation.linked([AioOperation.write(fd, content), AioOperation.fdatasync(fd)])),
            AioOperation.linked([AioOperation.write(fd, content)])
          )
      }
      for (const [name, write] of Object.entries(ways)) {
        for (const flag of ["w", "a"]) {
          const path = join(directory, "file")
          writeFileSync(path, "")
          const error = yield* Effect.flip(Effect.scoped(Effect.flatMap(opened(path, flag), write)))
          expect([name, flag, error]).toMatchObject([name, flag, { code: "ENOSPC" }])
          const { size } = statSync(path)
          expect(size).toBeGreaterThan(0)
          expect([name, flag, readFileSync(path).equals(content.subarray(0, size))]).toEqual([name, flag, true])
        }
      }
      const path = join(directory, "file")
      const written = yield* Effect.either(
        Effect.flatMap(FileSystem.FileSystem, (fs) => fs.writeFile(path, content))
      ).pipe(Effect.provide(AioFileSystem.layer))
      expect(Either.isLeft(written)).toBe(true)
      expect(readFileSync(path).equals(content.subarray(0, statSync(path).size))).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("several at once keep their bytes together, and none is in another's place", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      const fd = yield* opened(path, "w+")
      const records = Array.from({ length: 40 }, (_, i) => Buffer.alloc(5000, 48 + i))
      yield* Effect.forEach(records, (record) => Aio.write(fd, record), { concurrency: "unbounded" })
      const written = readFileSync(path)
      expect(written.length).toBe(200_000)
      const found = records.map((_, i) => written.subarray(i * 5000, (i + 1) * 5000))
      expect(found.sort(Buffer.compare).every((bytes, i) => bytes.equals(records[i]))).toBe(true)

      const reader = yield* opened(path, "r")
      const parts = yield* Effect.forEach(records, () => Effect.map(read(reader, 5000), Buffer.from), {
        concurrency: "unbounded"
      })
      expect(parts.sort(Buffer.compare).every((bytes, i) => bytes.equals(records[i]))).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what takes no offset refuses one with ESPIPE, and is written to without", () =>
    Effect.gen(function* () {
      const comm = "/proc/self/comm"
      const before = readFileSync(comm)
      yield* Effect.addFinalizer(() => Effect.sync(() => writeFileSync(comm, before)))
      const written = (): string => readFileSync(comm, "utf8").trim()
      const file = yield* AioFile.open(comm, { flag: "r+" })
      const espipe = { _tag: "AioError", code: "ESPIPE", fd: file.fd }
      for (const name of ["write", "writeAll"] as const) {
        expect(yield* Effect.flip(file[name](Buffer.from("no"), { offset: 0 }))).toMatchObject(espipe)
      }
      expect(yield* Effect.flip(file.writev([Buffer.from("no")], { offset: 0 }))).toMatchObject(espipe)
      expect(yield* Effect.flip(Aio.write(file.fd, Buffer.from("no"), { offset: 0 }))).toMatchObject(espipe)
      expect(written()).toBe(before.toString().trim())
      expect(yield* file.write(Buffer.from("aio-write"))).toBe(9)
      expect(written()).toBe("aio-write")
      // It can be read at one.
      expect(Buffer.from(yield* file.readAlloc(100, { offset: 4 })).toString()).toBe("write\n")
      yield* Stream.run(Stream.make(Buffer.from("aio-sink")), file.sink())
      expect(written()).toBe("aio-sink")
      yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.writeFileString(comm, "aio-file")).pipe(
        Effect.provide(AioFileSystem.layer)
      )
      expect(written()).toBe("aio-file")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a pipe with O_NONBLOCK is waited for all the same", () =>
    Effect.gen(function* () {
      const [path] = makeFifos(yield* temporaryDirectory, 1)
      const reader = yield* opened(path, constants.O_RDONLY | constants.O_NONBLOCK)
      // Nobody has opened it for writing: that is its end, as read(2) says.
      expect(yield* Aio.read(reader, new Uint8Array(8))).toBe(0)
      const writer = yield* opened(path, constants.O_WRONLY | constants.O_NONBLOCK)
      for (const interrupted of [true, false]) {
        const waiting = yield* Effect.fork(read(reader, 8))
        const vector = yield* Effect.fork(Aio.readv(reader, [new Uint8Array(8)]))
        yield* untilUnderWay(2)
        if (interrupted) yield* Fiber.interruptAll([waiting, vector])
        else {
          yield* Aio.write(writer, Buffer.from("one"))
          yield* Effect.raceFirst(Fiber.join(waiting), Fiber.join(vector))
          yield* Aio.write(writer, Buffer.from("two"))
          expect(Buffer.from(yield* Fiber.join(waiting)).toString()).toMatch(/^(one|two)$/)
          expect(yield* Fiber.join(vector)).toBe(3)
        }
      }
      const bytes = Buffer.alloc(1 << 20, "0123456789abcdefg")
      const file = yield* AioFile.fromDescriptor(writer)
      const source = yield* AioFile.fromDescriptor(reader)
      const [, all] = yield* Effect.all([file.writeAll(bytes), source.readExactly(bytes.length)], { concurrency: 2 })
      expect(bytes.equals(all)).toBe(true)
    }).pipe(Effect.timeout("50 seconds"), Effect.provide(layer))
  )
})

const read = (fd: number, length: number): Effect.Effect<Uint8Array, unknown, Aio.Aio> => {
  const buffer = new Uint8Array(length)
  return Effect.map(Aio.read(fd, buffer), (count) => buffer.subarray(0, count))
}

const untilUnderWay = (count: number): Effect.Effect<void, never, Aio.Aio> =>
  Effect.repeat(Effect.zipRight(Effect.sleep(1), Aio.stats), {
    until: ({ executing, outstanding }) => outstanding === count && executing === count
  })

describe.each(backends)("$name: a borrowed descriptor", ({ layer, world }) => {
  it.scopedLive("a sink goes on where it stands, and what others write joins on", () =>
    Effect.gen(function* () {
      for (const flag of ["w", "a"] as const) {
        const path = join(yield* world.directory, "file")
        yield* world.writeFile(path, "before ")
        const fd = yield* descriptorOf(path, flag)
        yield* Aio.write(fd, Buffer.from("header "))
        const file = yield* AioFile.fromDescriptor(fd)
        yield* Stream.run(Stream.make(Buffer.from("one "), Buffer.from("two ")), file.sink())
        yield* file.writeAll(Buffer.from("three "))
        yield* Aio.write(fd, Buffer.from("footer"))
        const content = (yield* world.readFile(path)).toString()
        expect(content).toBe(`${flag === "a" ? "before " : ""}header one two three footer`)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a stream takes no bytes that nobody waits for", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      const file = yield* AioFile.fromDescriptor(reader)
      const write = (letter: string) => Aio.write(writer, Buffer.from(letter))
      const pull = Effect.map(yield* Stream.toPull(file.stream()), text)
      yield* write("a")
      expect(yield* pull).toBe("a")
      expect((yield* Aio.stats).outstanding).toBe(0)
      const waiting = yield* Effect.fork(pull)
      yield* untilUnderWay(1)
      yield* Fiber.interrupt(waiting)
      yield* untilUnderWay(0)
      yield* write("b")
      const byte = new Uint8Array(1)
      expect(yield* Aio.read(reader, byte)).toBe(1)
      expect(text([byte])).toBe("b")
      yield* write("c")
      expect(yield* pull).toBe("c")
      const drained = yield* Effect.fork(Stream.runDrain(file.stream()))
      yield* untilUnderWay(1)
      yield* Fiber.interrupt(drained)
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("nor does it read ahead there", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "file")
      yield* world.writeFile(path, "0123456789")
      const fd = yield* descriptorOf(path)
      const file = yield* AioFile.fromDescriptor(fd)
      const pull = Effect.map(yield* Stream.toPull(file.stream({ chunkSize: 2 })), text)
      expect(yield* pull).toBe("01")
      expect((yield* Aio.stats).outstanding).toBe(0)
      expect(text([yield* file.readAlloc(2)])).toBe("23")
      expect(yield* pull).toBe("456789")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("so does a stream; one with an offset starts there, and so does that of a file that was opened", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "file")
      yield* world.writeFile(path, "header content footer")
      const fd = yield* descriptorOf(path)
      yield* Aio.read(fd, new Uint8Array(7))
      const file = yield* AioFile.fromDescriptor(fd)
      const all = (options?: AioFile.StreamOptions) =>
        Effect.map(Stream.runCollect(file.stream(options)), (chunks) => text(Chunk.toReadonlyArray(chunks)))
      expect(yield* all({ length: 4 })).toBe("cont")
      expect(Buffer.from(yield* file.readExactly(4)).toString()).toBe("ent ")
      expect(yield* all({ offset: 7, length: 7 })).toBe("content")
      expect(yield* all()).toBe("footer")
      expect(yield* all()).toBe("")
      const own = yield* AioFile.open(path, { flag: "r+" })
      yield* own.readAlloc(3)
      expect(text(Chunk.toReadonlyArray(yield* Stream.runCollect(own.stream())))).toBe("header content footer")
      yield* Stream.run(Stream.make(Buffer.from("HEADER")), own.sink())
      expect((yield* world.readFile(path)).toString()).toBe("HEADER content footer")
    }).pipe(Effect.provide(layer))
  )
})
