/**
 * `FileSystem` of @effect/platform on this library: in the place of NodeFileSystem, without a change to the program.
 *
 * Every call can be interrupted, and has ended when its fiber has: nothing is written afterwards, no descriptor is left. How it
 * differs from NodeFileSystem otherwise stands in docs/filesystem.md.
 *
 * @since 0.1.0
 */
import { dirname, join, resolve } from "node:path"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Aio from "./Aio.ts"
import { AioError, type AioFailure, type AioUnavailable } from "./AioError.ts"
import { execute } from "./internal/effect/execute.ts"
import { exitOf } from "./internal/effect/exits.ts"
import { engineOrReplacement } from "./internal/effect/replacementEngine.ts"
import { runSequence as runToExit } from "./internal/effect/run.ts"
import { currentEngine } from "./internal/effect/service.ts"
import { BadArgument } from "./internal/engine/arguments.ts"
import { checkBytes } from "./internal/engine/buffers.ts"
import type { Engine } from "./internal/engine/engine.ts"
import { Failed, LATER } from "./internal/engine/failed.ts"
import { known } from "./internal/engine/known.ts"
import type { Operation } from "./internal/engine/operation.ts"
import { checked, numberOf } from "./internal/filesystem/checked.ts"
import { Create, readFile as readWhole, writeFile as writeWhole } from "./internal/filesystem/contents.ts"
import { copyTree } from "./internal/filesystem/copy.ts"
import { CopyFile } from "./internal/filesystem/copyFile.ts"
import { top } from "./internal/filesystem/directory.ts"
import { badArgument, fromWrongArgument, translate } from "./internal/filesystem/errors.ts"
import { statInfo } from "./internal/filesystem/info.ts"
import { makeDirectories, makeTempDirectory, randomHex } from "./internal/filesystem/makeDirectory.ts"
import { readDirectory } from "./internal/filesystem/names.ts"
import { open } from "./internal/filesystem/openFile.ts"
import { realPath } from "./internal/filesystem/realPath.ts"
import { cpFailure, removeFailure } from "./internal/filesystem/refusals.ts"
import { removeTree } from "./internal/filesystem/removal.ts"
import { runSequence } from "./internal/filesystem/sequence.ts"
import { stream } from "./internal/filesystem/stream.ts"
import { toFileTime } from "./internal/filesystem/times.ts"
import { watch } from "./internal/filesystem/watch.ts"
import { errno } from "./internal/native/errno.ts"
import * as catalogue from "./internal/operation/catalogue.ts"
import { fileInMemory } from "./internal/task/readFile.ts"

/** Directories that are worked on at once. */
const PARALLEL = 4

const decoder = new TextDecoder()
const encoder = new TextEncoder()

const isErrno = (error: AioFailure, number: number): boolean => error._tag === "AioError" && error.errno === number

