/** The metrics of AioMetrics, kept: what ends is counted as it ends, where requests are is looked at now and then. */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"
import type { CompletionEvent } from "./completions.ts"

const counted = { incremental: true } as const

/** Without tags. */
export const keys = {
  requests: MetricKey.counter("effect_aio_requests_total", { ...counted, description: "Requests ended" }),
  inlineRequests: MetricKey.counter("effect_aio_inline_requests_total", {
    ...counted,
    description: "Requests finished without waiting"
  }),
  bytes: MetricKey.counter("effect_aio_transferred_bytes_total", {
    ...counted,
    description: "Bytes that transfers moved"
  }),
  errors: MetricKey.counter("effect_aio_errors_total", { ...counted, description: "Requests that failed" }),
  duration: MetricKey.histogram(
    "effect_aio_request_duration_seconds",
    // 1 microsecond to 4 seconds.
    MetricBoundaries.exponential({ start: 1e-6, factor: 4, count: 12 }),
    "From the submission of a request to its completion"
  ),
  outstanding: MetricKey.gauge("effect_aio_outstanding_requests", {
    description: "Requests submitted and not ended, by where they are"
  }),
  threads: MetricKey.gauge("effect_aio_threads", { description: "Threads of the pool, by whether they have work" })
} as const

/** Metrics of one operation. Made of keys that have their tags: `Metric.tagged` would look the metric up at every update. */
const ofOperation = (operation: string, backend: string) => {
  const labels = [MetricLabel.make("operation", operation), MetricLabel.make("backend", backend)]
  const byCode = new Map<string, Metric.Metric.Counter<number>>()
  return {
    requests: Metric.fromMetricKey(MetricKey.taggedWithLabels(keys.requests, labels)),
    inlineRequests: Metric.fromMetricKey(MetricKey.taggedWithLabels(keys.inlineRequests, labels)),
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

/** Counts completions. Metrics are looked up once for each operation and backend, not for each event. */
export class CompletionCounter {
  readonly room = Number.POSITIVE_INFINITY
  private readonly known = new Map<string, ReturnType<typeof ofOperation>>()

  private metricsFor({ backend, operation }: CompletionEvent): ReturnType<typeof ofOperation> {
    const key = `${backend} ${operation}`
    const known = this.known.get(key) ?? ofOperation(operation, backend)
    this.known.set(key, known)
    return known
  }

  push(events: ReadonlyArray<CompletionEvent>): void {
    let metrics: ReturnType<typeof ofOperation> | undefined
    let first: CompletionEvent | undefined
    let requests = 0
    let inline = 0
    let bytes = 0
    const add = (): void => {
      metrics?.requests.unsafeUpdate(requests, none)
      if (inline > 0) metrics?.inlineRequests.unsafeUpdate(inline, none)
      if (bytes > 0) metrics?.bytes.unsafeUpdate(bytes, none)
      requests = 0
      inline = 0
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
      if (event.inline) inline++
      bytes += event.bytes
      metrics!.duration.unsafeUpdate(event.total / 1000, none)
      if (event.error !== undefined) metrics!.error(event.error).unsafeUpdate(1, none)
    }
    add()
  }

  end(): void {}
}

/** What the gauges show of one Layer. */
export interface Places {
  readonly held: number
  readonly ready: number
  readonly executing: number
  readonly pending: number
  readonly busyThreads: number
  readonly idleThreads: number
}

/** A gauge's part that comes from one Layer: several Layers of one backend are one gauge, and add up. */
class Share {
  private last = 0

  constructor(private readonly gauge: Metric.Metric.Gauge<number>) {}

  set(value: number): void {
    // Also to 0, the first time: what is known to be none is exported.
    this.gauge.unsafeModify(value - this.last, none)
    this.last = value
  }
}

const share = (key: MetricKey.MetricKey.Gauge<number>, backend: string, state: string): Share =>
  new Share(
    Metric.fromMetricKey(
      MetricKey.taggedWithLabels(key, [MetricLabel.make("backend", backend), MetricLabel.make("state", state)])
    )
  )

/** The gauges of one Layer. */
export class Gauges {
  private readonly held: Share
  private readonly ready: Share
  private readonly executing: Share
  private readonly pending: Share
  private readonly busy: Share
  private readonly idle: Share

  constructor(backend: string) {
    this.held = share(keys.outstanding, backend, "held")
    this.ready = share(keys.outstanding, backend, "ready")
    this.executing = share(keys.outstanding, backend, "executing")
    this.pending = share(keys.outstanding, backend, "pending")
    this.busy = share(keys.threads, backend, "busy")
    this.idle = share(keys.threads, backend, "idle")
  }

  set(places: Places): void {
    this.held.set(places.held)
    this.ready.set(places.ready)
    this.executing.set(places.executing)
    this.pending.set(places.pending)
    this.busy.set(places.busyThreads)
    this.idle.set(places.idleThreads)
  }

  /** Its Layer is at its end. */
  clear(): void {
    this.set({ held: 0, ready: 0, executing: 0, pending: 0, busyThreads: 0, idleThreads: 0 })
  }
}
