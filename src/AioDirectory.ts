/**
 * Directories.
 *
 * @since 0.1.0
 */
import { constants } from "node:fs"
import * as Effect from "effect/Effect"
import type { AioBadArgument, AioError } from "./AioError.ts"
import { execute, executeMasked, executeUninterruptibly } from "./internal/execute.ts"
import type { Path } from "./internal/operation/arguments.ts"
import * as catalogue from "./internal/operation/catalogue.ts"
import type { DirectoryEntry } from "./internal/operation/directories.ts"
import { Aio } from "./internal/service.ts"

/**
 * The names in a directory, without `.` and `..`, in no order. opendir(3), getdents64(2).
 *
 * @since 0.1.0
 * @category operations
 */
export const read = (path: Path): Effect.Effect<ReadonlyArray<DirectoryEntry>, AioError | AioBadArgument, Aio> =>
  Effect.flatMap(Aio, ({ engine }) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        executeMasked(engine, catalogue.open(path, { flag: constants.O_RDONLY | constants.O_DIRECTORY }), restore),
        (fd) => {
          const all: Array<DirectoryEntry> = []
          const next: Effect.Effect<ReadonlyArray<DirectoryEntry>, AioError | AioBadArgument> = Effect.flatMap(
            execute(engine, catalogue.readdir(fd)),
            ({ done, entries }) => {
              for (const entry of entries) all.push(entry)
              return done ? Effect.succeed(all) : next
            }
          )
          return Effect.ensuring(restore(next), Effect.ignore(executeUninterruptibly(engine, catalogue.close(fd))))
        }
      )
    )
  )
