/** Files of a user-space file system that reads and writes past the page cache: what pread(2) says, on every backend. */
import { closeSync, constants, openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioBuffer, AioFile, AioFileSystem, AioOperation } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { hasUserFileSystems, userFileSystem } from "../../support/userFileSystem.ts"

const EIO = 5

const SIZE = 10_000
const content = Buffer.from(Array.from({ length: SIZE }, (_, i) => 65 + Math.floor(i / 1000)))

describe.runIf(hasUserFileSystems).each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("reads tell as many bytes as there are, and errors", () =>
    Effect.gen(function* () {
      const served = yield* userFileSystem({ direct_io: true, attr_timeout: 0, entry_timeout: 0 })
      for (const name of ["plain", "zero", "broken"]) writeFileSync(join(served.source, name), content)
      for (const name of ["plain", "zero"]) {
        // As files of /proc have it: a size of 0, and bytes.
        if (name === "zero") yield* served.when("getattr", { size: 0 })
        const path = join(served.path, name)
        for (const flags of [constants.O_RDWR, constants.O_RDWR | constants.O_DIRECT]) {
          const raw = yield* Effect.acquireRelease(
            Effect.sync(() => openSync(path, flags)),
            (fd) => Effect.sync(() => closeSync(fd))
          )
          const file = yield* AioFile.open(path, { flag: flags })
          const borrowed = yield* AioFile.fromDescriptor(raw)
          const into = AioBuffer.aligned(65536)
          const ways: Record<string, Effect.Effect<number, unknown, Aio.Aio>> = {
            "Aio.read": Aio.read(raw, into, { offset: 0 }),
            "Aio.readv": Aio.readv(raw, [into.subarray(0, 4096), into.subarray(4096)], { offset: 0 }),
            "file.read": file.read(into, { offset: 0 }),
            "file.readv": file.readv([into], { offset: 0 }),
            "borrowed.read": borrowed.read(into, { offset: 0 }),
            "AioOperation.linked": Effect.map(
              AioOperation.linked([
                AioOperation.read(raw, into.subarray(0, 4096), { offset: 0 }),
                AioOperation.read(raw, into.subarray(4096, SIZE), { offset: 4096 })
              ]),
              ([first, second]) => first + second
            ),
            "at the position": borrowed.read(into)
          }
          for (const [way, run] of Object.entries(ways)) {
            into.fill(0)
            const count = yield* run
            expect([name, flags, way, count]).toEqual([name, flags, way, SIZE])
          }
          expect(content.equals(into.subarray(0, SIZE))).toBe(true)
          expect(yield* file.write(into.subarray(0, 4096), { offset: 0 })).toBe(4096)
        }
        expect(content.equals(yield* AioFile.readFile(path))).toBe(true)
        const read = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFile(path))
        expect(content.equals(yield* Effect.provide(read, AioFileSystem.layer))).toBe(true)
      }
      yield* served.when("getattr")
      yield* served.when("read", { error: EIO, from: 4096 })
      const broken = yield* AioFile.open(join(served.path, "broken"))
      for (const read of [
        broken.read(new Uint8Array(65536), { offset: 0 }),
        Aio.read(broken.fd, new Uint8Array(65536), { offset: 0 }),
        broken.readExactly(8192, { offset: 4096 })
      ]) {
        expect(yield* Effect.flip(read as Effect.Effect<unknown, unknown, Aio.Aio>)).toMatchObject({ code: "EIO" })
      }
      expect((yield* broken.readExactly(4096, { offset: 0 })).length).toBe(4096)
    }).pipe(Effect.provide(layer))
  )
})
