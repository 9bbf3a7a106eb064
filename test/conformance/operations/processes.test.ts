/** pidfdOpen, pidfdSendSignal, pidfdGetfd: other processes. */
import { spawn } from "node:child_process"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { backends, realBackends } from "../../support/backends.ts"

const opened = <E, R>(open: Effect.Effect<number, E, R>) =>
  Effect.acquireRelease(open, (fd) => Effect.orDie(Aio.close(fd)))

describe.each(backends)("$name: processes", ({ layer, world }) => {
  it.scopedLive("the program's own, whose descriptors are shared", () =>
    Effect.gen(function* () {
      const own = yield* opened(Aio.pidfdOpen(process.pid))
      yield* Aio.pidfdSendSignal(own, 0)
      const [reader, writer] = yield* world.pipe
      const copy = yield* Aio.pidfdGetfd(own, writer)
      expect(copy).not.toBe(writer)
      yield* Aio.write(copy, Uint8Array.of(1))
      yield* Aio.close(copy)
      // The pipe still has its other writer.
      yield* Aio.write(writer, Uint8Array.of(2))
      const bytes = new Uint8Array(2)
      expect(yield* Aio.read(reader, bytes)).toBe(2)
      expect([...bytes]).toEqual([1, 2])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("none that is not there, and nothing that is none", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(Aio.pidfdOpen(0x7fffffff))).toMatchObject({ code: "ESRCH", operation: "pidfdOpen" })
      for (const pid of [0, -1, 1.5, 2 ** 31, "1" as any]) {
        expect(yield* Effect.flip(Aio.pidfdOpen(pid))).toMatchObject({ _tag: "AioBadArgument", argument: "pid" })
      }
      const own = yield* opened(Aio.pidfdOpen(process.pid))
      const [reader] = yield* world.pipe
      expect(yield* Effect.flip(Aio.pidfdSendSignal(reader, 0))).toMatchObject({ code: "EBADF" })
      expect(yield* Effect.flip(Aio.pidfdGetfd(reader, reader))).toMatchObject({ code: "EBADF" })
      expect(yield* Effect.flip(Aio.pidfdGetfd(own, 999_999))).toMatchObject({ code: "EBADF" })
      for (const signal of [-1, 65, "SIGNOTHING" as any, undefined as any]) {
        expect(yield* Effect.flip(Aio.pidfdSendSignal(own, signal))).toMatchObject({ argument: "signal" })
      }
    }).pipe(Effect.provide(layer))
  )
})

describe.each(realBackends)("$name: another process", ({ layer }) => {
  it.scopedLive("is signalled by name, and readable when it has ended", () =>
    Effect.gen(function* () {
      const child = yield* Effect.acquireRelease(
        Effect.sync(() => spawn("sleep", ["1000"], { stdio: "ignore" })),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      const exited = new Promise<NodeJS.Signals | null>((resolve) => child.once("exit", (_, signal) => resolve(signal)))
      const pidfd = yield* opened(Aio.pidfdOpen(child.pid!))
      yield* Aio.pidfdSendSignal(pidfd, "SIGTERM")
      expect(yield* Aio.pollFd(pidfd, { readable: true })).toMatchObject({ readable: true })
      expect(yield* Effect.promise(() => exited)).toBe("SIGTERM")
      expect(yield* Effect.flip(Aio.pidfdSendSignal(pidfd, 0))).toMatchObject({ code: "ESRCH" })
    }).pipe(Effect.provide(layer))
  )
})
