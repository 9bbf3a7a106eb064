/** Reads, writes and syncs through glibc give what node:fs gives, and touch nothing beside their buffers. */
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, type Scope, Stream } from "effect"
import { Aio, AioBuffer, type AioError, AioEvents, AioFile } from "effect-aio"
import * as PosixAio from "effect-aio/PosixAio"
import { idlePipe } from "../../support/fifo.ts"
import { nextTurn } from "../../support/moments.ts"
import { random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const layer = PosixAio.layer({ inline: false })
const CANARY = 0xa5
const MARGIN = 64

/** A buffer in the middle of a larger one. */
const guarded = (length: number) => {
  const whole = new Uint8Array(length + 2 * MARGIN).fill(CANARY)
  return {
    buffer: whole.subarray(MARGIN, MARGIN + length),
    intact: () =>
      whole.subarray(0, MARGIN).every((byte) => byte === CANARY) &&
      whole.subarray(MARGIN + length).every((byte) => byte === CANARY)
  }
}

const opened = (path: string, flags: string | number): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => fs.openSync(path, flags)),
    (fd) => Effect.sync(() => fs.closeSync(fd))
  )

const code = (effect: Effect.Effect<unknown, AioError.AioFailure, Aio.Aio>) =>
  Effect.map(Effect.either(effect), (either) =>
    Either.isRight(either) ? "none" : either.left._tag === "AioError" ? either.left.code : either.left._tag
  )

const LENGTH = 1 << 20

