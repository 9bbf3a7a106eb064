/** A request waits on a pipe whose number is closed while a copy of it lives elsewhere. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, ThreadPool } from "effect-aio"
import { makeFifos } from "../../support/fifo.ts"
import { quietest } from "../../support/patience.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

it.scopedLive("no processor time, nothing left behind", () =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const [path] = makeFifos(directory, 1)
    const fd = openSync(path, "r+")
    const copy = spawn("sleep", ["60"], { stdio: [fd, "ignore", "ignore"] })
    yield* Effect.promise(() => once(copy, "spawn"))
    yield* Effect.addFinalizer(() => Effect.sync(() => copy.kill()))
    const reading = yield* Effect.fork(Aio.read(fd, new Uint8Array(8)))
    yield* Effect.sleep(50)
    closeSync(fd)
    yield* Fiber.interrupt(reading)
    // Now something to read: nobody here waits for it any more.
    const writer = openSync(join(directory, path.slice(directory.length + 1)), "r+")
    yield* Effect.addFinalizer(() => Effect.sync(() => closeSync(writer)))
    yield* Aio.write(writer, Buffer.from("12345678"))
    expect(yield* quietest(0.2)).toBeLessThan(0.2)
    expect((yield* Aio.stats).outstanding).toBe(0)
  }).pipe(Effect.provide(ThreadPool.layer({ inline: false })))
)
