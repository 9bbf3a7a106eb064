/** Many small files of 1 KiB: opened, read and closed, or only asked about. */
import * as Effect from "effect/Effect"
import type { Comparison } from "../measure.ts"
import type { Settings } from "../settings.ts"
import * as aio from "../sides/aio.ts"
import * as fsCallbacks from "../sides/fsCallbacks.ts"
import * as fsPromises from "../sides/fsPromises.ts"
import * as fsSync from "../sides/fsSync.ts"
import * as nodeFileSystem from "../sides/nodeFileSystem.ts"

export const depths = [1, 16]

const count = (paths: ReadonlyArray<string>): string => paths.length.toLocaleString("en-US")

export const load = ({ backends, fixtures }: Settings, depth: number): Effect.Effect<Comparison> =>
  Effect.map(fixtures.smallFiles, (paths) => ({
    name: `load-${depth}`,
    title: `Open, read and close ${count(paths)} files, depth ${depth}`,
    unit: "files",
    requests: paths.length,
    sides: [
      ...backends.map((backend) => aio.loads(backend, paths, depth)),
      ...backends.map((backend) => aio.openLoads(backend, paths, depth)),
      fsCallbacks.loads(paths, depth),
      fsPromises.loads(paths, depth),
      nodeFileSystem.loads(paths, depth),
      fsSync.loads(paths)
    ]
  }))

export const stat = ({ backends, fixtures }: Settings, depth: number): Effect.Effect<Comparison> =>
  Effect.map(fixtures.smallFiles, (paths) => ({
    name: `stat-${depth}`,
    title: `Stat ${count(paths)} files, depth ${depth}`,
    unit: "files",
    requests: paths.length,
    sides: [
      ...backends.map((backend) => aio.stats(backend, paths, depth)),
      fsCallbacks.stats(paths, depth),
      fsPromises.stats(paths, depth),
      nodeFileSystem.stats(paths, depth),
      fsSync.stats(paths)
    ]
  }))
