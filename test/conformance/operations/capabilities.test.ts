/** What a backend does with each kind of file, as it says itself. */
import { readdirSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Aio } from "effect-aio"
import { runTraced } from "../../fixtures/strace.ts"
import { realBackends as backends } from "../../support/backends.ts"

const openDescriptors = () => readdirSync("/proc/self/fd").length

describe.each(backends)("$name", ({ layer }) => {
  it.live("every kind of file can be read and polled, and is tried without leaving anything open", () =>
    Effect.gen(function* () {
      // What a process opens with its first Layer stays.
      yield* Effect.provide(Effect.all([Aio.nop(), Aio.statvfs("/")]), Layer.fresh(layer))
      const before = openDescriptors()
      yield* Effect.provide(tried, layer)
      expect(openDescriptors()).toBe(before)
    })
  )

  it.live("what has been found out is kept: all of it for the Layer, what is said of files for other Layers, too", () =>
    Effect.gen(function* () {
      const asked = Effect.all([Aio.capabilities, Aio.capabilities])
      const [first, second] = yield* Effect.provide(asked, Layer.fresh(layer))
      expect(second).toBe(first)
      const [other] = yield* Effect.provide(asked, Layer.fresh(layer))
      expect(other).not.toBe(first)
      expect(other.files.length).toBeGreaterThan(0)
      other.files.forEach((file, index) => {
        expect(file).toBe(first.files[index])
      })
      // It belongs to all who ask.
      for (const part of [first, first.operations, first.files, ...first.operations, ...first.files]) {
        expect(Object.isFrozen(part)).toBe(true)
      }
    })
  )
})

it("a sample of each kind is made once in a process, however many Layers are asked", async () => {
  const { code, stderr, trace } = await runTraced(["mknodat", "openat", "socketpair"], "capabilities.ts", {
    args: ["3"]
  })
  expect([stderr, code]).toEqual(["", 0])
  const uses = (call: RegExp) => trace.filter((line) => call.test(line)).length
  expect([uses(/mknodat\(/), uses(/"\/dev\/ptmx"/), uses(/socketpair\(.*SOCK_STREAM\|SOCK_CLOEXEC, 0/)]).toEqual([
    1, 1, 1
  ])
})

const tried = Effect.gen(function* () {
  const { files } = yield* Aio.capabilities
  expect(files.map(({ kind }) => kind)).toEqual([
    "regular file",
    "directory",
    "pipe",
    "FIFO",
    "socket",
    "terminal",
    "character device",
    "eventfd"
  ])
  for (const { kind, poll, read } of files) {
    expect([kind, read]).toEqual([kind, kind === "directory" ? "EISDIR" : expect.stringMatching(/^(native|pool)$/)])
    expect([kind, poll]).toEqual([kind, expect.stringMatching(/^(native|pool)$/)])
  }
  // What is known is not tried again.
  const { outstanding, submitted } = yield* Aio.stats
  yield* Effect.all(
    Array.from({ length: 3 }, () => Aio.capabilities),
    { concurrency: "unbounded" }
  )
  expect([(yield* Aio.stats).submitted - submitted, outstanding]).toEqual([0, 0])
})
