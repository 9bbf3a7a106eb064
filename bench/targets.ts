/** What this library has set itself, and whether a run shows it. */
import type { ComparisonResult, Figure, SideResult } from "./measure.ts"

export interface Verdict {
  readonly claim: string
  readonly measured: string
  readonly outcome: "met" | "missed" | "not measured"
}

export interface Measured {
  readonly comparisons: ReadonlyArray<ComparisonResult>
  readonly figures: Readonly<Record<string, ReadonlyArray<Figure>>>
}

const verdict = (claim: string, value: number | undefined, holds: (value: number) => boolean, unit: string): Verdict =>
  value === undefined
    ? { claim, measured: "", outcome: "not measured" }
    : { claim, measured: `${Number(value.toPrecision(3))}${unit}`, outcome: holds(value) ? "met" : "missed" }

const times = (value: number): string => `${value}x`

export const verdicts = ({ comparisons, figures }: Measured): ReadonlyArray<Verdict> => {
  const against = (scenario: string, side: string): SideResult | undefined =>
    comparisons.find(({ name }) => name === scenario)?.sides.find((result) => result.side === side)

  const faster = (what: string, scenario: string, side: string, least: number): Verdict =>
    verdict(
      `${what}: at least ${times(least)} ${side}`,
      against(scenario, side)?.firstIsFaster,
      (ratio) => ratio >= least,
      "x"
    )

  const figure = (claim: string, group: string, suffix: string, limit: number, unit: string): Verdict => {
    const values = figures[group]?.filter(({ name }) => name.endsWith(suffix)).map(({ value }) => value) ?? []
    // The worst of them: every operation and every backend has to hold it.
    return verdict(claim, values.length === 0 ? undefined : Math.max(...values), (value) => value < limit, unit)
  }

  return [
    faster("Cached, depth 1", "cached-1", "NodeFileSystem", 10),
    faster("Cached, depth 1", "cached-1", "fs.promises", 8),
    faster("Cached, depth 64", "cached-64", "NodeFileSystem", 6),
    faster("Cached, depth 64", "cached-64", "fs.promises", 2),
    faster("O_DIRECT, depth 256", "direct-256", "fs.read", 1.8),
    verdict(
      "O_DIRECT, depth 256: at most a third of the CPU of fs.read",
      against("direct-256", "fs.read")?.firstUsesCpu,
      (part) => part <= 1 / 3,
      " of it"
    ),
    faster("O_DIRECT, depth 256", "direct-256", "fio io_uring", 0.9),
    faster("Small files, depth 16", "load-16", "fs.promises.readFile", 3),
    figure("A million outstanding: under 512 bytes each", "million", "memory", 512, " bytes"),
    figure("A million outstanding: at most 1.5x the time of a thousand", "million", "million to thousand", 1.5, "x"),
    figure("Layer built and released in under 10 ms", "layer", "median", 10, " ms")
  ]
}
