/** What a backend does with each kind of file, as it says itself. */
import { readdirSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Aio } from "effect-aio"
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
