/** Reads of what is not cached never happen on the event loop's thread. That it goes on turning meanwhile is for test/stalls. */
import { randomBytes } from "node:crypto"
import { statfsSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile, ThreadPool } from "effect-aio"
import { lastingAddress, systemCall } from "../../support/systemCalls.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { goOneWay } from "../../support/ways.ts"

const READS = 1000
const LENGTH = 4096
const TMPFS = 0x01021994
/** What is in memory only cannot be cold. */
const onDisk = statfsSync(tmpdir()).type !== TMPFS

/** `struct cachestat_range`, all of a file, and `struct cachestat`. */
const range = new BigUint64Array(2)
const rangeAddress = lastingAddress(range)
const counts = new BigUint64Array(5)
const countsAddress = lastingAddress(counts)

/** Pages of a file that are in memory; none where the kernel cannot tell, before Linux 6.5. */
const cachedPages = (fd: number): number =>
  systemCall("cachestat", fd, rangeAddress, countsAddress, 0) === 0 ? Number(counts[0]) : 0

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
    let least = READS
    // Somebody else's readahead may help a busy machine: of several attempts, the best counts.
    for (let attempt = 0; attempt < 10 && least >= READS / 20; attempt++) {
      // Pages that are just on a processor's list are passed over.
      yield* Effect.repeat(file.advise("dontNeed"), { until: () => cachedPages(file.fd) === 0 })
      const before = yield* Aio.stats
      yield* reads(file, bytes)
      const after = yield* Aio.stats
      least = Math.min(least, after.inline - before.inline)
    }
    // All of them, or nearly, went to a thread.
    expect(least).toBeLessThan(READS / 20)
    const { inline } = yield* Aio.stats
    // Once more, now cached: no thread is asked, where that is not found to be faster.
    yield* goOneWay("on the spot")
    yield* reads(file, bytes)
    expect((yield* Aio.stats).inline - inline).toBeGreaterThan(READS * 0.95)
  }).pipe(Effect.provide(ThreadPool.layer()))
)
