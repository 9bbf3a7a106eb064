/**
 * A page cache of a program's own, over O_DIRECT: what a storage engine does that knows better than the kernel what to keep.
 * `npx tsx examples/page-cache.ts`
 *
 * Effect's Cache keeps the pages last used and lets readers of one page share one request; the library reads past the kernel's cache
 * into aligned memory.
 */
import { randomFillSync } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Cache, Console, Data, Duration, Effect, Random } from "effect"
import { Aio, AioError, AioFile } from "effect-aio"

const PAGE = 4096

/** Pages of a file, at most `capacity` of them kept. */
const makePageCache = (path: string, capacity: number) =>
  Effect.gen(function* () {
    const file = yield* AioFile.open(path, { direct: true }).pipe(
      // tmpfs (before Linux 6.6) and some others have no direct I/O.
      AioError.catchCode("EINVAL", () => AioFile.open(path))
    )
    return yield* Cache.make({
      capacity,
      timeToLive: Duration.infinity,
      lookup: (page: number) => file.readAlloc(PAGE, { offset: page * PAGE })
    })
  })

class WrongPage extends Data.TaggedError("WrongPage")<{ readonly page: number }> {}

const PAGES = 1024
const CAPACITY = 256
const LOOKUPS = 20_000

/** In the working directory: a temporary one is often in memory, where there is nothing to bypass. */
const sampleFile = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(process.cwd(), ".page-cache-"))
    const path = join(directory, "pages")
    const bytes = randomFillSync(Buffer.alloc(PAGES * PAGE))
    writeFileSync(path, bytes)
    return { directory, path, bytes }
  }),
  ({ directory }) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

const program = Effect.gen(function* () {
  const { bytes, path } = yield* sampleFile
  const cache = yield* makePageCache(path, CAPACITY)
  // Four of five lookups go to an eighth of the pages.
  const somePage = Effect.flatMap(Random.nextIntBetween(0, 5), (die) =>
    Random.nextIntBetween(0, die === 0 ? PAGES : PAGES >> 3)
  )
  const lookUp = Effect.gen(function* () {
    const page = yield* somePage
    const found = yield* cache.get(page)
    if (Buffer.compare(found, bytes.subarray(page * PAGE, (page + 1) * PAGE)) !== 0) yield* new WrongPage({ page })
  })
  yield* Effect.replicateEffect(lookUp, Math.ceil(LOOKUPS / 64), { discard: true }).pipe((worker) =>
    Effect.replicateEffect(worker, 64, { concurrency: 64, discard: true })
  )
  const { hits, misses, size } = yield* cache.cacheStats
  yield* Console.log(`${hits} lookups from ${size} pages in memory, ${misses} from the disk`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Aio.layer())))
