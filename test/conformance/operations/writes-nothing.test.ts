/** A write that takes nothing ends whoever repeats short ones. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { Aio, AioFile, AioFileSystem, AioOperation, MockAio } from "effect-aio"
import { realBackends } from "../../support/backends.ts"

/** The memory of a process that has ended: what is written there is taken by nobody, proc(5). Linux answers 0. */
const memoryOfTheDead = Effect.gen(function* () {
  const child = spawn("sleep", ["600"], { stdio: "ignore" })
  const fd = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      await once(child, "spawn")
      return fs.openSync(`/proc/${child.pid}/mem`, "r+")
    }),
    (fd) => Effect.sync(() => fs.closeSync(fd))
  ).pipe(Effect.ensuring(Effect.sync(() => child.kill("SIGKILL"))))
  yield* Effect.promise(async () => child.exitCode ?? child.signalCode ?? (await once(child, "exit")))
  expect(fs.writeSync(fd, "x", 4096)).toBe(0)
  return fd
})

describe.each(realBackends)("$name", ({ layer, mechanism }) => {
  it.scopedLive("writeAll and sink fail where a write takes nothing", () =>
    Effect.gen(function* () {
      const fd = yield* memoryOfTheDead
      const file = yield* AioFile.fromDescriptor(fd)
      const bytes = Buffer.from("bytes")
      // Linux's io_uring has an error of its own for it.
      const code = mechanism === "io_uring" ? expect.stringMatching(/^(EIO|EAGAIN)$/) : "EIO"
      for (const write of [
        file.writeAll(bytes),
        file.writeAll(bytes, { offset: 4096 }),
        Stream.run(Stream.make(bytes, bytes), file.sink({ offset: 4096 }))
      ]) {
        const error = yield* Effect.timeout(Effect.flip(write), "30 seconds")
        expect(error).toMatchObject({ _tag: "AioError", code, fd })
      }
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )
})

describe("mock", () => {
  const layer = MockAio.layer({ files: { "/tmp/from": "bytes", "/tmp/to": "" } })

  it.scopedLive("everything that repeats short writes fails where one takes nothing", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from("bytes")
      const file = yield* AioFile.open("/tmp/to", { flag: "r+" })
      const system = yield* FileSystem.FileSystem
      const handle = yield* system.open("/tmp/to", { flag: "r+" })
      yield* MockAio.short(["write", "writev"], 0, { after: 1 })
      // Part of them is written first, or not: it makes no difference.
      expect(yield* Aio.write(file.fd, bytes, { offset: 0 })).toBe(5)
      expect(yield* Aio.write(file.fd, bytes, { offset: 0 })).toBe(0)
      expect(yield* Aio.writev(file.fd, [bytes, bytes], { offset: 0 })).toBe(0)
      const nothing = { _tag: "AioError", code: "EIO", operation: "writeAll", path: "/tmp/to" }
      const bounded = Effect.timeout("30 seconds")
      expect(yield* bounded(Effect.flip(file.writeAll(bytes, { offset: 0 })))).toMatchObject(nothing)
      expect(yield* bounded(Effect.flip(Stream.run(Stream.make(bytes), file.sink())))).toMatchObject(nothing)
      expect(yield* bounded(Effect.flip(AioFile.writeFile("/tmp/to", bytes)))).toMatchObject({
        ...nothing,
        operation: "writeFile"
      })
      expect(
        yield* bounded(Effect.flip(AioOperation.linked([AioOperation.write(file, bytes, { offset: 0 })])))
      ).toMatchObject({
        _tag: "AioShortTransfer",
        transferred: 0
      })
      for (const write of [
        system.writeFile("/tmp/to", bytes),
        system.writeFileString("/tmp/to", "text"),
        handle.writeAll(bytes),
        Stream.run(Stream.make(bytes), system.sink("/tmp/to"))
      ]) {
        expect(yield* bounded(Effect.flip(write))).toMatchObject({ _tag: "SystemError", reason: "WriteZero" })
      }
      // Nothing to write is nothing to take.
      yield* bounded(file.writeAll(new Uint8Array(0)))
      yield* bounded(handle.writeAll(new Uint8Array(0)))
      yield* bounded(system.writeFile("/tmp/to", new Uint8Array(0)))
    }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(AioFileSystem.layer, layer)))
  )
})
