/** What waits for a peer that never comes does not keep from work what only needs the disk. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioFile } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { idlePipes, makeFifos } from "../../support/fifo.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const WAITING = 40

const diskWork = (path: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      writeFileSync(path, "content")
      const file = yield* AioFile.open(path, { flag: "r+" })
      yield* file.writeAll(Buffer.from("CONTENT"), { offset: 0 })
      yield* file.sync
      expect((yield* Aio.stat(path)).size).toBe(7n)
      expect(Buffer.from(yield* file.readAlloc(10, { offset: 0 })).toString()).toBe("CONTENT")
      yield* Aio.unlink(path)
    })
  )

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive(`beside ${WAITING} reads of idle pipes`, () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const pipes = yield* idlePipes(WAITING)
      const waiting = yield* Effect.forEach(pipes, (fd) => Effect.fork(Aio.read(fd, new Uint8Array(8))))
      yield* Effect.sleep(50)
      const done = yield* Effect.fork(diskWork(join(directory, "file")))
      // Long enough for forty threads to start on a busy machine; what is starved waits for ever.
      yield* Effect.sleep(40_000).pipe(Effect.raceFirst(Fiber.await(done)))
      const inTime = done.unsafePoll() !== null
      // First, so that a failure does not hang.
      yield* Fiber.interruptAll(waiting)
      yield* Fiber.join(done)
      expect(inTime).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive(`beside ${WAITING} opens of FIFOs without the other side`, () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const names = makeFifos(directory, WAITING)
      const waiting = yield* Effect.forEach(names, (name) => Effect.fork(Aio.open(name)))
      yield* Effect.sleep(50)
      const done = yield* Effect.fork(diskWork(join(directory, "file")))
      // Long enough for forty threads to start on a busy machine; what is starved waits for ever.
      yield* Effect.sleep(40_000).pipe(Effect.raceFirst(Fiber.await(done)))
      const inTime = done.unsafePoll() !== null
      yield* Fiber.interruptAll(waiting)
      yield* Fiber.join(done)
      expect(inTime).toBe(true)
    }).pipe(Effect.provide(layer))
  )
})
