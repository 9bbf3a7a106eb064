/**
 * The errors of asynchronous I/O.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { Path } from "./internal/engine/arguments.ts"
import { textOfPath } from "./internal/engine/pathNames.ts"
import { errnoMessage, errnoName } from "./internal/native/errno.ts"
import { isUint8Array } from "./internal/native/views.ts"

/** What an error is about: the input of an operation, as a rule. */
interface ErrorSubject {
  readonly path?: Path | undefined
  readonly fd?: number | undefined
  readonly file?: { readonly path: Path | undefined } | undefined
  /** A path, or another descriptor. */
  readonly to?: Path | number | undefined
}

/** A request that is cancelled before it is looked at may be about anything: what is no path is none, and an error can always be shown. */
const pathOf = (value: unknown): Path | undefined =>
  typeof value === "string" || isUint8Array(value) ? value : undefined

/**
 * A system call failed. `code` is the errno's name (`"ENOENT"`), `errno` its number, as errno(3) lists them.
 *
 * @since 0.1.0
 * @category errors
 */
export class AioError extends Data.TaggedError("AioError")<{
  /** Name of the error number, such as `"ENOENT"`. */
  readonly code: string
  /** Error number, positive. */
  readonly errno: number
  /** Name of the operation: `"read"`, `"open"`, ... */
  readonly operation: string
  /** The path it was for, or that its file was opened by, if there was one. */
  readonly path?: Path | undefined
  /** The other path, of `rename` and `link`. */
  readonly dest?: Path | undefined
  /** The descriptor it was for, if it was for one. */
  readonly fd?: number | undefined
  /** What the code does not tell: that an ECANCELED comes from the end of the Layer. */
  readonly description?: string | undefined
}> {
  override get message(): string {
    const dest = this.dest === undefined ? "" : ` -> ${textOfPath(this.dest)}`
    const subject =
      this.path !== undefined
        ? ` ${textOfPath(this.path)}${dest}`
        : this.fd !== undefined
          ? ` fd ${String(this.fd)}`
          : ""
    const description = this.description === undefined ? "" : `: ${this.description}`
    return `${this.operation}${subject}: ${errnoMessage(this.errno)} (${this.code})${description}`
  }

  /**
   * The error of a positive error number.
   *
   * @since 0.1.0
   */
  static fromErrno(
    errno: number,
    operation: string,
    { fd, file, path = file?.path, to }: ErrorSubject,
    description?: string
  ): AioError {
    const why = description === undefined ? {} : { description }
    return new AioError({
      code: errnoName(errno),
      errno,
      operation,
      path: pathOf(path),
      dest: pathOf(to),
      fd: typeof fd === "number" ? fd : undefined,
      ...why
    })
  }
}

/**
 * An argument that no kernel would take, found before anything was handed to one: a NUL in a path, a negative or fractional
 * length, an offset beyond 2^63 - 1, a buffer that O_DIRECT would refuse.
 *
 * @since 0.1.0
 * @category errors
 */
export class AioBadArgument extends Data.TaggedError("AioBadArgument")<{
  /** Name of the operation. */
  readonly operation: string
  /** Name of the argument. */
  readonly argument: string
  /** What is wrong with it. */
  readonly description: string
}> {
  override get message(): string {
    return `${this.operation}: ${this.argument}: ${this.description}`
  }
}

/**
 * A backend's Layer cannot be built on this machine.
 *
 * @since 0.1.0
 * @category errors
 */
export class AioUnavailable extends Data.TaggedError("AioUnavailable")<{
  /** The backend: `"io_uring"`, `"threads"`, ... */
  readonly backend: string
  /** Why. */
  readonly reason: string
  /** What to do about it. */
  readonly remedy: string
  /** Error number of the system call that failed, if one did. */
  readonly errno?: number | undefined
}> {
  override get message(): string {
    return `${this.backend} is not available: ${this.reason}. ${this.remedy}`
  }
}

/**
 * A file ended before `readExactly` had all its bytes.
 *
 * @since 0.1.0
 * @category errors
 */
export class AioEndOfFile extends Data.TaggedError("AioEndOfFile")<{
  readonly fd: number
  /** Bytes asked for. */
  readonly expected: number
  /** Bytes that were there. */
  readonly received: number
}> {
  override get message(): string {
    return `fd ${this.fd}: the file ended after ${this.received} of ${this.expected} bytes`
  }
}

/**
 * A member of `AioOperation.linked` moved fewer bytes than it was asked to: what was to follow it has not been done.
 *
 * @since 0.1.0
 * @category errors
 */
export class AioShortTransfer extends Data.TaggedError("AioShortTransfer")<{
  /** Name of the operation: `"read"`, `"write"`, ... */
  readonly operation: string
  /** Its place among the operations, from 0. */
  readonly index: number
  /** Bytes asked for. */
  readonly expected: number
  /** Bytes moved. */
  readonly transferred: number
}> {
  override get message(): string {
    return `${this.operation}, number ${this.index} of its chain, moved ${this.transferred} of ${this.expected} bytes`
  }
}
