/** Reading a file to its end: not to where it is said to end. */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Aio, AioFile, AioFileSystem, MockAio } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { hasUserFileSystems, userFileSystem } from "../../support/userFileSystem.ts"

const expectSame = (what: string, read: Uint8Array, content: Uint8Array): void => {
  expect([what, read.length, Buffer.compare(read, content)]).toEqual([what, content.length, 0])
  // Its own, and no part of something larger.
  expect([what, read.byteLength]).toEqual([what, read.buffer.byteLength])
}

describe.each(realBackends)("$name", ({ layer }) => {
  const services = Layer.provideMerge(AioFileSystem.layer, layer)

  it.scopedLive("files of sysfs and procfs, which all say 4096 bytes, or none", () =>
    Effect.gen(function* () {
      const { readFile } = yield* FileSystem.FileSystem
      for (const path of [
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/kernel/notes",
        "/proc/cpuinfo",
        "/proc/version"
      ]) {
        if (!fs.existsSync(path)) continue
        const content = fs.readFileSync(path)
        expectSame(`AioFile ${path}`, yield* AioFile.readFile(path), content)
        expectSame(`FileSystem ${path}`, yield* readFile(path), content)
      }
    }).pipe(Effect.provide(services))
  )

  it.scopedLive.runIf(hasUserFileSystems)("files of a server that says too few bytes, too many, or none", () =>
    Effect.gen(function* () {
      const { readFile } = yield* FileSystem.FileSystem
      const served = yield* userFileSystem({ direct_io: true, attr_timeout: 0 })
      for (const length of [0, 10, 4096, 4097, 200_000]) {
        const content = randomBytes(length)
        fs.writeFileSync(join(served.source, `${length}`), content)
        const path = join(served.path, `${length}`)
        for (const size of [0, 1, 9, 10, 4096, 5000, 300_000]) {
          yield* served.when("getattr", { size })
          expectSame(`AioFile ${length} ${size}`, yield* AioFile.readFile(path), content)
          expectSame(`FileSystem ${length} ${size}`, yield* readFile(path), content)
        }
        yield* served.when("getattr")
      }
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(services))
  )
})

describe("mock", () => {
  it.scopedLive("a file that grows, or shrinks, while it is read", () =>
    Effect.gen(function* () {
      const { readFile } = yield* FileSystem.FileSystem
      for (const before of [1, 100, 4096, 70_000]) {
        for (const after of [0, 50, 101, 4096, 8192, 200_000]) {
          const content = randomBytes(after)
          const reads: Record<string, Effect.Effect<Uint8Array, unknown, Aio.Aio>> = {
            AioFile: AioFile.readFile("/tmp/file"),
            FileSystem: readFile("/tmp/file")
          }
          for (const [what, read] of Object.entries(reads)) {
            yield* MockAio.put("/tmp/file", new Uint8Array(before))
            yield* MockAio.hang("read")
            const fiber = yield* Effect.fork(read)
            // Its size has been asked for.
            yield* Effect.repeat(Effect.zipRight(Effect.sleep(0), MockAio.journal), {
              until: (entries) => entries.at(-1)?.operation === "read" && entries.at(-1)?.result === undefined
            })
            yield* MockAio.put("/tmp/file", content)
            yield* MockAio.resume
            const bytes = yield* Effect.timeout(Fiber.join(fiber), "30 seconds")
            expectSame(`${what} ${before} ${after}`, bytes, content)
          }
        }
      }
      expect((yield* MockAio.descriptors).size).toBe(0)
    }).pipe(Effect.provide(Layer.provideMerge(AioFileSystem.layer, MockAio.layer())))
  )
})