describe("PosixAio", () => {
  it.scopedLive(`500 reads and writes at random places, 32 at once (SEED=${seed})`, () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const numbers = random()
      const model = Buffer.from(Array.from({ length: LENGTH }, (_, i) => (i * 31 + (i >> 8)) & 255))
      const path = join(directory, "file")
      fs.writeFileSync(path, model)
      const fds = yield* Effect.all([opened(path, "r+"), opened(path, "r+"), opened(path, "r+")])
      // Regions of their own, so that the order of writes does not matter.
      const region = LENGTH / 32
      const one = (worker: number) =>
        Effect.gen(function* () {
          const length = numbers.integer(8192)
          const offset = worker * region + numbers.integer(region - 8192)
          const { buffer, intact } = guarded(length)
          const fd = numbers.pick(fds)
          if (numbers.integer(2) === 0) {
            expect(yield* Aio.read(fd, buffer, { offset })).toBe(length)
            expect(Buffer.compare(buffer, model.subarray(offset, offset + length))).toBe(0)
          } else {
            buffer.fill(numbers.integer(256))
            model.set(buffer, offset)
            expect(yield* Aio.write(fd, buffer, { offset })).toBe(length)
          }
          expect(intact()).toBe(true)
        })
      yield* Effect.forEach(
        Array.from({ length: 32 }, (_, worker) => worker),
        (worker) => Effect.repeatN(one(worker), 15),
        { concurrency: "unbounded", discard: true }
      )
      for (const fd of fds) {
        yield* Aio.fsync(fd)
        yield* Aio.fdatasync(fd)
      }
      expect(Buffer.compare(fs.readFileSync(path), model)).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("partial results are results: at the end of the file, and beyond it", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, "0123456789")
      const fd = yield* opened(path, "r")
      const { buffer, intact } = guarded(100)
      expect(yield* Aio.read(fd, buffer, { offset: 4 })).toBe(6)
      expect(Buffer.from(buffer.subarray(0, 7)).toString("latin1")).toBe("456789\xa5")
      expect(yield* Aio.read(fd, buffer, { offset: 10 })).toBe(0)
      expect(yield* Aio.read(fd, new Uint8Array(0), { offset: 4 })).toBe(0)
      expect(intact()).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("offsets beyond 2^32 and 2^53", () =>
    Effect.gen(function* () {
      const fd = yield* opened(join(yield* temporaryDirectory, "holes"), "w+")
      for (const offset of [2 ** 32 - 2, 2 ** 40 + 1]) {
        expect(yield* Aio.write(fd, Buffer.from("far"), { offset })).toBe(3)
        const buffer = Buffer.alloc(3)
        expect(yield* Aio.read(fd, buffer, { offset })).toBe(3)
        expect([buffer.toString(), fs.fstatSync(fd).size]).toEqual(["far", offset + 3])
      }
      expect(yield* Aio.read(fd, new Uint8Array(8), { offset: 2n ** 60n })).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("with O_APPEND, writes append", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, "begin ")
      const fd = yield* opened(path, "a")
      expect(yield* Aio.write(fd, Buffer.from("end"), { offset: 0 })).toBe(3)
      expect(fs.readFileSync(path, "utf8")).toBe("begin end")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("errors are those of the system calls", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, new Uint8Array(8192))
      const page = AioBuffer.aligned(4096)
      const reading = yield* opened(path, "r")
      const writing = yield* opened(`${path}-2`, "w")
      const direct = yield* opened(path, fs.constants.O_RDONLY | fs.constants.O_DIRECT)
      const directory = yield* opened("/", "r")
      expect(yield* code(Aio.read(9999, page, { offset: 0 }))).toBe("EBADF")
      expect(yield* code(Aio.read(writing, page, { offset: 0 }))).toBe("EBADF")
      expect(yield* code(Aio.write(reading, page, { offset: 0 }))).toBe("EBADF")
      expect(yield* code(Aio.fsync(9999))).toBe("EBADF")
      expect(yield* code(Aio.read(directory, page, { offset: 0 }))).toBe("EISDIR")
      expect(yield* code(Aio.fsync(directory))).toBe("none")
      expect(yield* code(Aio.fsync(reading))).toBe("none")
      expect(yield* code(Aio.read(direct, page.subarray(1), { offset: 0 }))).toBe("EINVAL")
      expect(yield* code(Aio.read(direct, page, { offset: 0 }))).toBe("none")
      const full = yield* opened("/dev/full", "r+")
      expect(yield* code(Aio.write(full, page, { offset: 0 }))).toBe("ENOSPC")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what is wrong about the arguments is said before anything happens", () =>
    Effect.gen(function* () {
      const problem = (effect: Effect.Effect<unknown, { readonly _tag: string }, Aio.Aio>) =>
        Effect.map(Effect.flip(effect), ({ _tag }) => _tag)
      const garbage = [undefined, null, "3", 1.5, -1, Number.NaN, 2 ** 40, {}] as Array<any>
      for (const fd of garbage) {
        expect(yield* problem(Aio.read(fd, new Uint8Array(1), { offset: 0 }))).toBe("AioBadArgument")
        expect(yield* problem(Aio.fsync(fd))).toBe("AioBadArgument")
      }
      for (const buffer of [undefined, null, "abc", {}] as Array<any>) {
        expect(yield* problem(Aio.write(1, buffer, { offset: 0 }))).toBe("AioBadArgument")
      }
      expect(yield* problem(Aio.read(0, new Uint8Array(1), { offset: -1 }))).toBe("AioBadArgument")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("of a batch, one fails and the others succeed", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, new Uint8Array(4096).fill(7))
      const fd = yield* opened(path, "r")
      const fds = Array.from({ length: 20 }, (_, i) => (i === 7 ? 9999 : fd))
      const codes = yield* Effect.forEach(fds, (fd) => code(Aio.read(fd, new Uint8Array(64), { offset: 0 })), {
        concurrency: "unbounded"
      })
      expect(codes).toEqual(fds.map((fd) => (fd === 9999 ? "EBADF" : "none")))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what may wait for a peer, or moves a position, runs in the pool", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, "abcdef")
      const fd = yield* opened(path, "r+")
      const pipe = yield* idlePipe
      const zero = yield* opened("/dev/zero", "r")
      const byte = new Uint8Array(1)
      const requests = {
        read: Aio.read(fd, byte, { offset: 0 }),
        write: Aio.write(fd, byte, { offset: 0 }),
        fsync: Aio.fsync(fd),
        fdatasync: Aio.fdatasync(fd),
        "first byte": Aio.read(fd, byte),
        "second byte": Aio.read(fd, byte),
        readv: Aio.readv(fd, [byte], { offset: 0 }),
        pipe: Aio.read(pipe, byte, { offset: 0 }),
        device: Aio.read(zero, byte, { offset: 0 })
      }
      const completions = yield* AioEvents.completions({ scoped: true })
      const backends: Array<string> = []
      const seen = Stream.runForEach(completions, ({ backend }) => Effect.sync(() => backends.push(backend)))
      yield* Effect.forkScoped(seen)
      const results: Record<string, unknown> = {}
      for (const [name, request] of Object.entries<Effect.Effect<unknown, AioError.AioFailure, Aio.Aio>>(requests)) {
        const before = backends.length
        const answer = yield* code(request)
        while (backends.length === before) yield* nextTurn
        results[name] = [backends[before], answer, String.fromCharCode(byte[0])]
      }
      expect(results).toEqual({
        read: ["posix", "none", "a"],
        write: ["posix", "none", "a"],
        fsync: ["posix", "none", "a"],
        fdatasync: ["posix", "none", "a"],
        "first byte": ["threads", "none", "a"],
        "second byte": ["threads", "none", "b"],
        readv: ["threads", "none", "a"],
        pipe: ["threads", "ESPIPE", "a"],
        device: ["threads", "none", "\0"]
      })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("cold and direct reads of a file", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      const bytes = Buffer.from(Array.from({ length: 1 << 18 }, (_, i) => (i * 7 + (i >> 9)) & 255))
      fs.writeFileSync(path, bytes)
      const file = yield* AioFile.open(path, { direct: true })
      const pages = Array.from({ length: 64 }, () => AioBuffer.aligned(4096))
      yield* Effect.forEach(pages, (page, i) => file.read(page, { offset: i * 4096 }), { concurrency: "unbounded" })
      expect(Buffer.compare(Buffer.concat(pages), bytes)).toBe(0)
    }).pipe(Effect.provide(PosixAio.layer()))
  )
})
