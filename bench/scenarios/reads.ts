/** Random reads of 4 KiB from a file of 64 MiB: cached, and past the cache (O_DIRECT). */
import * as Effect from "effect/Effect"
import type { Comparison } from "../measure.ts"
import type { Settings } from "../settings.ts"
import * as aio from "../sides/aio.ts"
import * as fio from "../sides/fio.ts"
import * as fsCallbacks from "../sides/fsCallbacks.ts"
import * as fsPromises from "../sides/fsPromises.ts"
import * as fsSync from "../sides/fsSync.ts"
import * as nodeFileSystem from "../sides/nodeFileSystem.ts"

export const depths = [1, 8, 64, 256]

/**
 * At this depth a short interval measures how the side gets going rather than how it goes: 8,000 reads at a time ran at 50k/s,
 * 40,000 at 72k/s, while straight callbacks showed no such difference.
 */
const stretch = (kind: "cached" | "direct", depth: number): number => (kind === "direct" && depth === 256 ? 4 : 1)

const comparison = (
  { backends, effort }: Settings,
  kind: "cached" | "direct",
  depth: number,
  path: string
): Comparison => {
  const direct = kind === "direct"
  return {
    name: `${kind}-${depth}`,
    title: `Random reads of 4 KiB, ${direct ? "O_DIRECT" : "cached"}, depth ${depth}`,
    unit: "reads",
    stretch: stretch(kind, depth),
    sides: [
      ...backends.map((backend) => aio.reads(backend, path, depth, direct)),
      fsCallbacks.reads(path, depth, direct),
      fsPromises.reads(path, depth, direct),
      ...(direct ? [] : [nodeFileSystem.reads(path, depth)]),
      ...(depth === 1 ? [fsSync.reads(path, direct)] : []),
      ...(fio.installed === undefined ? [] : [fio.reads(path, depth, direct, effort.interval * stretch(kind, depth))])
    ]
  }
}

export const cached = (settings: Settings, depth: number): Effect.Effect<Comparison> =>
  Effect.map(settings.fixtures.cachedFile, (path) => comparison(settings, "cached", depth, path))

export const direct = (settings: Settings, depth: number): Effect.Effect<Comparison> =>
  Effect.map(settings.fixtures.directFile, (path) => comparison(settings, "direct", depth, path))
