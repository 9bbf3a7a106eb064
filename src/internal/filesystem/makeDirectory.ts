/** Directories with all their missing parents, as `mkdir -p` makes them; and directories with new names. */
import { randomBytes } from "node:crypto"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { PlatformError } from "@effect/platform/Error"
import type { MakeTempDirectoryOptions } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type { AioFailure } from "../../AioError.ts"
import { withArguments } from "../effect/arguments.ts"
import { execute } from "../effect/execute.ts"
import { exitOf } from "../effect/exits.ts"
import { runSequence } from "../effect/run.ts"
import { BadArgument, show } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { errno } from "../native/errno.ts"
import { mkdir, stat } from "../operation/catalogue.ts"
import { MAX_STEPS, program } from "../operation/program.ts"
import { Sequence } from "../task/sequence.ts"
import { systemError, translate } from "./errors.ts"

const isErrno = (error: AioFailure, number: number): boolean => error._tag === "AioError" && error.errno === number

/** A path and the directories above it, by their names. */
const upwards = (path: string): ReadonlyArray<string> => {
  const names = [path]
  // The empty path has none: it is no directory.
  for (let parent = dirname(path); path !== "" && parent !== names[names.length - 1]; parent = dirname(parent))
    names.push(parent)
  return names
}

/**
 * Two programs: upwards, past directories whose parents are missing, and downwards again. Fails as Node does: EEXIST where the path is something
 * else, ENOTDIR where a part of it is.
 */
class MakeDirectories extends Sequence<void> {
  readonly label: { readonly name: string; readonly path: string }
  private readonly names: ReadonlyArray<string>
  /** What a failure names: one of `names`. */
  private current: string

  constructor(
    engine: Engine,
    path: string,
    private readonly mode: number | undefined
  ) {
    super(engine)
    this.label = { name: "mkdir", path }
    this.names = upwards(path)
    this.current = path
  }

  protected override get about(): { readonly path: string } {
    return { path: this.current }
  }

  private make(index: number): Operation<void> {
    return mkdir(this.names[index], { mode: this.mode })
  }

  protected begin(): void {
    this.up(0)
  }

  /** Tries one directory after the other, as long as the parent is missing. */
  private up(from: number): void {
    const { names } = this
    const length = Math.min(names.length - from, MAX_STEPS)
    const steps = Array.from({ length }, (_, step) => ({ operation: this.make(from + step), goesOn: errno.ENOENT }))
    this.runProgram(program("mkdir", steps), ({ ends, stoppedAt }) => {
      const index = from + Math.min(stoppedAt, length - 1)
      if (stoppedAt === length && index + 1 < names.length) this.up(index + 1)
      else this.made(index, ends[index - from])
    })
  }

  /** Makes the directories below one that is there. */
  private down(from: number): void {
    if (from < 0) return this.conclude(undefined)
    const steps = Array.from({ length: Math.min(from + 1, MAX_STEPS) }, (_, step) => ({
      operation: this.make(from - step)
    }))
    this.runProgram(program("mkdir", steps), ({ ends, stoppedAt }) => {
      // ENOENT means something else than a missing parent here: a dangling link, say.
      if (stoppedAt === steps.length) this.down(from - stoppedAt)
      else this.made(from - stoppedAt, ends[stoppedAt])
    })
  }

  private made(index: number, end: unknown): void {
    this.current = this.names[index]
    if (!(end instanceof Failed)) return this.down(index - 1)
    if (end.errno !== errno.EEXIST) return this.failed(end.errno)
    const isLast = index === 0
    this.run(
      stat(this.current),
      ({ type }) => {
        if (type === "Directory") this.down(index - 1)
        else this.failed(isLast ? errno.EEXIST : errno.ENOTDIR)
      },
      (number) => this.failed(isLast || number === errno.ECANCELED ? number : errno.ENOTDIR)
    )
  }
}

/** A path of bytes, which FileSystem's methods take as well, is not split into names. */
const demandText = (path: unknown): void => {
  if (typeof path !== "string") throw new BadArgument("path", `must be a string with recursive, not ${show(path)}`)
}

export const makeDirectories = (engine: Engine, path: string, mode?: number): Effect.Effect<void, AioFailure> =>
  withArguments(
    "makeDirectory",
    () => demandText(path),
    () =>
      runSequence(
        () => new MakeDirectories(engine, path, mode),
        (end) => exitOf(engine, end)
      )
  )

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/** Six letters, each of 62. */
const randomName = (): string => {
  let name = ""
  while (name.length < 6)
    for (const byte of randomBytes(8)) if (byte < 248 && name.length < 6) name += LETTERS[byte % 62]
  return name
}

/** How many names are tried. A second one is needed only if a thousandth of all names is taken. */
const ATTEMPTS = 100

/** mkdtemp(3) */
export const makeTempDirectory = (
  engine: Engine,
  options: MakeTempDirectoryOptions | undefined,
  method: string
): Effect.Effect<string, PlatformError> => {
  const attempt = (prefix: string, left: number): Effect.Effect<string, PlatformError> => {
    const path = `${prefix}${randomName()}`
    return Effect.catchAll(Effect.as(execute(engine, mkdir(path, { mode: 0o700 })), path), (error) =>
      isErrno(error, errno.EEXIST) && left > 0
        ? attempt(prefix, left - 1)
        : Effect.fail(
            error._tag === "AioError"
              ? systemError(error.errno, "mkdtemp", { method, of: prefix, path })
              : translate({ method, of: prefix })(error)
          )
    )
  }
  return Effect.suspend(() => {
    const directory = typeof options?.directory === "string" ? join(options.directory, ".") : tmpdir()
    return attempt(options?.prefix ? join(directory, options.prefix) : `${directory}/`, ATTEMPTS)
  })
}

/** Twelve hexadecimal digits. */
export const randomHex = (): string => randomBytes(6).toString("hex")
