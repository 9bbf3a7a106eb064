/**
 * Checks of the arguments of FileSystem's methods, before any work is done. Each option is read once, and a value that is not a path is
 * refused. A wrong argument is a failure in the words of @effect/platform, and never thrown.
 */
import type { PlatformError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { BadArgument, checkPath, type Path, show } from "../engine/arguments.ts"
import { type OptionsReader, optionsReader } from "../engine/options.ts"
import { fromWrongArgument } from "./errors.ts"

/** Returns the value to be used for an argument. Throws `BadArgument`. */
type Check = (value: any) => unknown

/** Bytes are accepted, too, as Node accepts them. */
const path =
  (argument: string): Check =>
  (value: Path) => {
    checkPath(value, argument)
    return value
  }

/** A path that is split into names, or a part of one. */
const text =
  (argument: string): Check =>
  (value) => {
    if (typeof value !== "string") throw new BadArgument(argument, `must be a string, not ${show(value)}`)
    checkPath(value, argument)
    return value
  }

const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value)

/** Whether the value is a size at all; its range is checked elsewhere. */
const isSize = (value: unknown): value is number | bigint =>
  typeof value === "bigint" || (typeof value === "number" && !Number.isNaN(value))

/** The number that a size is; NaN for a value that is not a size: no check accepts NaN. */
export const numberOf = (size: unknown): number => (isSize(size) ? Number(size) : Number.NaN)

const size =
  (argument: string): Check =>
  (value) => {
    if (isSize(value)) return value
    throw new BadArgument(argument, `must be a number or a bigint, not ${show(value)}`)
  }

/** Not checked here, but where it is used. */
const any: Check = (value) => value

/** All keys of the options, each with its check. */
const options = <O extends object>(checks: { readonly [Key in keyof O]-?: Check }): Check => {
  const names = Object.keys(checks) as Array<keyof O & string>
  const read: OptionsReader<Record<string, unknown>> = optionsReader(
    Object.fromEntries(names.map((name) => [name, true]))
  )
  return (value) => {
    const given = read(value ?? undefined)
    const present: Record<string, unknown> = {}
    for (const name of names) {
      const checked = checks[name](given[name])
      // A key without a value would replace a default where the object is spread.
      if (checked !== undefined) present[name] = checked
    }
    return present
  }
}

const modes = { mode: any }
const opening = options<FileSystem.OpenFileOptions>({ flag: any, ...modes })
const temporary = { directory: optional(text("directory")), prefix: optional(text("prefix")) }
const temporaryFile = options<FileSystem.MakeTempFileOptions>({ ...temporary, suffix: optional(text("suffix")) })
const temporaryDirectory = options<FileSystem.MakeTempDirectoryOptions>(temporary)
const recursive = { recursive: any }

type Methods = Omit<FileSystem.FileSystem, symbol>

/** One line a method, one check an argument. */
const checks: { readonly [Method in keyof Methods]: ReadonlyArray<Check> } = {
  access: [path("path"), options<FileSystem.AccessFileOptions>({ ok: any, readable: any, writable: any })],
  copy: [text("from"), text("to"), options<FileSystem.CopyOptions>({ overwrite: any, preserveTimestamps: any })],
  copyFile: [path("from"), path("to")],
  chmod: [path("path"), any],
  chown: [path("path"), any, any],
  exists: [path("path")],
  link: [path("from"), path("to")],
  makeDirectory: [path("path"), options<FileSystem.MakeDirectoryOptions>({ ...recursive, ...modes })],
  makeTempDirectory: [temporaryDirectory],
  makeTempDirectoryScoped: [temporaryDirectory],
  makeTempFile: [temporaryFile],
  makeTempFileScoped: [temporaryFile],
  open: [path("path"), opening],
  readDirectory: [path("path"), options<FileSystem.ReadDirectoryOptions>(recursive)],
  readFile: [path("path")],
  readFileString: [path("path"), any],
  readLink: [path("path")],
  realPath: [path("path")],
  remove: [path("path"), options<FileSystem.RemoveOptions>({ ...recursive, force: any })],
  rename: [path("from"), path("to")],
  sink: [path("path"), opening],
  stat: [path("path")],
  stream: [
    path("path"),
    options<FileSystem.StreamOptions>({
      bufferSize: optional(size("bufferSize")),
      bytesToRead: optional(size("bytesToRead")),
      chunkSize: optional(size("chunkSize")),
      offset: optional(size("offset"))
    })
  ],
  symlink: [path("target"), path("path")],
  truncate: [path("path"), optional(size("length"))],
  utimes: [path("path"), any, any],
  watch: [path("path"), options<FileSystem.WatchOptions>(recursive)],
  writeFile: [path("path"), any, opening],
  writeFileString: [path("path"), textOf("data"), opening]
}

/** A text that is not a path. */
function textOf(argument: string): Check {
  return (value) => {
    if (typeof value === "string") return value
    throw new BadArgument(argument, `must be a string, not ${show(value)}`)
  }
}

type Method = (...args: ReadonlyArray<any>) => any

/** The failure of a method whose arguments are wrong, as an Effect, a Stream or a Sink, as the method returns. */
const failing: Partial<Record<keyof Methods, (error: PlatformError) => unknown>> = {
  sink: Sink.fail,
  stream: Stream.fail,
  watch: Stream.fail
}

/** Methods whose failures have the name of another method, as in NodeFileSystem. */
const reported: Partial<Record<keyof Methods, string>> = {
  exists: "access",
  readFileString: "readFile",
  sink: "open",
  stream: "open",
  utimes: "utime",
  writeFileString: "writeFile"
}

const checkedMethod = (name: keyof Methods, method: Method): Method => {
  const list = checks[name]
  const fail: (error: PlatformError) => unknown = failing[name] ?? Effect.fail
  return (...args) => {
    try {
      return method(...list.map((check, index) => check(args[index])))
    } catch (problem) {
      if (problem instanceof BadArgument) return fail(fromWrongArgument(reported[name] ?? name, problem))
      throw problem
    }
  }
}

/** The same service, with its arguments checked. */
export const checked = (service: FileSystem.FileSystem): FileSystem.FileSystem => {
  const methods = Object.keys(checks).map((name) => {
    const key = name as keyof Methods
    return [key, checkedMethod(key, service[key] as Method)]
  })
  return { ...service, ...Object.fromEntries(methods) }
}
