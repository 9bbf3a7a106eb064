/** `effect-aio/testing`, used as its users do. */
import { existsSync } from "node:fs"
import { describe, expect } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { Aio, AioDirectory, AioFile, MockAio } from "effect-aio"
import { it } from "effect-aio/testing"

const seen: Array<string> = []

describe("it.aio", () => {
  it.aio("runs on every backend, in an empty directory of its own", ({ backend, directory }) =>
    Effect.gen(function* () {
      expect((yield* Aio.Aio).backend).toBe(backend)
      expect(yield* AioDirectory.read(directory)).toEqual([])
      const file = yield* AioFile.open(`${directory}/page`, { flag: "w+" })
      yield* file.writeAll(Buffer.from("hello"), { offset: 0 })
      expect(Buffer.from(yield* AioFile.readFile(`${directory}/page`)).toString()).toBe("hello")
      expect(existsSync(`${directory}/page`)).toBe(backend !== "mock")
      seen.push(backend)
    })
  )

  it("has been on the mock and on threads at least", () => {
    expect(seen).toEqual(expect.arrayContaining(["mock", "threads"]))
  })

  it.aio(
    "only on those that are named",
    ({ backend }) =>
      Effect.gen(function* () {
        expect(backend).toBe("mock")
        // 0 to 2 are taken.
        for (let fd = 3; fd < 10; fd++) yield* Aio.open("/tmp")
        expect(yield* Effect.flip(Aio.open("/tmp"))).toMatchObject({ code: "EMFILE" })
      }),
    { backends: ["mock"], mock: { maxDescriptors: 10 }, timeout: 30_000 }
  )
  it.aio.skip("or not at all", () => Effect.die("it ran"))
})

const seeds = new Set<number>()

describe("it.mock", () => {
  it.mock(
    "has a clock of its own, and a seed for every run",
    ({ directory, seed }) =>
      Effect.gen(function* () {
        seeds.add(seed)
        expect(yield* MockAio.seed).toBe(seed)
        const fiber = yield* Effect.fork(Aio.stat(directory))
        yield* TestClock.adjust("1 second")
        expect(yield* Fiber.join(fiber)).toMatchObject({ type: "Directory" })
        expect(yield* MockAio.journal).toMatchObject([{ endNs: 1_000_000_000n }])
      }),
    { seeds: 5, mock: { latency: "1 second" } }
  )

  it("ran as often as it was told to", () => {
    expect(seeds.size).toBe(5)
  })
})
