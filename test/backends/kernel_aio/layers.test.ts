/** Layers that come and go leave nothing behind: no context, no ring, no descriptor, nothing taken of fs.aio-max-nr. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioBuffer } from "effect-aio"
import { runFixture } from "../../fixtures/child.ts"
import { descriptorCounts, settled } from "../../support/processState.ts"
import { directFile, kernelLayers, PAGE, pipes } from "./fixtures/support.ts"

const AT_A_TIME = 64
const TOTAL = 400

/** Rings that are mapped into this process. */
const rings = (): number => readFileSync("/proc/self/maps", "utf8").split("[aio]").length - 1
/** What all processes have taken. Others come and go, but seldom with 16,384 entries. */
const taken = (): number => Number(readFileSync("/proc/sys/fs/aio-nr", "utf8"))

describe.each(kernelLayers)("$name", ({ layer }) => {
  it.scopedLive(`${TOTAL} Layers, ${AT_A_TIME} at a time, each with a read and a poll under way when it closes`, () =>
    Effect.gen(function* () {
      const { bytes, fd } = yield* directFile(AT_A_TIME)
      const [pipe] = yield* pipes(1)
      const takenBefore = taken()
      const ringsBefore = rings()
      let most = 0
      const one = (index: number) =>
        Effect.gen(function* () {
          const buffer = AioBuffer.aligned(PAGE)
          const page = index % AT_A_TIME
          const polling = yield* Effect.forkDaemon(Aio.pollFd(pipe.read, { readable: true }))
          expect(yield* Aio.read(fd, buffer, { offset: page * PAGE })).toBe(PAGE)
          expect(bytes.subarray(page * PAGE, (page + 1) * PAGE).equals(buffer)).toBe(true)
          const reading = yield* Effect.forkDaemon(Aio.read(fd, buffer, { offset: 0 }))
          most = Math.max(most, rings() - ringsBefore)
          return [polling, reading] as const
        }).pipe(
          Effect.provide(layer()),
          Effect.flatMap((fibers) => Effect.forEach(fibers, (fiber) => Fiber.await<unknown, unknown>(fiber)))
        )
      // Node's own descriptors have been made by the first.
      yield* one(0)
      const before = descriptorCounts()
      yield* Effect.forEach(
        Array.from({ length: TOTAL }, (_, index) => index),
        one,
        { concurrency: AT_A_TIME, discard: true }
      )
      expect(most).toBeGreaterThan(AT_A_TIME / 4)
      expect(yield* settled(rings, ringsBefore)).toBe(ringsBefore)
      expect(yield* settled(descriptorCounts, before)).toEqual(before)
      expect(yield* settled(() => taken() - takenBefore < AT_A_TIME * 256, true, 10_000)).toBe(true)
    })
  )
})

describe("a worker thread that exits with requests in flight", () => {
  it("leaves no context behind, and nobody writes into what was its memory", async () => {
    const { code, signal, stderr, stdout } = await runFixture("../backends/kernel_aio/fixtures/workers.ts")
    expect([stdout, stderr, code, signal]).toEqual(["in flight 128\n0 rings\n".repeat(3), "", 0, null])
  })
})
