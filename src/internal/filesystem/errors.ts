/** Failures as @effect/platform names them, in the words of NodeFileSystem: programs test for them. */
import { getSystemErrorMap } from "node:util"
import { BadArgument, type PlatformError, SystemError } from "@effect/platform/Error"
import type { AioFailure } from "../../AioError.ts"
import { reasonOf } from "../effect/reasons.ts"
import type { Path, BadArgument as WrongArgument } from "../engine/arguments.ts"
import { textOfPath } from "../engine/pathNames.ts"
import { errno, errnoMessage, errnoName } from "../native/errno.ts"

const sentences = getSystemErrorMap()

/** libuv's sentence for an error number, or ours for one that libuv does not know. */
const sentence = (number: number): string =>
  // A fiber that is interrupted sees no failure, and Node has none for it.
  number === errno.ECANCELED
    ? "operation canceled by the end of the Layer that ran it"
    : (sentences.get(-number)?.[1] ?? errnoMessage(number))

/** What libuv calls the system calls behind our operations. */
const syscalls: Readonly<Record<string, string>> = {
  readdir: "scandir",
  utimes: "utime",
  readFile: "read",
  copyFileRange: "copyfile"
}

export const syscallOf = (operation: string): string => syscalls[operation] ?? operation

/** What a failed call names. Types say string, as those of `FileSystem` do; like Node, it also works with a path of bytes. */
export interface Subject {
  /** The method of `FileSystem`. */
  readonly method: string
  /** As the program wrote it, or a descriptor. */
  readonly of: string | number
  /** The paths that Node's sentence names, if any. */
  readonly path?: string | undefined
  readonly dest?: string | undefined
}

/** The path itself, or the text of its bytes: errors of @effect/platform check their fields, and throw. */
export const asText = <A extends string | number | undefined>(path: A | Path): A | string =>
  typeof path === "object" ? textOfPath(path) : (path as A | string)

/** An error as `node:fs` throws it: programs find it in `cause`. */
const nodeError = (errno: number, syscall: string, subject: Subject): NodeJS.ErrnoException => {
  const code = errnoName(errno)
  const [path, dest] = [asText(subject.path), asText(subject.dest)]
  const names = path === undefined ? "" : dest === undefined ? ` '${path}'` : ` '${path}' -> '${dest}'`
  const error: NodeJS.ErrnoException & { dest?: string } = new Error(`${code}: ${sentence(errno)}, ${syscall}${names}`)
  error.errno = -errno
  error.code = code
  error.syscall = syscall
  if (path !== undefined) error.path = path
  if (dest !== undefined) error.dest = dest
  return error
}

/** The failure of a system call with a (positive) error number. */
export const systemError = (errno: number, syscall: string, subject: Subject): SystemError => {
  const cause = nodeError(errno, syscall, subject)
  return new SystemError({
    reason: reasonOf(errnoName(errno)),
    module: "FileSystem",
    method: subject.method,
    pathOrDescriptor: asText(subject.of),
    syscall,
    description: cause.message,
    cause
  })
}

/** A write that took no byte: it would take none when repeated. */
export const writeZero = (method: string, of: string | number): SystemError =>
  new SystemError({
    module: "FileSystem",
    method,
    reason: "WriteZero",
    pathOrDescriptor: of,
    syscall: "write",
    description: "write returned 0 bytes written"
  })

export const badArgument = (method: string, argument: string, problem: string, description?: string): BadArgument =>
  new BadArgument({
    module: "FileSystem",
    method,
    ...(description === undefined ? {} : { description }),
    cause: new TypeError(`The argument '${argument}': ${problem}`)
  })

/** A wrong argument, which no kernel has seen. */
export const fromWrongArgument = (method: string, { argument, description }: WrongArgument): BadArgument =>
  badArgument(method, argument, description)

/** Translates the failures of our operations. */
export const translate =
  (subject: Subject, syscall?: string) =>
  (error: AioFailure): PlatformError => {
    if (error._tag === "AioBadArgument") return badArgument(subject.method, error.argument, error.description)
    const number = error._tag === "AioError" ? error.errno : errno.EXDEV
    return systemError(number, syscall ?? syscallOf(error.operation), subject)
  }
