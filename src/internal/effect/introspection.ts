/** What an engine has done and is doing, in numbers. */
import * as Effect from "effect/Effect"
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
  /** Of the outstanding requests: held back by `maxOutstanding`. */
  readonly held: number
  /** Of the outstanding requests: not started, waiting for room in the backend, or for a thread. */
  readonly ready: number
  /** Of the outstanding requests: in the kernel or in a thread. */
  readonly executing: number
  /** Of the outstanding requests: complete, and waiting for the event loop. */
  readonly pending: number
  /** Threads of the pool. io_uring has a pool, too, for operations that the kernel cannot run. */
  readonly threads: number
  /** Of the threads: without work. */
  readonly idleThreads: number
}

export const statsOf = (engine: Engine): Stats => {
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
