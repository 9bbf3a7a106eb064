/**
 * The path of a file without symbolic links, `.` and `..`.
 *
 * The file is opened with O_PATH, and the kernel asked for its path: one answer about one moment. A walk along the path, as in realpath(3)
 * and `fs.realpath`, may put together parts of different moments. It is used where there is no /proc, and for a file that has no name any
 * more.
 */
import { constants } from "node:fs"
import { resolve } from "node:path"
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import type { AioFailure } from "../../AioError.ts"
import { execute } from "../effect/execute.ts"
import { BadArgument, checkPath, type Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { textOfPath } from "../engine/pathNames.ts"
import { O_PATH } from "../native/layout.ts"
import { lstat, open, readlink, stat } from "../operation/catalogue.ts"
import { fromWrongArgument, type Subject, systemError, translate } from "./errors.ts"
import { FileSystemSequence, runSequence } from "./sequence.ts"

/** The kernel appends this to the path of a name that is gone; a name may also end like this. */
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
    this.conclude(isCertain ? path : undefined)
  }

  private notTold(number: number, operation: string): void {
    if (this.cancelling) this.failed(number, operation)
    else this.conclude(undefined)
  }
}

/**
 * Link by link, as `fs.realpath` goes: a path may have any number of links in it. The kernel says of each link whether it leads anywhere,
 * so that the walk does not go in circles.
 */
const walk = (engine: Engine, path: string): Effect.Effect<string, AioFailure> => {
  const next = (done: string, rest: ReadonlyArray<string>): Effect.Effect<string, AioFailure> => {
    const [part, ...others] = rest
    if (part === undefined) return Effect.succeed(done === "" ? "/" : done)
    if (part === "" || part === ".") return next(done, others)
    if (part === "..") return next(done.slice(0, Math.max(0, done.lastIndexOf("/"))), others)
    const here = `${done}/${part}`
    return Effect.flatMap(execute(engine, lstat(here)), ({ type }) => {
      if (type !== "SymbolicLink") return next(here, others)
      const target = Effect.zipRight(execute(engine, stat(here)), execute(engine, readlink(here)))
      return Effect.flatMap(target, (found) => {
        const text = typeof found === "string" ? found : Buffer.from(found).toString()
        return next(text.startsWith("/") ? "" : done, [...text.split("/"), ...others])
      })
    })
  }
  return next("", path.split("/"))
}

export const realPath = (engine: Engine, path: string): Effect.Effect<string, PlatformError> => {
  const subject: Subject = { method: "realPath", of: path, path }
  return Effect.suspend(() => {
    try {
      checkPath(path)
    } catch (problem) {
      // Checked here and not by the first request: a walk begins with the names before the wrong one, and only a string has names.
      return problem instanceof BadArgument ? Effect.fail(fromWrongArgument("realPath", problem)) : Effect.die(problem)
    }
    // By its text, as in Node: `link/..` is the directory in which the link lies, and not the one above its target.
    const whole = resolve(textOfPath(path))
    const walked = Effect.mapError(walk(engine, whole), (error) =>
      error._tag === "AioError"
        ? systemError(error.errno, error.operation, { ...subject, path: String(error.path ?? path) })
        : translate(subject)(error)
    )
    // Descriptors that do not belong to this process have no entry in its /proc.
    if (engine.backend.descriptors !== undefined) return walked
    return Effect.flatMap(
      // Whatever the error was, the walk finds it, and names the part of the path that it is about.
      Effect.catchTag(
        runSequence(() => new Ask(engine, subject, whole)),
        "SystemError",
        () => Effect.succeed(undefined)
      ),
      (answer) => (answer === undefined ? walked : Effect.succeed(answer))
    )
  })
}
