/** Threads and event loop work side by side: fibers go on while completions still wait. */
import { writeSync } from "node:fs"
import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Runtime } from "effect"
import { Aio, ThreadPool } from "effect-aio"
import { statsReach } from "../../support/engine.ts"
import { standStill } from "../../support/patience.ts"
import { busy, executing } from "./fixtures/pool.ts"

const REQUESTS = 16

it.scopedLive("fibers that have completions go on before the others get theirs", () =>
  Effect.gen(function* () {
    const runtime = yield* Effect.runtime<Aio.Aio>()
    const pending = () => Runtime.runSync(runtime)(Aio.stats).pending
    const { pipes } = yield* busy(1)
    yield* executing(1)
    const others: Array<number> = []
    const request = Effect.andThen(Aio.fstat(0), () => void others.push(pending()))
    const fibers = yield* Effect.replicateEffect(Effect.fork(request), REQUESTS)
    yield* statsReach({ ready: REQUESTS })
    // The turn in which the thread is told of them.
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(() => setImmediate(resolve))))
    // The only thread is free, and the loop stands still until all are done.
    writeSync(pipes[0], "x")
    for (let look = 0; look < 10_000 && pending() < REQUESTS + 1; look++) yield* standStill(1)
    expect(pending()).toBe(REQUESTS + 1)
    yield* Effect.forEach(fibers, Fiber.join)
    // Two at a time, the first of which is the one that kept the thread busy.
    expect(others).toEqual(
      Array.from({ length: REQUESTS }, (_, index) => Math.max(0, REQUESTS - 1 - 2 * Math.ceil(index / 2)))
    )
  }).pipe(Effect.provide(ThreadPool.layer({ inline: false, maxParallel: 1 })))
)
