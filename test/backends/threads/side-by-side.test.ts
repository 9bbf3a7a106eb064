/** Two pools, and the pool beside io_uring, each with its own threads, controls and numbers. */
import { statfsSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Aio, AioDirectory, AioFile, IoUring, ThreadPool } from "effect-aio"
import { ioUringBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { busy, executing, threadsFromHere } from "./fixtures/pool.ts"

const pool = (maxParallel: number) => Layer.fresh(ThreadPool.layer({ inline: false, maxParallel }))

it.scopedLive("two pools do not know each other", () =>
  Effect.gen(function* () {
    const extra = yield* threadsFromHere
    const one = yield* Layer.build(pool(2))
    const two = yield* Layer.build(pool(3))
    const first = yield* Effect.provide(busy(4), one)
    yield* Effect.provide(executing(2), one)
    // All threads of one wait: the other works.
    yield* Effect.provide(Aio.nop(), two)
    const second = yield* Effect.provide(busy(3), two)
    expect(yield* Effect.provide(executing(3), two)).toMatchObject({ executing: 3, threads: 3, submitted: 4 })
    expect(yield* Effect.provide(Aio.stats, one)).toMatchObject({ executing: 2, ready: 2, threads: 2, submitted: 4 })
    expect(extra()).toBe(5)
    yield* second.release()
    yield* Effect.provide(ThreadPool.setMaxParallel(0), two)
    expect(extra()).toBe(2)
    expect((yield* Effect.provide(ThreadPool.controls, one)).maxParallel).toBe(2)
    yield* first.release()
  })
)

it.scopedLive("one closes while the other works", () =>
  Effect.gen(function* () {
    const two = yield* Layer.build(pool(3))
    const second = yield* Effect.provide(busy(2), two)
    yield* Effect.provide(executing(2), two)
    for (let round = 0; round < 5; round++) {
      const fiber = yield* Effect.scoped(Effect.map(busy(2), ({ fibers }) => fibers[0])).pipe(Effect.provide(pool(2)))
      yield* Fiber.await(fiber)
    }
    expect(yield* Effect.provide(Aio.stats, two)).toMatchObject({ executing: 2, cancelled: 0 })
    yield* second.release()
  })
)

describe.skipIf(ioUringBackends.length === 0)("the pool beside io_uring", () => {
  it.scopedLive("runs what the kernel cannot: readdir and statvfs", () =>
    Effect.gen(function* () {
      const extra = yield* threadsFromHere
      const directory = yield* temporaryDirectory
      const names = Array.from({ length: 500 }, (_, index) => `name ${index}`)
      yield* Effect.promise(() => Promise.all(names.map((name) => writeFile(join(directory, name), ""))))
      yield* Effect.promise(() => mkdir(join(directory, "directory")))
      // What io_uring does itself starts no thread.
      yield* Aio.nop()
      yield* Aio.unlink(join(directory, "name 0"))
      expect((yield* Aio.stats).threads).toBe(0)
      const found = yield* AioDirectory.read(directory)
      expect(found.map(({ name }) => name).sort()).toEqual(["directory", ...names.slice(1)].sort())
      expect((yield* Aio.stats).threads).toBeGreaterThanOrEqual(1)
      const { blockSize, blocks } = yield* Aio.statvfs(directory)
      expect(Number(blocks)).toBe(statfsSync(directory).blocks)
      expect(Number(blockSize)).toBe(statfsSync(directory).bsize)
      const { operations: capabilities } = yield* Aio.capabilities
      const mechanisms = Object.fromEntries(capabilities.map(({ mechanism, operation }) => [operation, mechanism]))
      expect(mechanisms).toMatchObject({ readdir: "pool", statvfs: "pool", read: "native", nop: "native" })
      expect(extra()).toBe((yield* Aio.stats).threads)
    }).pipe(Effect.provide(IoUring.layer()))
  )

  it.scopedLive("runs extended attributes of links themselves: the ring follows links", (context) =>
    Effect.gen(function* () {
      const { operations: capabilities } = yield* Aio.capabilities
      const ofRing = ["setxattr", "fsetxattr", "getxattr", "fgetxattr"]
      // Linux 5.19
      const lacks = capabilities.some(({ mechanism, operation }) => mechanism === "pool" && ofRing.includes(operation))
      if (lacks) return context.skip("the ring of this kernel has no extended attributes")
      const directory = yield* temporaryDirectory
      const [file, link] = [join(directory, "file"), join(directory, "link")]
      yield* Aio.symlink("file", link)
      const open = yield* AioFile.open(file, { flag: "w" })
      yield* ThreadPool.setMaxParallel(0)
      yield* Aio.setxattr(link, "user.of", Buffer.from("1"), { mode: "create" })
      yield* Aio.fsetxattr(open, "user.of", Buffer.from("22"), { mode: "replace" })
      expect(yield* Aio.getxattr(link, "user.of")).toEqual(new Uint8Array([50, 50]))
      expect(yield* Aio.fgetxattr(open, "user.of")).toEqual(new Uint8Array([50, 50]))
      expect((yield* Aio.stats).threads).toBe(0)
      yield* ThreadPool.setMaxParallel(1)
      const ofLink = yield* Effect.flip(Aio.setxattr(link, "user.of", Buffer.from("1"), { follow: false }))
      expect(ofLink).toMatchObject({ code: "EPERM" })
      expect((yield* Aio.stats).threads).toBe(1)
    }).pipe(Effect.provide(IoUring.layer()))
  )

  it.scopedLive("has the controls", () =>
    Effect.gen(function* () {
      const extra = yield* threadsFromHere
      yield* ThreadPool.setControls({ minParallel: 2, maxParallel: 3 })
      yield* Effect.forEach(Array.from({ length: 200 }), () => Aio.statvfs("/"), { concurrency: 50, discard: true })
      expect(extra()).toBeGreaterThanOrEqual(2)
      expect(extra()).toBeLessThanOrEqual(3)
      yield* ThreadPool.setMaxParallel(0)
      expect(extra()).toBe(0)
      const waiting = yield* Effect.fork(Aio.statvfs("/"))
      // The ring goes on by itself.
      yield* Aio.nop()
      yield* Effect.sleep(50)
      expect(waiting.unsafePoll()).toBeNull()
      yield* ThreadPool.setMaxParallel(1)
      yield* Fiber.join(waiting)
    }).pipe(Effect.provide(IoUring.layer({ inline: false })))
  )
})
