/** With a single thread, which is occupied: what stands behind a cancelled request that was the next to run is not forgotten. */
import { openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, describe, expect, it, vi } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Aio } from "effect-aio"
import * as PosixAio from "effect-aio/PosixAio"
import { statsReach } from "../../support/engine.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { stalled } from "./fixtures/stall.ts"

// The first Layer of the process settles it, and every test file is a process.
const layer = PosixAio.layer({ inline: false, threads: 1 })

const two = Effect.map(temporaryDirectory, (directory) =>
  ["busy", "file"].map((name) => {
    const path = join(directory, name)
    writeFileSync(path, new Uint8Array(4096).fill(7))
    return path
  })
)

const readInto = (fd: number) => {
  const buffer = new Uint8Array(16)
  return Effect.as(Aio.read(fd, buffer, { offset: 0 }), buffer)
}

describe("one thread", () => {
  const everySoOften = globalThis.setInterval
  afterEach(() => {
    vi.restoreAllMocks()
  })

  for (const victims of [[0], [0, 1], [1, 0], [2, 1, 0]]) {
    it.scopedLive(`interrupted: ${victims.join(", ")} of the line`, () =>
      Effect.gen(function* () {
        // At once, not when the watchdog comes by.
        vi.spyOn(globalThis, "setInterval").mockImplementation(((task: () => void, milliseconds: number) =>
          milliseconds < 1000 ? everySoOften(task, milliseconds) : { unref: () => undefined }) as any)
        const [busy, path] = yield* two
        yield* Aio.nop()
        const { release } = yield* stalled(busy)
        const fd = openSync(path, "r+")
        const fibers = yield* Effect.forEach(Array.from({ length: 6 }), () => Effect.fork(readInto(fd)))
        yield* statsReach({ executing: 6 })
        yield* Effect.forEach(victims, (victim) => Fiber.interrupt(fibers[victim]))
        release()
        const others = fibers.filter((_, i) => !victims.includes(i))
        for (const fiber of others) expect((yield* Fiber.join(fiber)).every((byte) => byte === 7)).toBe(true)
        // And the descriptor's line works as before.
        expect((yield* readInto(fd))[15]).toBe(7)
      }).pipe(Effect.provide(layer))
    )
  }

  it.scopedLive("of two Layers with one descriptor, one makes glibc forget the other's requests", () =>
    Effect.gen(function* () {
      const [busy, path] = yield* two
      const one = yield* Layer.build(layer)
      const other = yield* Layer.build(layer)
      const { release } = yield* stalled(busy)
      const fd = openSync(path, "r+")
      const first = yield* Effect.fork(Effect.provide(readInto(fd), one))
      yield* Effect.provide(statsReach({ executing: 1 }), one)
      const second = yield* Effect.fork(Effect.provide(readInto(fd), other))
      yield* Effect.provide(statsReach({ executing: 1 }), other)
      yield* Fiber.interrupt(first)
      release()
      expect((yield* Effect.timeout(Fiber.join(second), "20 seconds"))[0]).toBe(7)
    })
  )
})
