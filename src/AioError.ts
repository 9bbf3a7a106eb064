/**
 * The errors of asynchronous I/O.
 *
 * @since 0.1.0
 */
import type { SystemErrorReason } from "@effect/platform/Error"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import { reasonOf } from "./internal/effect/reasons.ts"
import type { Path } from "./internal/engine/arguments.ts"
import { textOfPath } from "./internal/engine/pathNames.ts"
import { type Code, errnoMessage, errnoName } from "./internal/native/errno.ts"
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

export type { Code }

/**
 * A system call failed. `code` is the errno's name (`"ENOENT"`), `errno` its number, as errno(3) lists them. `reason` says the same in
 * the words of `SystemError` of `@effect/platform`.
 *
 * @since 0.1.0
 * @category errors
 * @example
 * import { Effect } from "effect"
 * import { AioError, AioFile } from "effect-aio"
 *
 * const config = AioFile.readFileString("config.json").pipe(
 *   AioError.catchCode("ENOENT", () => Effect.succeed("{}")),
 *   Effect.tapErrorTag("AioError", (error) => Effect.log(`${error.reason}: ${error.message}`))
 * )
 */
export class AioError extends Data.TaggedError("AioError")<{
  /** Name of the error number, such as `"ENOENT"`. */
  readonly code: Code
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
   * What `SystemError` of `@effect/platform` says instead of the code: `"NotFound"` of ENOENT, `"PermissionDenied"` of EACCES,
   * `"AlreadyExists"` of EEXIST, `"BadResource"` of EISDIR, ENOTDIR and ELOOP, `"Busy"` of EBUSY, `"WouldBlock"` of EAGAIN,
   * `"TimedOut"` of ETIMEDOUT. `"Unknown"` of all others.
   *
   * @since 0.1.0
   */
  get reason(): SystemErrorReason {
    return reasonOf(this.code)
  }

