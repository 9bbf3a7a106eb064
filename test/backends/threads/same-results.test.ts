/** 100,000 requests give the same results through 1 thread and through 16. */
import { createHash, randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile, ThreadPool } from "effect-aio"
import { random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const REQUESTS = 100_000
const AT_ONCE = 500
const SIZE = 1 << 20
const LENGTH = 64

/** Request `index` reads at `offsets[index]` into its own place: the hash of all places, and of all results. */
const through = (path: string, offsets: ReadonlyArray<number>, parallel: number) =>
  Effect.gen(function* () {
    const { fd } = yield* AioFile.open(path)
    const data = Buffer.alloc(REQUESTS * LENGTH)
    const results = new Int32Array(REQUESTS)
    yield* Effect.forEach(
      Array.from({ length: AT_ONCE }, (_, worker) => worker),
      (worker) =>
        Effect.gen(function* () {
          for (let index = worker; index < REQUESTS; index += AT_ONCE) {
            const place = data.subarray(index * LENGTH, (index + 1) * LENGTH)
            results[index] = yield* Aio.read(fd, place, { offset: offsets[index] })
          }
        }),
      { concurrency: "unbounded", discard: true }
    )
    expect(yield* Aio.stats).toMatchObject({ inline: 0, outstanding: 0 })
    return { data: createHash("sha256").update(data).digest("hex"), results }
  }).pipe(
    Effect.scoped,
    Effect.provide(ThreadPool.layer({ inline: false, minParallel: parallel, maxParallel: parallel }))
  )

it.scopedLive(`${REQUESTS} reads (SEED=${seed})`, () =>
  Effect.gen(function* () {
    const path = join(yield* temporaryDirectory, "file")
    const bytes = randomBytes(SIZE)
    writeFileSync(path, bytes)
    const numbers = random()
    // Some reach beyond the end: short, or nothing at all.
    const offsets = Array.from({ length: REQUESTS }, () => numbers.integer(SIZE + 1000))
    const expected = Buffer.alloc(REQUESTS * LENGTH)
    offsets.forEach((offset, index) => expected.set(bytes.subarray(offset, offset + LENGTH), index * LENGTH))
    const lengths = Int32Array.from(offsets, (offset) => Math.max(0, Math.min(LENGTH, SIZE - offset)))
    const one = yield* through(path, offsets, 1)
    const sixteen = yield* through(path, offsets, 16)
    expect(one.data).toBe(createHash("sha256").update(expected).digest("hex"))
    expect(sixteen.data).toBe(one.data)
    expect(Buffer.compare(new Uint8Array(one.results.buffer), new Uint8Array(lengths.buffer))).toBe(0)
    expect(Buffer.compare(new Uint8Array(sixteen.results.buffer), new Uint8Array(lengths.buffer))).toBe(0)
  })
)
