/** Completions as Effect metrics. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"
import type * as Scope from "effect/Scope"
import { type Completion, Completions } from "./completions.ts"
import { type Aio, withEngine } from "./service.ts"

const counted = { incremental: true } as const

const keys = {
  requests: MetricKey.counter("effect_aio_requests_total", { ...counted, description: "Requests ended" }),
  bytes: MetricKey.counter("effect_aio_bytes_total", { ...counted, description: "Bytes that transfers moved" }),
  errors: MetricKey.counter("effect_aio_errors_total", { ...counted, description: "Requests that failed" }),
  duration: MetricKey.histogram(
    "effect_aio_request_duration_seconds",
    // 1 microsecond to 4 seconds.
    MetricBoundaries.exponential({ start: 1e-6, factor: 4, count: 12 }),
    "From the submission of a request to its completion"
  )
} as const

/**
 * What `observeMetrics` counts, tagged with `operation` and `backend`, errors with `code`, too. Durations are in seconds, from the
 * submission to the completion.
 *
 * @since 0.1.0
 * @category introspection
 */
export const completionMetrics = {
  requests: Metric.fromMetricKey(keys.requests),
  bytes: Metric.fromMetricKey(keys.bytes),
  errors: Metric.fromMetricKey(keys.errors),
  duration: Metric.fromMetricKey(keys.duration)
} as const

/** Metrics of one operation. Made of keys that have their tags: `Metric.tagged` would look the metric up at every update. */
const tagged = (operation: string, backend: string) => {
  const labels = [MetricLabel.make("operation", operation), MetricLabel.make("backend", backend)]
  const byCode = new Map<string, Metric.Metric.Counter<number>>()
  return {
    requests: Metric.fromMetricKey(MetricKey.taggedWithLabels(keys.requests, labels)),
    bytes: Metric.fromMetricKey(MetricKey.taggedWithLabels(keys.bytes, labels)),
    duration: Metric.fromMetricKey(MetricKey.taggedWithLabels(keys.duration, labels)),
    error: (code: string) => {
      const known = byCode.get(code)
      if (known !== undefined) return known
      const key = MetricKey.taggedWithLabels(keys.errors, [...labels, MetricLabel.make("code", code)])
      const metric = Metric.fromMetricKey(key)
      byCode.set(code, metric)
      return metric
    }
  }
}

/** Tags besides those of the metric's key. */
const none: ReadonlyArray<MetricLabel.MetricLabel> = []

/** Looked up once for each operation and backend, not for each event. */
class Recorder {
  readonly room = Number.POSITIVE_INFINITY
  private readonly known = new Map<string, ReturnType<typeof tagged>>()

  private metricsFor({ backend, operation }: Completion): ReturnType<typeof tagged> {
    const key = `${backend} ${operation}`
    const known = this.known.get(key) ?? tagged(operation, backend)
    this.known.set(key, known)
    return known
  }

  push(events: ReadonlyArray<Completion>): void {
    let metrics: ReturnType<typeof tagged> | undefined
    let first: Completion | undefined
    let requests = 0
    let bytes = 0
    const add = (): void => {
      metrics?.requests.unsafeUpdate(requests, none)
      if (bytes > 0) metrics?.bytes.unsafeUpdate(bytes, none)
      requests = 0
      bytes = 0
    }
    for (const event of events) {
      // Runs of the same operation are the rule: counted together.
      if (first === undefined || first.operation !== event.operation || first.backend !== event.backend) {
        add()
        first = event
        metrics = this.metricsFor(event)
      }
      requests++
      bytes += event.bytes
      metrics!.duration.unsafeUpdate(event.total / 1000, none)
      if (event.error !== undefined) metrics!.error(event.error).unsafeUpdate(1, none)
    }
    add()
  }

  end(): void {}
}

/**
 * Counts every completion in `completionMetrics`, until its Scope closes.
 *
 * @since 0.1.0
 * @category introspection
 * @example
 * import { Layer } from "effect"
 * import { Aio } from "effect-aio"
 *
 * const counted = Layer.scopedDiscard(Aio.observeMetrics).pipe(Layer.provideMerge(Aio.layer()))
 */
export const observeMetrics: Effect.Effect<void, never, Aio | Scope.Scope> = withEngine((engine) =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => Completions.listen(engine, new Recorder())),
      (stop) => Effect.sync(stop)
    )
  )
)
