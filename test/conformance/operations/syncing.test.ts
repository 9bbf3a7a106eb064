/** syncFileRange, syncfs, sync, and what a path names. */
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioFile, MockAio } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { makeFifos } from "../../support/fifo.ts"
import { addressOf, systemCall } from "../../support/systemCalls.ts"
import { descriptorOf } from "../../support/world.ts"

const PAGES = 16

/** Pages of the file that are not on the disk yet, or `undefined` where the kernel does not tell: cachestat(2), Linux 6.5. */
const dirtyPages = (fd: number): number | undefined => {
  const [range, answer] = [BigUint64Array.of(0n, 0n), new BigUint64Array(5)]
  const result = systemCall("cachestat", fd, addressOf(range), addressOf(answer), 0)
  // Dirty, and being written.
  return result === 0 ? Number(answer[1] + answer[2]) : undefined
}

describe.each(backends)("$name: syncing", ({ layer, real, world }) => {
  it.scopedLive("what was written is on the disk afterwards", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "file")
      const file = yield* AioFile.open(path, { flag: "w+" })
      const ways: Record<string, Effect.Effect<void, unknown, Aio.Aio>> = {
        syncFileRange: Aio.syncFileRange(file, { waitBefore: true, waitAfter: true }),
        part: Aio.syncFileRange(file.fd, { offset: 0, length: PAGES * 4096, waitAfter: true }),
        "a long part": Aio.syncFileRange(file, { offset: 0n, length: 2n ** 40n, waitAfter: true }),
        syncfs: Aio.syncfs(file),
        sync: Aio.sync(),
        pathsync: AioFile.pathsync(path)
      }
      for (const [name, way] of Object.entries(ways)) {
        yield* file.write(Buffer.alloc(PAGES * 4096, name), { offset: 0 })
        yield* way
        if (real) expect([name, dirtyPages(file.fd) ?? 0]).toEqual([name, 0])
      }
      // Nothing is asked for: nothing is done.
      yield* Aio.syncFileRange(file, { write: false })
      // What has no pages of its own.
      yield* AioFile.pathsync(join(path, ".."))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what cannot be synced says why", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const path = join(directory, "file")
      yield* world.writeFile(path, "content")
      const fd = yield* descriptorOf(path)
      const [reader] = yield* world.pipe
      const refused = (use: Effect.Effect<unknown, unknown, Aio.Aio>, expected: object) =>
        Effect.map(Effect.flip(use), (error) => expect(error).toMatchObject(expected))
      yield* refused(Aio.syncFileRange(reader), { code: "ESPIPE", operation: "syncFileRange", fd: reader })
      yield* refused(Aio.syncFileRange(1_000_000), { code: "EBADF" })
      yield* refused(Aio.syncfs(1_000_000), { code: "EBADF", operation: "syncfs" })
      yield* refused(AioFile.pathsync(join(directory, "absent")), { code: "ENOENT", operation: "open" })
      yield* refused(AioFile.pathsync("a\0b"), { _tag: "AioBadArgument", argument: "path" })
      yield* refused(Aio.syncfs(-1), { _tag: "AioBadArgument", argument: "fd" })
      yield* refused(Aio.syncFileRange(fd, { offset: -1 }), { _tag: "AioBadArgument", argument: "offset" })
      yield* refused(Aio.syncFileRange(fd, { length: 0.5 }), { _tag: "AioBadArgument", argument: "length" })
      yield* refused(Aio.syncFileRange(fd, { waitAfter: 1 as any }), { _tag: "AioBadArgument", argument: "waitAfter" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive.runIf(real)(
    "pathsync of a FIFO waits for its other side, and leaves nothing open when it is interrupted",
    () =>
      Effect.gen(function* () {
        const [path] = makeFifos(yield* world.directory, 1)
        const waiting = yield* Effect.fork(AioFile.pathsync(path))
        yield* statsReach({ executing: 1 })
        yield* Fiber.interrupt(waiting)
        // No process has it open for reading.
        expect(yield* Effect.flip(Aio.open(path, { flag: 0o4001 }))).toMatchObject({ code: "ENXIO" })
      }).pipe(Effect.provide(layer))
  )
})

describe("mock: a loss of power", () => {
  for (const [name, use] of Object.entries({ sync: () => Aio.sync(), syncfs: (fd: number) => Aio.syncfs(fd) })) {
    it.scopedLive(`keeps what was there before ${name}`, () =>
      Effect.gen(function* () {
        yield* Aio.mkdir("/tmp/made")
        yield* AioFile.writeFile("/tmp/made/file", "content")
        yield* use(yield* descriptorOf("/tmp"))
        expect((yield* MockAio.crash({ seed: 1 })).lost).toEqual([])
        expect(yield* AioFile.readFileString("/tmp/made/file")).toBe("content")
      }).pipe(Effect.provide(MockAio.layer()))
    )
  }
})
