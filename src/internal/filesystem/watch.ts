/** Watching for changes, by `node:fs`: inotify(7) has no place in the catalogue. */
import * as Fs from "node:fs"
import { join } from "node:path"
import { type PlatformError, SystemError } from "@effect/platform/Error"
import {
  type File,
  type WatchBackend,
  type WatchEvent,
  WatchEventCreate,
  WatchEventRemove,
  WatchEventUpdate,
  type WatchOptions
} from "@effect/platform/FileSystem"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

type Stat = (path: string) => Effect.Effect<File.Info, PlatformError>

const failure = (path: string, cause: unknown): SystemError =>
  new SystemError({ module: "FileSystem", reason: "Unknown", method: "watch", pathOrDescriptor: path, cause })

/** Events in the order in which they came. Each has its path as `fs.watch` gives it: relative to the watched path. */
const watchNode = (
  path: string,
  isDirectory: boolean,
  stat: Stat,
  options: WatchOptions | undefined
): Stream.Stream<WatchEvent, PlatformError> =>
  Stream.mapEffect(
    Stream.asyncPush<{ readonly event: string; readonly name: string }, PlatformError>(
      (emit) =>
        Effect.acquireRelease(
          Effect.try({
            try: () => {
              const watcher = Fs.watch(path, { recursive: options?.recursive ?? false }, (event, name) => {
                if (name !== null && name !== "") emit.single({ event, name })
              })
              watcher.on("error", (error) => emit.fail(failure(path, error)))
              watcher.on("close", () => emit.end())
              return watcher
            },
            catch: (cause) => failure(path, cause)
          }),
          (watcher) => Effect.sync(() => watcher.close())
        ),
      { bufferSize: "unbounded" }
    ),
    ({ event, name }): Effect.Effect<WatchEvent, PlatformError> =>
      event === "change"
        ? Effect.succeed(WatchEventUpdate({ path: name }))
        : Effect.matchEffect(stat(isDirectory ? join(path, name) : path), {
            onSuccess: () => Effect.succeed(WatchEventCreate({ path: name })),
            onFailure: (error) =>
              error._tag === "SystemError" && error.reason === "NotFound"
                ? Effect.succeed(WatchEventRemove({ path: name }))
                : Effect.fail(error)
          })
  )

export const watch = (
  backend: Option.Option<Context.Tag.Service<WatchBackend>>,
  stat: Stat,
  path: string,
  options: WatchOptions | undefined
): Stream.Stream<WatchEvent, PlatformError> =>
  Stream.unwrap(
    Effect.map(stat(path), (info) =>
      Option.getOrElse(
        Option.flatMap(backend, ({ register }) => register(path, info, options)),
        () => watchNode(path, info.type === "Directory", stat, options)
      )
    )
  )
