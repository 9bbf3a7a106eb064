/**
 * Random reads of 4 KiB from a file of 64 MiB: cached, cached but with nothing answered on the spot, and past the cache (O_DIRECT).
 */
import * as Effect from "effect/Effect"
import type { Comparison, Side } from "../measure.ts"
import type { Settings } from "../settings.ts"
import * as aio from "../sides/aio.ts"
import * as fio from "../sides/fio.ts"
import * as fsCallbacks from "../sides/fsCallbacks.ts"
import * as fsPromises from "../sides/fsPromises.ts"
import * as fsSync from "../sides/fsSync.ts"
import * as ioAio from "../sides/ioAio.ts"
import * as nodeFileSystem from "../sides/nodeFileSystem.ts"

export const depths = [1, 8, 64, 256]
export const throughDepths = [1, 8, 16, 64]

/**
 * At this depth a short interval measures how the side gets going rather than how it goes: 8,000 reads at a time ran at 50k/s,
 * 40,000 at 72k/s, while straight callbacks showed no such difference.
 */
const stretch = (kind: "cached" | "direct", depth: number): number => (kind === "direct" && depth === 256 ? 4 : 1)

const comparison = (settings: Settings, kind: "cached" | "direct", depth: number, path: string): Comparison => {
  const { backends, effort } = settings
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
      ...fioSides(settings, path, depth, direct, effort.interval * stretch(kind, depth))
    ]
  }
}

/** fio with the engines that do what the backends do. */
const fioSides = (
  { backends }: Settings,
  path: string,
  depth: number,
  direct: boolean,
  interval: number
): ReadonlyArray<Side> =>
  backends.flatMap((backend) => fio.reads(aio.backends[backend].fio, path, depth, direct, interval))

export const cached = (settings: Settings, depth: number): Effect.Effect<Comparison> =>
  Effect.map(settings.fixtures.cachedFile, (path) => comparison(settings, "cached", depth, path))

export const direct = (settings: Settings, depth: number): Effect.Effect<Comparison> =>
  Effect.map(settings.fixtures.directFile, (path) => comparison(settings, "direct", depth, path))

/** What the mechanism itself does: programs meet it with data that is not cached. */
export const through = (settings: Settings, depth: number): Effect.Effect<Comparison> =>
  Effect.map(settings.fixtures.cachedFile, (path) => ({
    name: `through-${depth}`,
    title: `Random reads of 4 KiB, cached, nothing on the spot, depth ${depth}`,
    unit: "reads",
    sides: [
      ...settings.backends.map((backend) => aio.reads(backend, path, depth, false, "through")),
      fsCallbacks.reads(path, depth, false),
      fsPromises.reads(path, depth, false),
      nodeFileSystem.reads(path, depth),
      ...fioSides(settings, path, depth, false, settings.effort.interval)
    ]
  }))

/** The same without Effect, beside what works with callbacks. */
export const engine = (settings: Settings, depth: number): Effect.Effect<Comparison> =>
  Effect.map(settings.fixtures.cachedFile, (path) => ({
    name: `engine-${depth}`,
    title: `Random reads of 4 KiB, cached, nothing on the spot, callbacks, depth ${depth}`,
    unit: "reads",
    sides: [
      ...settings.backends.map((backend) => aio.engineReads(backend, path, depth)),
      fsCallbacks.reads(path, depth, false),
      ...ioAio.reads(path, depth, settings.effort.interval)
    ]
  }))
