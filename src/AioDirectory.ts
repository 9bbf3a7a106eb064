/**
 * Directories.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { AioBadArgument, AioError } from "./AioError.ts"
import { execute } from "./internal/effect/execute.ts"
import { Aio } from "./internal/effect/service.ts"
import type { Path } from "./internal/engine/arguments.ts"
import { type DirectoryEntry, list, moreNames } from "./internal/operation/directories.ts"

/**
 * The names in a directory, without `.` and `..`, in no order. opendir(3), getdents64(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const read = (path: Path): Effect.Effect<ReadonlyArray<DirectoryEntry>, AioError | AioBadArgument, Aio> =>
  Effect.flatMap(Aio, ({ engine }) => {
    const attempt = (size?: number): Effect.Effect<ReadonlyArray<DirectoryEntry>, AioError | AioBadArgument> =>
      Effect.flatMap(execute(engine, list(path, size)), ({ done, entries }) =>
        done ? Effect.succeed(entries) : attempt(moreNames(size))
      )
    return attempt()
  })