const makeFor = (own: Engine): Omit<FileSystem.FileSystem, "sink" | "watch"> => {
  /** With whatever serves the call at the moment when it is run. */
  const using = <A, E, R>(use: (engine: Engine) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => use(engineOrReplacement(own)))

  /** One request. */
  const run = <A>(
    method: string,
    operation: Operation<A>,
    of: string,
    dest?: string
  ): Effect.Effect<A, PlatformError> =>
    Effect.mapError(
      using((engine) => execute(engine, operation)),
      translate({ method, of, path: of, dest })
    )

  /** What there is, from the caches if they know. */
  const stat = (path: string): Effect.Effect<FileSystem.File.Info, PlatformError> =>
    run("stat", { entry: statInfo, input: { path } }, path)

  /** Whether there is something, from the caches if they know of it. */
  const isKnown = (engine: Engine, path: string): boolean => {
    const end = known(engine, catalogue.stat(path))
    return end !== LATER && !(end instanceof Failed)
  }

  const ask = (path: string, options: FileSystem.AccessFileOptions | undefined): Effect.Effect<void, AioFailure> =>
    using((engine) => {
      const { readable, writable } = options ?? {}
      if (readable !== true && writable !== true && isKnown(engine, path)) return Exit.void
      return execute(engine, catalogue.access(path, { read: readable, write: writable }))
    })

  const makeDirectoryOfOwn = (options: FileSystem.MakeTempDirectoryOptions | undefined, method: string) =>
    using((engine) => makeTempDirectory(engine, options, method))

  const makeTempFile = (method: string) => (options?: FileSystem.MakeTempFileOptions) =>
    Effect.flatMap(makeDirectoryOfOwn(options, method), (directory) => {
      const path = join(directory, `${randomHex()}${options?.suffix ?? ""}`)
      return Effect.as(
        runSequence(() => new Create(engineOrReplacement(own), { method, of: path, path }, path)),
        path
      )
    })

  /** A link to a directory, with a slash behind it, is a directory to whoever looks, and none to who removes it. */
  const orLinkToDirectory = (
    method: string,
    path: string,
    error: AioFailure,
    otherwise: Effect.Effect<void, PlatformError>
  ): Effect.Effect<void, PlatformError> => {
    const failure = Effect.fail(removeFailure(method, path)(error))
    if (!isErrno(error, errno.ENOTDIR) || typeof path !== "string" || !path.endsWith("/")) return failure
    return Effect.matchEffect(stat(path), { onFailure: () => failure, onSuccess: () => otherwise })
  }

  const remove = (method: string) => (path: string, options?: FileSystem.RemoveOptions) =>
    options?.recursive === true
      ? Effect.catchAll(
          using((engine) => removeTree(engine, path, { force: options.force ?? false, parallel: PARALLEL })),
          // rmdir(2) calls it none, and Node leaves it at that.
          (error) => orLinkToDirectory(method, path, error, Effect.void)
        )
      : Effect.catchAll(
          using((engine) => execute(engine, catalogue.unlink(path))),
          (error) => {
            if (options?.force === true && isErrno(error, errno.ENOENT)) return Effect.void
            const refused = removeFailure(method, path)(AioError.fromErrno(errno.EISDIR, "unlink", { path }))
            return orLinkToDirectory(method, path, error, Effect.fail(refused))
          }
        )

  /** At the end of a Scope. Where the Layer ends meanwhile, what is left is removed all the same. */
  const removeFinally = (method: string, path: string): Effect.Effect<void> => {
    const removed = (force: boolean) => remove(method)(path, { recursive: true, force })
    return Effect.orDie(
      Effect.catchIf(
        removed(false),
        ({ cause }) => own.closed && (cause as NodeJS.ErrnoException | undefined)?.code === "ECANCELED",
        () => removed(true)
      )
    )
  }

  const readFile = (method: string) => (path: string) =>
    runSequence(
      () => readWhole(engineOrReplacement(own), path, method),
      () => fileInMemory(engineOrReplacement(own), path)
    )

  const writeFile = (method: string) => (path: string, data: Uint8Array, options?: FileSystem.WriteFileOptions) =>
    Effect.suspend(() => {
      try {
        const bytes = checkBytes(data, "data")
        return runSequence(() => writeWhole(engineOrReplacement(own), path, bytes, options, method))
      } catch (problem) {
        return problem instanceof BadArgument ? Effect.fail(fromWrongArgument(method, problem)) : Effect.die(problem)
      }
    })

  return {
    access: (path, options) => Effect.mapError(ask(path, options), translate({ method: "access", of: path, path })),

    exists: (path) =>
      Effect.matchEffect(ask(path, undefined), {
        onSuccess: () => Effect.succeed(true),
        onFailure: (error) =>
          isErrno(error, errno.ENOENT)
            ? Effect.succeed(false)
            : Effect.fail(translate({ method: "access", of: path, path })(error))
      }),

    stat,

    readFile: readFile("readFile"),

    readFileString: (path, encoding) =>
      Effect.flatMap(readFile("readFile")(path), (bytes) => {
        try {
          return Exit.succeed(
            (encoding === undefined || encoding === "utf-8" ? decoder : new TextDecoder(encoding)).decode(bytes)
          )
        } catch (cause) {
          return Effect.fail(badArgument("readFileString", "encoding", String(cause), "invalid encoding"))
        }
      }),

    writeFile: writeFile("writeFile"),

    writeFileString: (path, data, options) =>
      Effect.suspend(() => writeFile("writeFile")(path, encoder.encode(data), options)),

    open: (path, options) => open(own, path, options),

    stream: (path, options) => stream(own, path, options),

    copyFile: (from, to) =>
      Effect.asVoid(
        Effect.mapError(
          using((engine) =>
            runToExit(
              () =>
                new CopyFile(engine, top(from), top(to), {
                  exclusive: false,
                  preserveTimestamps: false,
                  reflink: "auto"
                }),
              (end) => exitOf(engine, end)
            )
          ),
          translate({ method: "copyFile", of: from, path: from, dest: to }, "copyfile")
        )
      ),

    copy: (from, to, options) => {
      const copied = using((engine) =>
        copyTree(engine, from, to, {
          parallel: PARALLEL,
          overwrite: options?.overwrite ?? false,
          preserveTimestamps: options?.preserveTimestamps ?? false,
          reflink: "auto",
          asNode: true
        })
      )
      return Effect.mapError(
        Effect.catchAll(copied, (error) =>
          // Node makes missing parents of the destination first. Most of the time there are none.
          error._tag === "AioError" && error.errno === errno.ENOENT && error.path !== from
            ? Effect.zipRight(
                using((engine) => makeDirectories(engine, dirname(resolve(to)))),
                copied
              )
            : Effect.fail(error)
        ),
        cpFailure(from)
      )
    },

    chmod: (path, mode) => run("chmod", catalogue.chmod(path, mode), path),

    chown: (path, uid, gid) =>
      run(
        "chown",
        catalogue.chown(path, { uid: uid === -1 ? undefined : uid, gid: gid === -1 ? undefined : gid }),
        path
      ),

    link: (from, to) => run("link", catalogue.link(from, to), from, to),

    symlink: (target, path) => run("symlink", catalogue.symlink(target, path), target, path),

    readLink: (path) =>
      Effect.map(run("readLink", catalogue.readlink(path), path), (target) =>
        typeof target === "string" ? target : decoder.decode(target)
      ),

    realPath: (path) => using((engine) => realPath(engine, path)),

    rename: (from, to) => run("rename", catalogue.rename(from, to), from, to),

    truncate: (path, length) => {
      const bytes = numberOf(length ?? 0)
      return Effect.mapError(
        using((engine) => execute(engine, catalogue.truncate(path, Math.max(bytes, 0)))),
        translate({ method: "truncate", of: path, path }, "open")
      )
    },

    utimes: (path, atime, mtime) =>
      Effect.suspend(() => {
        const [atimeNs, mtimeNs] = [toFileTime(atime), toFileTime(mtime)]
        return atimeNs === undefined || mtimeNs === undefined
          ? Effect.fail(badArgument("utime", "time", "must be a Date or a time in seconds"))
          : run("utime", catalogue.utimes(path, { atimeNs, mtimeNs }), path)
      }),

    makeDirectory: (path, options) =>
      options?.recursive === true
        ? Effect.mapError(
            using((engine) => makeDirectories(engine, path, options.mode)),
            (error) => {
              // Of a part of the path, perhaps.
              const part = error._tag === "AioError" && typeof error.path === "string" ? error.path : path
              return translate({ method: "makeDirectory", of: path, path: part })(error)
            }
          )
        : run("makeDirectory", catalogue.mkdir(path, { mode: options?.mode }), path),

    makeTempDirectory: (options) => makeDirectoryOfOwn(options, "makeTempDirectory"),

    makeTempDirectoryScoped: (options) =>
      Effect.acquireRelease(makeDirectoryOfOwn(options, "makeTempDirectoryScoped"), (directory) =>
        removeFinally("makeTempDirectoryScoped", directory)
      ),

    makeTempFile: makeTempFile("makeTempFile"),

    makeTempFileScoped: (options) =>
      Effect.acquireRelease(makeTempFile("makeTempFileScoped")(options), (path) =>
        removeFinally("makeTempFileScoped", dirname(path))
      ),

    readDirectory: (path, options) => using((engine) => readDirectory(engine, path, options?.recursive === true)),

    remove: remove("remove")
  }
}

