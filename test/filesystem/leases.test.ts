/** A file on which somebody has a lease, fcntl(2), is opened when the lease has been given up: open(2) waits, and so does everything here. */
import * as fs from "node:fs"
import { dirname, join } from "node:path"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { AioFile, AioFileSystem, AioTree } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { systemCall } from "../support/systemCalls.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const F_SETLEASE = 1024
const F_WRLCK = 1
const F_UNLCK = 2

/** A file with a write lease on it. `asked` ends when somebody wants to open it: the kernel sends SIGIO then. */
const leased = (path: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const fd = fs.openSync(path, "r+")
      const asked = new Promise<void>((resolve) => process.once("SIGIO", resolve))
      expect(systemCall("fcntl", fd, F_SETLEASE, F_WRLCK)).toBe(0)
      return {
        asked: Effect.promise(() => asked),
        giveUp: Effect.sync(() => expect(systemCall("fcntl", fd, F_SETLEASE, F_UNLCK)).toBe(0)),
        fd
      }
    }),
    ({ fd }) =>
      Effect.sync(() => {
        fs.closeSync(fd)
        process.removeAllListeners("SIGIO")
      })
  )

describe.each(realBackends)("$name", ({ layer }) => {
  const text = (path: string) => Effect.sync(() => fs.readFileSync(path, "utf8"))

  it.scopedLive.each<readonly [string, (path: string) => Effect.Effect<string, unknown, any>]>([
    ["AioTree.copy", (path) => Effect.zipRight(AioTree.copy(path, `${path}-copy`), text(`${path}-copy`))],
    [
      "AioTree.copy of a directory",
      (path) => {
        const directory = dirname(path)
        return Effect.zipRight(AioTree.copy(directory, `${directory}-copy`), text(`${directory}-copy/file`))
      }
    ],
    [
      "FileSystem.copyFile",
      (path) =>
        Effect.flatMap(FileSystem.FileSystem, (fs) =>
          Effect.zipRight(fs.copyFile(path, `${path}-copy`), text(`${path}-copy`))
        )
    ],
    ["AioFile.readFile", (path) => Effect.map(AioFile.readFile(path), (bytes) => Buffer.from(bytes).toString())]
  ])("%s waits for a lease", ([, use]) =>
    Effect.gen(function* () {
      const directory = join(yield* temporaryDirectory, "from")
      fs.mkdirSync(directory)
      const path = join(directory, "file")
      fs.writeFileSync(path, "leased")
      const lease = yield* leased(path)
      const fiber = yield* Effect.fork(use(path))
      yield* lease.asked
      expect(fiber.unsafePoll()).toBe(null)
      yield* lease.giveUp
      expect(yield* Fiber.join(fiber)).toBe("leased")
    }).pipe(Effect.provide(AioFileSystem.layer.pipe(Layer.provideMerge(layer))))
  )

  it.scopedLive("a copy that waits for a lease ends when it is interrupted", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, "leased")
      const lease = yield* leased(path)
      const fiber = yield* Effect.fork(AioTree.copy(path, `${path}-copy`))
      yield* lease.asked
      yield* Fiber.interrupt(fiber)
      expect(fs.existsSync(`${path}-copy`)).toBe(false)
      yield* lease.giveUp
    }).pipe(Effect.provide(layer))
  )
})
