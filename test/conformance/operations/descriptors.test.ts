import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { descriptorOf } from "../../support/world.ts"

/** A number that no descriptor here has: a closed one may be somebody else's by the time it is used. */
const NOBODYS = 999_999
const bytes = new Uint8Array(8)

describe.each(backends)("$name: descriptors that are not fit", ({ layer, world }) => {
  it.scopedLive("one that is not open is EBADF, for every operation", () =>
    Effect.gen(function* () {
      const uses: Record<string, Effect.Effect<unknown, unknown, Aio.Aio>> = {
        read: Aio.read(NOBODYS, bytes, { offset: 0 }),
        write: Aio.write(NOBODYS, bytes),
        readv: Aio.readv(NOBODYS, [bytes], { offset: 0 }),
        writev: Aio.writev(NOBODYS, [bytes]),
        close: Aio.close(NOBODYS),
        fsync: Aio.fsync(NOBODYS),
        fdatasync: Aio.fdatasync(NOBODYS),
        fstat: Aio.fstat(NOBODYS),
        ftruncate: Aio.ftruncate(NOBODYS),
        fallocate: Aio.fallocate(NOBODYS, { length: 1 }),
        fadvise: Aio.fadvise(NOBODYS, "normal"),
        readahead: Aio.readahead(NOBODYS, { length: 1 }),
        readdir: Aio.readdir(NOBODYS),
        copyFileRange: Aio.copyFileRange(NOBODYS, NOBODYS, { length: 1 }),
        pollFd: Aio.pollFd(NOBODYS, { readable: true }),
        flock: Aio.flock(NOBODYS, "shared")
      }
      for (const [operation, use] of Object.entries(uses)) {
        expect(yield* Effect.flip(use)).toMatchObject({
          _tag: "AioError",
          code: "EBADF",
          errno: 9,
          operation,
          fd: NOBODYS
        })
      }
      const file = yield* AioFile.fromDescriptor(NOBODYS)
      expect(yield* Effect.flip(file.read(bytes, { offset: 0 }))).toMatchObject({ code: "EBADF" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("one opened for the other direction is EBADF", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "file")
      const [writeOnly, readOnly] = [yield* descriptorOf(path, "w"), yield* descriptorOf(path)]
      for (const offset of [undefined, 0]) {
        expect(yield* Effect.flip(Aio.read(writeOnly, bytes, { offset }))).toMatchObject({ code: "EBADF" })
        expect(yield* Effect.flip(Aio.readv(writeOnly, [bytes], { offset }))).toMatchObject({ code: "EBADF" })
        expect(yield* Effect.flip(Aio.write(readOnly, bytes, { offset }))).toMatchObject({ code: "EBADF" })
        expect(yield* Effect.flip(Aio.writev(readOnly, [bytes], { offset }))).toMatchObject({ code: "EBADF" })
      }
      expect(yield* Effect.flip(Aio.fallocate(readOnly, { length: 5 }))).toMatchObject({ code: "EBADF" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a directory cannot be read as a file", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const file = yield* AioFile.open(directory)
      const eisdir = { _tag: "AioError", code: "EISDIR", operation: "read", fd: file.fd }
      expect(yield* Effect.flip(file.read(bytes, { offset: 0 }))).toMatchObject(eisdir)
      expect(yield* Effect.flip(file.read(bytes))).toMatchObject(eisdir)
      expect(yield* Effect.flip(file.readAlloc(10, { offset: 0 }))).toMatchObject(eisdir)
      expect(yield* Effect.flip(file.readv([bytes], { offset: 0 }))).toMatchObject({
        code: "EISDIR",
        operation: "readv"
      })
      expect(yield* Effect.flip(Aio.open(directory, { flag: "r+" }))).toMatchObject({ code: "EISDIR" })
      yield* file.sync
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("one that somebody else opened, closed or replaced is what it is now", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      yield* world.writeFile(join(directory, "one"), "one")
      yield* world.writeFile(join(directory, "two"), "two")
      const fd = yield* Aio.open(join(directory, "one"))
      const into = Buffer.alloc(3)
      yield* Aio.read(fd, into, { offset: 0 })
      expect(into.toString()).toBe("one")
      yield* Aio.close(fd)
      const again = yield* Aio.open(join(directory, "two"))
      yield* Aio.read(again, into, { offset: 0 })
      expect(into.toString()).toBe("two")
      yield* Aio.close(again)
    }).pipe(Effect.provide(layer))
  )
})
