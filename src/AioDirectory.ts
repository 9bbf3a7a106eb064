/**
 * Directories.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { AioFailure } from "./AioError.ts"
import { exitOf } from "./internal/effect/exits.ts"
import { runSequence } from "./internal/effect/run.ts"
import { type Aio, withEngine } from "./internal/effect/service.ts"
import type { Path } from "./internal/engine/arguments.ts"
import type { DirectoryEntry } from "./internal/operation/directories.ts"
import { ListDirectory } from "./internal/task/listDirectory.ts"

/**
 * The names in a directory, without `.` and `..`, in no order. opendir(3), getdents64(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const read = (path: Path): Effect.Effect<ReadonlyArray<DirectoryEntry>, AioFailure, Aio> =>
  withEngine((engine) =>
    runSequence(
      () => new ListDirectory(engine, path, { method: "readdir", about: () => ({ path }) }),
      (end) => exitOf(engine, end)
    )
  )
