/** Reads of what is not cached never happen on the event loop's thread, and it goes on turning meanwhile. */
import { randomBytes } from "node:crypto"
import { statfsSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioFile, ThreadPool } from "effect-aio"
import { percentile } from "../support/patience.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const READS = 1000
const LENGTH = 4096
const TMPFS = 0x01021994
/** What is in memory only cannot be cold. */
const onDisk = statfsSync(tmpdir()).type !== TMPFS

/** Milliseconds between turns of the event loop, until it is interrupted. */
const turns = (gaps: Array<number>) =>
  Effect.async<never>(() => {
    let last = performance.now()
    let immediate = setImmediate(function turn() {
      const now = performance.now()
      gaps.push(now - last)
      last = now
      immediate = setImmediate(turn)
    })
    return Effect.sync(() => clearImmediate(immediate))
  })

/** Reads every other page, so that nobody's readahead helps, 32 at once. */
const reads = (file: AioFile.AioFile, bytes: Uint8Array) =>
  Effect.forEach(
    Array.from({ length: READS }, (_, index) => (index * 2 * LENGTH * 37) % bytes.length),
    (offset) =>
      Effect.map(file.readAlloc(LENGTH, { offset }), (page) =>
        expect(Buffer.compare(page, bytes.subarray(offset, offset + LENGTH))).toBe(0)
      ),
    { concurrency: 32, discard: true }
  )

it.scopedLive.skipIf(!onDisk)(`${READS} cold reads`, () =>
  Effect.gen(function* () {
    const path = join(yield* temporaryDirectory, "file")
    const bytes = randomBytes(READS * 2 * LENGTH)
    writeFileSync(path, bytes)
    const file = yield* AioFile.open(path)
    yield* file.sync
    yield* file.advise("random")
    yield* file.advise("dontNeed")
    const gaps: Array<number> = []
    const watching = yield* Effect.fork(turns(gaps))
    const before = yield* Aio.stats
    yield* reads(file, bytes)
    const after = yield* Aio.stats
    yield* Fiber.interrupt(watching)
    // All of them, or nearly (somebody else's readahead), went to a thread.
    expect(after.inline - before.inline).toBeLessThan(READS / 20)
    expect(after.completed - before.completed).toBe(READS)
    expect(percentile(gaps, 0.5)).toBeLessThan(5)
    expect(percentile(gaps, 0.95)).toBeLessThan(20)
    // Once more, now cached: no thread is asked.
    yield* reads(file, bytes)
    expect((yield* Aio.stats).inline - after.inline).toBeGreaterThan(READS * 0.95)
  }).pipe(Effect.provide(ThreadPool.layer()))
)
