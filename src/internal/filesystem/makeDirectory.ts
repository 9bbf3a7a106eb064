/** Directories with all their missing parents, as `mkdir -p` makes them; and directories with new names. */
import { randomBytes } from "node:crypto"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { PlatformError } from "@effect/platform/Error"
import type { MakeTempDirectoryOptions } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { AioError, type AioFailure } from "../../AioError.ts"
import { execute } from "../effect/execute.ts"
import type { Engine } from "../engine/engine.ts"
import { errno } from "../native/errno.ts"
import { mkdir, stat } from "../operation/catalogue.ts"
import { systemError, translate } from "./errors.ts"

const isErrno = (error: AioFailure, number: number): boolean => error._tag === "AioError" && error.errno === number

/** Fails as Node does: EEXIST where the path is something else, ENOTDIR where a part of it is. */
export const makeDirectories = (engine: Engine, path: string, mode?: number): Effect.Effect<void, AioFailure> => {
  const one = (path: string, isLast: boolean, parentIsMade: boolean): Effect.Effect<void, AioFailure> =>
    Effect.catchAll(execute(engine, mkdir(path, { mode })), (error) => {
      // Its parent exists by now: ENOENT means something else, a dangling link, say.
      if (isErrno(error, errno.ENOENT) && !parentIsMade) {
        const parent = dirname(path)
        if (parent === path) return Effect.fail(error)
        return Effect.zipRight(one(parent, false, false), one(path, isLast, true))
      }
      return isErrno(error, errno.EEXIST) ? isThere(path, isLast, error) : Effect.fail(error)
    })
  const isThere = (path: string, isLast: boolean, error: AioFailure): Effect.Effect<void, AioFailure> =>
    Effect.flatMap(Effect.either(execute(engine, stat(path))), (found) => {
      if (Either.isRight(found) && found.right.type === "Directory") return Effect.void
      if (!isLast) return Effect.fail(AioError.fromErrno(errno.ENOTDIR, "mkdir", { path }))
      return Effect.fail(
        Either.isLeft(found) && found.left._tag === "AioError"
          ? AioError.fromErrno(found.left.errno, "mkdir", { path })
          : error
      )
    })
  return one(path, true, path === "")
}

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
