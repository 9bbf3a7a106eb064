/** What a run has done so far, for the bar while it runs and the summary at its end. */
import { createHistogram } from "node:perf_hooks"
import { Effect, Schedule, type Scope } from "effect"
import type { Aio } from "effect-aio"

export class Tally {
  files = 0
  bytes = 0
  /** Files and directories that could not be read. */
  failures = 0
  /** Entries that are neither files nor directories. */
  readonly skipped = new Map<Aio.FileType, number>()
  /** Nanoseconds from the start of a request to its end. */
  private readonly latency = createHistogram()
  private readonly startedAt = performance.now()

  get seconds(): number {
    return (performance.now() - this.startedAt) / 1000
  }

  skip(type: Aio.FileType): void {
    this.skipped.set(type, (this.skipped.get(type) ?? 0) + 1)
  }

  /** Runs a request and records how long it took, whatever came of it. */
  timed<A, E, R>(request: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      const start = performance.now()
      return Effect.ensuring(
        request,
        Effect.sync(() => this.latency.record(Math.max(1, Math.round((performance.now() - start) * 1e6))))
      )
    })
  }

  get progress(): string {
    const { bytes, files, seconds } = this
    return `${count(files)} files  ${megabytes(bytes)} MB  ${megabytes(bytes / seconds)} MB/s`
  }

  summary(backend: string): string {
    const { bytes, files, latency, seconds } = this
    const skipped = [...this.skipped].map(([type, times]) => `${times} ${type}`).join(", ")
    const milliseconds = (percentile: number) => `${(latency.percentile(percentile) / 1e6).toFixed(3)} ms`
    const rows: ReadonlyArray<readonly [string, string]> = [
      ["backend", backend],
      ["files", count(files) + (skipped === "" ? "" : ` (skipped: ${skipped})`)],
      ["bytes", count(bytes)],
      ["seconds", seconds.toFixed(2)],
      ["throughput", `${megabytes(bytes / seconds)} MB/s`],
      ["requests", count(latency.count)],
      ["latency", latency.count === 0 ? "none" : `p50 ${milliseconds(50)}, p99 ${milliseconds(99)}`]
    ]
    return rows.map(([name, value]) => `${name.padEnd(12)}${value}`).join("\n")
  }
}

const count = (value: number): string => value.toLocaleString("en-US")
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)

const onTerminal = process.stderr.isTTY
/** To the start of the line, and nothing on it. */
const ERASE_LINE = onTerminal ? "\r\u001b[K" : ""

/** A line for people, on standard error. The bar, if there is one, comes back below it. */
export const report = (message: string): Effect.Effect<void> =>
  Effect.sync(() => process.stderr.write(`${ERASE_LINE}${message}\n`))

/** Keeps one line of a terminal up to date, until the Scope closes. Nothing where standard error is not a terminal. */
export const progressBar = (tally: Tally): Effect.Effect<void, never, Scope.Scope> => {
  if (!onTerminal) return Effect.void
  const draw = Effect.sync(() => process.stderr.write(ERASE_LINE + tally.progress))
  return Effect.acquireRelease(Effect.void, () => Effect.sync(() => process.stderr.write(ERASE_LINE))).pipe(
    Effect.zipRight(Effect.forkScoped(Effect.repeat(draw, Schedule.spaced("100 millis"))))
  )
}
