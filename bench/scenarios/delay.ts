/** What reads do to everything else in the event loop: how late a timer is meanwhile. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { AioBuffer, AioFile } from "effect-aio"
import { OFFSETS_MASK, offsets, PAGE, RANDOM_FILE_SIZE } from "../fixtures.ts"
import { lateness, quantile } from "../lateness.ts"
import { fibers, range } from "../loops.ts"
import { median, type Run, type Side, side, type Table, type TableRow } from "../measure.ts"
import type { Settings } from "../settings.ts"
import * as aio from "../sides/aio.ts"
import * as fsCallbacks from "../sides/fsCallbacks.ts"
import * as fsPromises from "../sides/fsPromises.ts"
import * as nodeFileSystem from "../sides/nodeFileSystem.ts"

const DEPTH = 64
const COLD_READS = 1000
const CACHED_READS = 50_000

interface Candidate {
  readonly name: string
  readonly run: Run
  readonly requests: number
  /** Runs before every round, and is not measured. */
  readonly prepare: Effect.Effect<void, unknown>
}

/** All candidates in turn, round after round: their rate, and the lateness of a timer over all rounds. */
const rows = (candidates: ReadonlyArray<Candidate>, rounds: number): Effect.Effect<ReadonlyArray<TableRow>, unknown> =>
  Effect.gen(function* () {
    const lanes = candidates.map((candidate) => ({
      ...candidate,
      rates: [] as Array<number>,
      late: [] as Array<number>
    }))
    // The first round warms up.
    for (let round = -1; round < rounds; round++) {
      for (const { late, prepare, rates, requests, run } of lanes) {
        yield* prepare
        let rate = 0
        const measured = yield* lateness(
          Effect.map(run(requests), ({ requests, seconds }) => {
            rate = requests / seconds
          })
        )
        if (round < 0) continue
        rates.push(rate)
        late.push(...measured)
      }
    }
    return lanes.map(({ late, name, rates }) => ({
      name,
      values: [median(rates), quantile(late, 0.5), quantile(late, 0.99), quantile(late, 1)]
    }))
  })

const columns = ["reads/s", "median ms", "99% ms", "longest ms"]

const candidate = (
  { name, open }: Side,
  requests: number,
  prepare: Effect.Effect<void, unknown> = Effect.void
): Effect.Effect<Candidate, unknown, Scope.Scope> => Effect.map(open, (run) => ({ name, run, requests, prepare }))

/** A thousand reads from the disk, and a flood of cached ones. */
export const delay = ({ backends, effort, fixtures }: Settings): Effect.Effect<Table, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const cold = yield* fixtures.directFile
      const cached = yield* fixtures.cachedFile
      const context = yield* Layer.build(aio.layerOf(backends[0]))
      const coldFile = yield* Effect.provide(AioFile.open(cold), context)
      const evict = coldFile.advise("dontNeed")
      const named = (kind: string, found: Candidate): Candidate => ({ ...found, name: `${kind}: ${found.name}` })
      const sides = (path: string): ReadonlyArray<Side> => [
        ...backends.map((backend) => aio.reads(backend, path, DEPTH, false)),
        fsCallbacks.reads(path, DEPTH, false),
        fsPromises.reads(path, DEPTH, false),
        nodeFileSystem.reads(path, DEPTH)
      ]
      const candidates: Array<Candidate> = []
      for (const side of sides(cold)) candidates.push(named("cold", yield* candidate(side, COLD_READS, evict)))
      for (const side of sides(cached)) candidates.push(named("cached", yield* candidate(side, CACHED_READS)))
      return { columns, rows: yield* rows(candidates, effort.rounds) }
    })
  )

/** Cached reads of some size under one limit of a turn. */
const limited = (
  name: string,
  backend: aio.BackendName,
  path: string,
  size: number,
  inline: { readonly requests: number; readonly bytes: number }
): Side =>
  side(
    name,
    size,
    Effect.gen(function* () {
      const context = yield* Layer.build(aio.backends[backend].layer({ inline }))
      const file = yield* Effect.provide(AioFile.open(path), context)
      const buffers = range(DEPTH).map(() => AioBuffer.aligned(size))
      const positions = RANDOM_FILE_SIZE - size
      return (requests: number) =>
        fibers(
          DEPTH,
          requests,
          (index, worker) => file.read(buffers[worker], { offset: Math.min(offsets[index & OFFSETS_MASK], positions) }),
          (count) => count
        )
    })
  )

const LARGE = 16 * PAGE
const UNLIMITED = 2 ** 40
const KIBIBYTE = 1024

/** What the limits of a turn are chosen by: more in a turn is faster, and makes everybody else wait longer. */
export const budget = ({ backends, effort, fixtures }: Settings): Effect.Effect<Table, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const path = yield* fixtures.cachedFile
      const candidates: Array<Candidate> = []
      for (const requests of [64, 128, 256, 512, 1024]) {
        const side = limited(`4 KiB, ${requests} requests`, backends[0], path, PAGE, { requests, bytes: UNLIMITED })
        candidates.push(yield* candidate(side, CACHED_READS))
      }
      for (const mebibytes of [1, 2, 4, 8, 16]) {
        const side = limited(`${LARGE / KIBIBYTE} KiB, ${mebibytes} MiB`, backends[0], path, LARGE, {
          requests: UNLIMITED,
          bytes: mebibytes * KIBIBYTE * KIBIBYTE
        })
        candidates.push(yield* candidate(side, CACHED_READS / 10))
      }
      return { columns, rows: yield* rows(candidates, effort.rounds) }
    })
  )