  /** @internal Shows the reason, too, which is no field. */
  override toJSON(): unknown {
    return { ...this, reason: this.reason, message: this.message }
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
 * A log (`AioLog`) cannot be appended to any more: a write or a datasync of it has failed. Everything before `durable` is on the disk. What is
 * behind is not known: read the file to find out, and open it again.
 *
 * @since 0.1.0
 * @category errors
 */
export class AioLogFailed extends Data.TaggedError("AioLogFailed")<{
  readonly path: Path
  /** Bytes that were on the disk before. */
  readonly durable: number
  /** The failure: ENOSPC, EIO, ... */
  readonly cause: AioFailure
}> {
  override get message(): string {
    return `log ${textOfPath(this.path)} has failed behind ${this.durable} bytes: ${this.cause.message}`
  }
}

/**
 * A path leads out of the `AioDirectory` that it is confined to (`beneath`): by `..`, by an absolute path, or by a symbolic link to such a one, even
 * where that would come back in; through a mount point, or a link of procfs that is no path. Whichever of it is the case, and whatever number
 * the kernel has for it (EXDEV, ELOOP): nothing was done.
 *
 * @since 0.1.0
 * @category errors
 */
export class AioOutside extends Data.TaggedError("AioOutside")<{
  /** Name of the operation: `"open"`, `"unlink"`, ... */
  readonly operation: string
  /** The path, as it was given. */
  readonly path: Path
  /** The other path, of `rename` and `link`. One of the two leads out, or both. */
  readonly dest?: Path | undefined
}> {
  override get message(): string {
    const dest = this.dest === undefined ? "" : ` -> ${textOfPath(this.dest)}`
    return `${this.operation} ${textOfPath(this.path)}${dest}: leads out of the directory that it is confined to`
  }
}

/**
 * What an operation fails with: a system call failed, no kernel would take an argument, or a path leads out of the directory that it is
 * confined to, which only happens where such a directory is named.
 *
 * @since 0.1.0
 * @category errors
 */
export type AioFailure = AioError | AioBadArgument | AioOutside

/**
 * A backend's Layer cannot be built on this machine; or a directory that paths do not leave cannot be had (`AioDirectory.open`).
 *
 * @since 0.1.0
 * @category errors
 */
export class AioUnavailable extends Data.TaggedError("AioUnavailable")<{
  /** The backend: `"io_uring"`, `"threads"`, ...; or the system call that is missing: `"openat2"`. */
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
  /** The path that the file was opened by, if it was. */
  readonly path?: Path | undefined
  /** Bytes asked for. */
  readonly expected: number
  /** Bytes that were there. */
  readonly received: number
}> {
  override get message(): string {
    const file = this.path === undefined ? `fd ${this.fd}` : textOfPath(this.path)
    return `${file}: the file ended after ${this.received} of ${this.expected} bytes`
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

/**
 * An `AioError` whose code is one of `C`.
 *
 * @since 0.1.0
 * @category models
 */
export type WithCode<C extends Code> = AioError & { readonly code: C }

/** Codes of which the types say which they are: of any code at all, `false` would say that it is no `AioError`. */
type Known<C extends Code> = (C | ReadonlyArray<C>) & (Code extends C ? never : unknown)

/**
 * Whether a value is an `AioError` with this code, or with one of these.
 *
 * @since 0.1.0
 * @category predicates
 * @example
 * import { Effect, Schedule } from "effect"
 * import { Aio, AioError } from "effect-aio"
 *
 * const removed = Aio.rmdir("spool").pipe(
 *   Effect.retry({ schedule: Schedule.spaced("1 second"), while: AioError.hasCode(["ENOTEMPTY", "EBUSY"]) })
 * )
 */
export const hasCode: {
  <const C extends Code>(code: Known<C>): (error: unknown) => error is WithCode<C>
  (code: Code | ReadonlyArray<Code>): (error: unknown) => boolean
  <const C extends Code>(error: unknown, code: Known<C>): error is WithCode<C>
  (error: unknown, code: Code | ReadonlyArray<Code>): boolean
} = dual(2, <C extends Code>(error: unknown, code: C | ReadonlyArray<C>): error is WithCode<C> => {
  try {
    return error instanceof AioError && (error.code === code || (Array.isArray(code) && code.includes(error.code)))
  } catch {
    // What cannot be looked at (a Proxy that was revoked) is no error and no code.
    return false
  }
})

/**
 * Goes on with `handler` where an `AioError` with this code, or with one of these, is the failure. All other failures stay, and so do
 * their types: an `AioError` may have another code.
 *
 * @since 0.1.0
 * @category error handling
 * @example
 * import { Effect } from "effect"
 * import { Aio, AioError } from "effect-aio"
 *
 * const made = Aio.mkdir("spool").pipe(AioError.catchCode("EEXIST", () => Effect.void))
 *
 * const size = Aio.stat("spool/last").pipe(
 *   Effect.map((stat) => stat.size),
 *   AioError.catchCode(["ENOENT", "ENOTDIR"], (error) => Effect.as(Effect.logDebug(error.code), 0n))
 * )
 */
export const catchCode: {
  <const C extends Code, A2, E2, R2>(
    code: C | ReadonlyArray<C>,
    handler: (error: WithCode<C>) => Effect.Effect<A2, E2, R2>
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A | A2, E | E2, R | R2>
  <A, E, R, const C extends Code, A2, E2, R2>(
    self: Effect.Effect<A, E, R>,
    code: C | ReadonlyArray<C>,
    handler: (error: WithCode<C>) => Effect.Effect<A2, E2, R2>
  ): Effect.Effect<A | A2, E | E2, R | R2>
} = dual(
  3,
  <A, E, R, C extends Code, A2, E2, R2>(
    self: Effect.Effect<A, E, R>,
    code: C | ReadonlyArray<C>,
    handler: (error: WithCode<C>) => Effect.Effect<A2, E2, R2>
  ): Effect.Effect<A | A2, E | E2, R | R2> =>
    Effect.catchIf(self, hasCode(code) as (error: E) => error is E & WithCode<C>, handler)
)
