/**
 * The first look at a file system on a fast disk, 16 at a time, on a Layer that is just there: what a command-line program does. The disk
 * answers at once, so what is measured is how fast work gets to threads, the first of which have to be started, and back.
 */
import * as fs from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Aio, AioDirectory, AioFile } from "effect-aio"
import type { ColdDisk } from "../coldDisk.ts"
import { SMALL_FILE_SIZE } from "../fixtures.ts"
import { fibers, promises } from "../loops.ts"
import { type Comparison, metered, type Run, type Side, WrongWork } from "../measure.ts"
import type { Settings } from "../settings.ts"
import { type BackendName, layerOf } from "../sides/aio.ts"

const DEPTH = 16

/** One kind of work on both sides; each request is worth so much of what it returns. */
interface Work {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly paths: (disk: ColdDisk) => ReadonlyArray<string>
  readonly worth: (disk: ColdDisk) => number
  readonly aio: (path: string) => Effect.Effect<number, unknown, Aio.Aio>
  readonly node: (path: string) => Promise<number>
}

const kinds: ReadonlyArray<Work> = [
  {
    name: "stat",
    title: "Stat",
    unit: "files",
    paths: ({ files }) => files,
    worth: () => SMALL_FILE_SIZE,
    aio: (path) => Effect.map(Aio.stat(path), ({ size }) => Number(size)),
    node: async (path) => (await fs.stat(path)).size
  },
  {
    name: "open",
    title: "Open and close",
    unit: "files",
    paths: ({ files }) => files,
    worth: () => 1,
    aio: (path) => AioFile.withFile(path, () => Effect.succeed(1)),
    node: async (path) => {
      await (await fs.open(path)).close()
      return 1
    }
  },
  {
    name: "readdir",
    title: "Read directories",
    unit: "directories",
    paths: ({ directories }) => directories,
    worth: ({ filesEach }) => filesEach,
    aio: (path) => Effect.map(AioDirectory.read(path), ({ length }) => length),
    node: async (path) => (await fs.readdir(path, { withFileTypes: true })).length
  },
  {
    name: "load",
    title: "Open, read and close",
    unit: "files",
    paths: ({ files }) => files,
    worth: () => SMALL_FILE_SIZE,
    aio: (path) => Effect.map(AioFile.readFile(path), ({ byteLength }) => byteLength),
    node: async (path) => (await fs.readFile(path)).byteLength
  }
]

type Loop = (requests: number) => Effect.Effect<number, unknown>

/** `open` makes what a program starts with, outside the measured time: a Layer, whose threads are not there yet. */
const coldSide = (
  name: string,
  disk: ColdDisk,
  worth: number,
  open: Effect.Effect<Loop, unknown, Scope.Scope>
): Side => ({
  name,
  open: Effect.succeed<Run>((requests) =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* disk.forget
        const loop = yield* open
        const [found, spent] = yield* metered(loop(requests))
        if (found !== requests * worth) {
          return yield* new WrongWork({ side: name, reason: `found ${found}, not ${requests} times ${worth}` })
        }
        return { requests, ...spent }
      })
    )
  )
})

const same = (count: number): number => count

const comparison = (work: Work, disk: ColdDisk, backends: ReadonlyArray<BackendName>): Comparison => {
  const paths = work.paths(disk)
  const worth = work.worth(disk)
  const aio = (backend: BackendName): Side =>
    coldSide(
      `effect-aio ${backend}`,
      disk,
      worth,
      Effect.map(
        Layer.build(Layer.fresh(layerOf(backend))),
        (context): Loop =>
          (requests) =>
            Effect.provide(
              fibers(DEPTH, requests, (index) => work.aio(paths[index]), same),
              context
            )
      )
    )
  const node: Loop = (requests) => promises(DEPTH, requests, (index) => work.node(paths[index]), same)
  return {
    name: `cold-${work.name}`,
    title: `${work.title} ${paths.length.toLocaleString("en-US")} cold ${work.unit}, depth ${DEPTH}, on a fresh Layer`,
    unit: work.unit,
    requests: paths.length,
    isUncounted: true,
    sides: [...backends.map(aio), coldSide("fs.promises", disk, worth, Effect.succeed(node))]
  }
}

export const scenarios = kinds.map((work) => ({
  kind: "comparison" as const,
  name: `cold-${work.name}`,
  make: ({ backends, fixtures }: Settings): Effect.Effect<Comparison> =>
    Effect.map(fixtures.coldDisk, (disk) => comparison(work, disk, backends))
}))
