/** The order in which glibc runs the requests of one descriptor. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioBlocking } from "effect-aio"
import * as PosixAio from "effect-aio/PosixAio"
import { statsReach } from "../../support/engine.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { stalled } from "./fixtures/stall.ts"

const layer = PosixAio.layer({ inline: false })

const stalledFile = Effect.flatMap(temporaryDirectory, (directory) => {
  const path = join(directory, "file")
  writeFileSync(path, "")
  return Effect.map(stalled(path), (stall) => ({ ...stall, path }))
})

/** Waits until there are so many requests; where they are once all that can be handed over has been. */
const handedOver = (outstanding: number) =>
  Effect.zipRight(statsReach({ outstanding }), Effect.zipRight(AioBlocking.poll, Aio.stats))

for (const [name, sync] of [
  ["fsync", Aio.fsync],
  ["fdatasync", Aio.fdatasync]
] as const) {
  for (const priority of [4, 0, -4]) {
    it.scopedLive(`${name} ends after the writes of priority ${priority} before it, and only after them`, () =>
      Effect.gen(function* () {
        const { fd, path, release } = yield* stalledFile
        const order: Array<string> = []
        const ends = <A, E, R>(what: string, effect: Effect.Effect<A, E, R>) =>
          Effect.fork(
            Effect.zipRight(
              effect,
              Effect.sync(() => order.push(what))
            )
          )
        const write = (i: number) => Aio.withPriority(Aio.write(fd, Buffer.from([65 + i]), { offset: i }), priority)
        const before = yield* Effect.forEach([0, 1, 2, 3], (i) => ends("write", write(i)))
        yield* statsReach({ executing: 4 })
        const synced = yield* ends(
          "sync",
          Effect.zipRight(
            sync(fd),
            Effect.sync(() => readFileSync(path, "latin1"))
          )
        )
        // glibc would run it first: it does not have it yet.
        expect(yield* handedOver(5)).toMatchObject({ executing: 4, ready: 1 })
        release()
        expect((yield* Fiber.join(synced)) > 0).toBe(true)
        yield* Fiber.joinAll(before)
        expect(order).toEqual(["write", "write", "write", "write", "sync"])
        expect(readFileSync(path, "latin1")).toBe("ABCD")
      }).pipe(Effect.provide(layer))
    )
  }
}

it.scopedLive("a sync that waits can be interrupted, and one behind it still runs", () =>
  Effect.gen(function* () {
    const { fd, release } = yield* stalledFile
    const written = yield* Effect.fork(Aio.write(fd, Buffer.from("A"), { offset: 0 }))
    const first = yield* Effect.fork(Aio.fsync(fd))
    const second = yield* Effect.fork(Aio.fsync(fd))
    expect(yield* handedOver(3)).toMatchObject({ executing: 1, ready: 2 })
    yield* Fiber.interrupt(first)
    release()
    expect(yield* Fiber.join(written)).toBe(1)
    yield* Fiber.join(second)
  }).pipe(Effect.provide(layer))
)

it.scopedLive("aio_reqprio: higher priorities overtake in the line of a descriptor", () =>
  Effect.gen(function* () {
    const { fd, path, release } = yield* stalledFile
    // All to the same place: the last one to run is the one that is seen.
    const priorities = [0, -4, 4, 2, -2]
    const fibers: Array<Fiber.Fiber<number, unknown>> = []
    for (const priority of priorities) {
      const bytes = Buffer.from(`${priority} `.slice(0, 2))
      fibers.push(yield* Effect.fork(Aio.withPriority(Aio.write(fd, bytes, { offset: 0 }), priority)))
      // One after the other: of what is submitted in one turn, the engine itself makes the order.
      yield* statsReach({ executing: fibers.length })
    }
    release()
    yield* Fiber.joinAll(fibers)
    expect(readFileSync(path, "latin1")).toBe("-4")
  }).pipe(Effect.provide(layer))
)
