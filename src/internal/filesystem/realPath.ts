/**
 * The path of a file without symbolic links, `.` and `..`.
 *
 * The file is opened with O_PATH, and the kernel asked what it is called: one answer about one moment. Walking the path instead, as
 * realpath(3) and `fs.realpath` do, may put together parts of different moments. It is the way out where there is no /proc, and for
 * what has no name any more.
 */
import { constants } from "node:fs"
import { resolve } from "node:path"
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { AioError } from "../../AioError.ts"
import type { Engine } from "../engine/engine.ts"
import { execute } from "../execute.ts"
import { errno } from "../native/errno.ts"
import { O_PATH } from "../native/layout.ts"
import type { Path } from "../operation/arguments.ts"
import { lstat, open, readlink } from "../operation/catalogue.ts"
import { textOfPath } from "../operation/names.ts"
import type { Failure } from "../wait.ts"
import { type Subject, systemError, translate } from "./errors.ts"
import { FileSystemSequence, runSequence } from "./sequence.ts"

/** Links followed, as the kernel does at most. */
const MAX_LINKS = 40

/** What the kernel appends to the path of a name that is gone; a name may end like that, too. */
const GONE = " (deleted)"

/** The path, or `undefined` where the kernel has no answer that is certain. */
class Ask extends FileSystemSequence<string | undefined> {
  constructor(
    engine: Engine,
    protected readonly subject: Subject,
    private readonly path: string
  ) {
    super(engine)
  }

  protected begin(): void {
    this.run(open(this.path, { flag: O_PATH | constants.O_RDONLY }), this.opened)
  }

  private opened(fd: number): void {
    this.fd = fd
    // An O_PATH descriptor has no file behind it: closing it waits for nothing.
    this.closesAtOnce = true
    this.run(readlink(`/proc/self/fd/${fd}`), this.told, this.notTold)
  }

  private told(path: Path): void {
    const isCertain = typeof path === "string" && path.startsWith("/") && !path.endsWith(GONE)
    this.end(Exit.succeed(isCertain ? path : undefined))
  }

  private notTold(number: number, operation: string): void {
    if (this.cancelling) this.failed(number, operation)
    else this.end(Exit.succeed(undefined))
  }
}

const walk = (engine: Engine, path: string): Effect.Effect<string, Failure> => {
  const next = (done: string, rest: ReadonlyArray<string>, links: number): Effect.Effect<string, Failure> => {
    const [part, ...others] = rest
    if (part === undefined) return Effect.succeed(done === "" ? "/" : done)
    if (part === "" || part === ".") return next(done, others, links)
    if (part === "..") return next(done.slice(0, Math.max(0, done.lastIndexOf("/"))), others, links)
    const here = `${done}/${part}`
    return Effect.flatMap(execute(engine, lstat(here)), ({ type }) => {
      if (type !== "SymbolicLink") return next(here, others, links)
      if (links === MAX_LINKS) return Effect.fail(AioError.fromErrno(errno.ELOOP, "lstat", { path: here }))
      return Effect.flatMap(execute(engine, readlink(here)), (found) => {
        const target = typeof found === "string" ? found : Buffer.from(found).toString()
        return next(target.startsWith("/") ? "" : done, [...target.split("/"), ...others], links + 1)
      })
    })
  }
  return next("", resolve(textOfPath(path)).split("/"), 0)
}

export const realPath = (engine: Engine, path: string): Effect.Effect<string, PlatformError> => {
  const subject: Subject = { method: "realPath", of: path, path }
  const walked = Effect.mapError(
    Effect.suspend(() => walk(engine, path)),
    (error) =>
      error._tag === "AioError"
        ? systemError(error.errno, "lstat", { ...subject, path: String(error.path ?? path) })
        : translate(subject)(error)
  )
  // Descriptors that are not this process's have no place in its /proc.
  if (engine.backend.descriptors !== undefined) return walked
  return Effect.flatMap(
    // Whatever went wrong, the walk finds it, and names the part of the path that it is about.
    Effect.catchTag(
      runSequence(() => new Ask(engine, subject, path === "" ? "." : path)),
      "SystemError",
      () => Effect.succeed(undefined)
    ),
    (answer) => (answer === undefined ? walked : Effect.succeed(answer))
  )
}
