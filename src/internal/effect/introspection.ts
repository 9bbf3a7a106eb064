/** What an engine has done and is doing. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { poolOf } from "../backend/pool.ts"
import type { Counters } from "../engine/counters.ts"
import type { Engine } from "../engine/engine.ts"
import { type Aio, currentEngine } from "./service.ts"

/**
 * Where requests are, and counts since the Layer was built. In IO::AIO's words: nreqs is `outstanding`, nready `ready` and
 * npending `pending`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats extends Readonly<Counters> {
  readonly backend: string
  /** Submitted and not ended. */
  readonly outstanding: number
  /** Of those, held back by `maxOutstanding`. */
  readonly held: number
  /** Of those, not started: waiting for room in the backend, or for a thread. */
  readonly ready: number
  /** Of those, in the kernel or in a thread. */
  readonly executing: number
  /** Of those, complete, and waiting for the event loop. */
  readonly pending: number
  /** Threads of the pool; also io_uring has one, for what the kernel cannot run by itself. */
  readonly threads: number
  /** Of those, without work. */
  readonly idleThreads: number
}

const statsOf = (engine: Engine): Stats => {
  const pool = poolOf(engine)
  return {
    backend: engine.backend.name,
    outstanding: engine.outstanding,
    ...engine.places,
    threads: pool?.threadCount ?? 0,
    idleThreads: pool?.idleThreads ?? 0,
    ...engine.counters
  }
}

/**
 * What the engine at hand has done so far, and has to do.
 *
 * @since 0.1.0
 * @category introspection
 */
export const stats: Effect.Effect<Stats, never, Aio> = Effect.map(currentEngine, statsOf)

const gauge = (name: string, description: string) => Metric.gauge(`effect_aio_${name}`, { description })

/**
 * The numbers of `stats` as gauges, tagged with the backend, for whatever exports an application's metrics. They are set by
 * `recordMetrics`.
 *
 * @since 0.1.0
 * @category introspection
 */
export const metrics = {
  outstanding: gauge("requests_outstanding", "Requests submitted and not ended"),
  held: gauge("requests_held", "Requests held back by maxOutstanding"),
  ready: gauge("requests_ready", "Requests not started"),
  executing: gauge("requests_executing", "Requests in the kernel or in a thread"),
  pending: gauge("requests_pending", "Requests complete, and waiting for the event loop"),
  threads: gauge("threads", "Threads of the pool"),
  idleThreads: gauge("threads_idle", "Threads of the pool without work"),
  submitted: gauge("requests_submitted", "Requests submitted since the Layer was built"),
  completed: gauge("requests_completed", "Requests ended since the Layer was built"),
  inline: gauge("requests_inline", "Requests finished without waiting since the Layer was built"),
  missed: gauge("requests_missed", "Tries to finish a request without waiting that were in vain"),
  untried: gauge("requests_untried", "Requests that were not tried, since few of their kind had been answered"),
  cancelled: gauge("requests_cancelled", "Requests cancelled since the Layer was built")
} as const

/**
 * Sets `metrics` to the numbers of this moment. Repeat it on a schedule, or before each export.
 *
 * @since 0.1.0
 * @category introspection
 * @example
 * import { Effect, Schedule } from "effect"
 * import { Aio } from "effect-aio"
 *
 * const everySecond = Effect.forkScoped(Effect.repeat(Aio.recordMetrics, Schedule.spaced("1 second")))
 */
export const recordMetrics: Effect.Effect<void, never, Aio> = Effect.flatMap(stats, (now) =>
  Effect.forEach(
    Object.entries(metrics),
    ([name, metric]) => Metric.set(Metric.tagged(metric, "backend", now.backend), now[name as keyof typeof metrics]),
    { discard: true }
  )
)
