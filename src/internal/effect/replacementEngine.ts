/**
 * The engine that serves a FileSystem when the Layer of its `Aio` has ended: for finalizers of an outer Scope, open files, and methods that
 * a program has kept. NodeFileSystem has no end either.
 *
 * One pool of threads for all of them, made when it is needed. It never keeps the process alive, and it ends, with its descriptors, when it
 * has not been used for some time. A backend with a file system of its own is replaced by another on the same files.
 */
import { defaultControls, ThreadsBackend } from "../backend/threads/backend.ts"
import { Engine } from "../engine/engine.ts"
import { clearInterval, setInterval } from "../native/loop.ts"

/**
 * Milliseconds between two looks at whether the pool is used. It ends at the second look that finds no new request. Tests make them
 * shorter.
 */
export const looks = { interval: 5000 }

/** Milliseconds after which its idle threads end. */
const IDLE_TIMEOUT = 1000

let pool: Engine | undefined

/** Replacements by the engines that they replace. They hold nothing that has to be freed. */
const others = new WeakMap<Engine, Engine>()

const startPool = (): Engine => {
  const engine = new Engine((host) => [
    new ThreadsBackend(host, { ...defaultControls(), maxIdle: 0, idleTimeout: IDLE_TIMEOUT })
  ])
  let seen = 0
  const timer = setInterval(() => {
    const { submitted } = engine.counters
    if (engine.outstanding > 0 || submitted !== seen) {
      seen = submitted
      return
    }
    clearInterval(timer)
    pool = undefined
    engine.close(() => {})
  }, looks.interval).unref()
  return engine
}

const replacementOf = (engine: Engine): Engine => {
  const makeBackend = engine.backend.replacement?.bind(engine.backend)
  if (makeBackend === undefined) {
    pool ??= startPool()
    return pool
  }
  const found = others.get(engine) ?? new Engine((host) => [makeBackend(host)], { ...engine.limits })
  others.set(engine, found)
  return found
}

/**
 * The engine, or its replacement. To be called for every request, and the result not to be kept: a replacement may end, too, when it is
 * idle.
 */
export const engineOrReplacement = (engine: Engine): Engine => (engine.closed ? replacementOf(engine) : engine)