/**
 * The service. It runs on the `Aio` that it was made with, and when that has ended, on a pool of threads that is there while it is used: as
 * NodeFileSystem, it has no end. What is under way when that `Aio` ends is cancelled, and fails with ECANCELED. A `FileSystem.WatchBackend` in the context is used for
 * `watch`, as NodeFileSystem does.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<FileSystem.FileSystem, never, Aio.Aio> = Effect.map(
  Effect.zip(currentEngine, Effect.serviceOption(FileSystem.WatchBackend)),
  ([engine, backend]) => {
    const own = makeFor(engine)
    const watchPath: FileSystem.FileSystem["watch"] = (path, options) => watch(backend, own.stat, path, options)
    // For `sink`, whose work is all in `File.writeAll`.
    const whole = FileSystem.make({ ...own, watch: watchPath })
    return FileSystem.FileSystem.of(checked({ ...whole, ...own }))
  }
)

/**
 * `FileSystem` on the `Aio` at hand.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * import { FileSystem } from "@effect/platform"
 * import { Effect, Layer } from "effect"
 * import { AioFileSystem, ThreadPool } from "effect-aio"
 *
 * const program = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString("README.md")).pipe(
 *   Effect.provide(Layer.provide(AioFileSystem.layer, ThreadPool.layer()))
 * )
 */
export const layer: Layer.Layer<FileSystem.FileSystem, never, Aio.Aio> = Layer.effect(FileSystem.FileSystem, make)

/**
 * `FileSystem` on the best backend of this machine, see `Aio.layer`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerAuto: Layer.Layer<FileSystem.FileSystem, AioUnavailable> = Layer.provide(layer, Aio.layer())
