/** The thread pool of an engine: its backend, or the one that runs what its backend cannot. */
import type { Engine } from "../engine/engine.ts"
import { ThreadsBackend } from "./threads/backend.ts"

export const poolOf = (engine: Engine): ThreadsBackend | undefined =>
  engine.backends.find((backend): backend is ThreadsBackend => backend instanceof ThreadsBackend)
