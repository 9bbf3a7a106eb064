/**
 * A log that is appended to, with group commit: an append ends when its bytes are on the disk, and all that come while the disk is busy share one
 * write and one datasync.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AioBadArgument, AioFailure, AioLogFailed } from "./AioError.ts"
import { scoped } from "./internal/effect/release.ts"
import { type Aio, withEngine } from "./internal/effect/service.ts"
import type { Offset, Path } from "./internal/engine/arguments.ts"
import * as internal from "./internal/file/log.ts"
import type { AtOptions } from "./internal/operation/at.ts"

/**
 * What marks a log.
 *
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = internal.TypeId

/**
 * The type of the mark.
 *
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * An open log. Its methods need no service.
 *
 * @since 0.1.0
 * @category models
 */
export interface AioLog {
  readonly [TypeId]: TypeId
  /**
   * Appends a record, a text as UTF-8, and ends when it is on the disk: the offset of its first byte. Records stand in the order in which they
   * were appended, without anything between them: where one ends is for the program to write down. The bytes are copied when the Effect starts.
   * Without bytes it waits for all that were appended before.
   *
   * **Interrupted**, the fiber ends at once, and the record may or may not be in the log. Others are not touched: their records are where they
   * would have been.
   *
   * **A failed** write or datasync fails all records of its group and all behind them, and every later append at once, with `AioLogFailed`:
   * what a failed datasync has left on the disk is not known, and a later one that succeeds would not tell.
   */
  readonly append: (record: Uint8Array | string) => Effect.Effect<number, AioBadArgument | AioLogFailed>
  /** Bytes of the file that are known to be on the disk: where the last acknowledged record ends. */
  readonly size: Effect.Effect<number>
}

/**
 * How a log is opened.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenOptions extends AtOptions {
  /**
   * Where the last good record ends, in bytes, as the program has found by reading: what is behind, of appends that a crash has cut short, is cut
   * off. Default: the end of the file.
   */
  readonly end?: Offset | undefined
  /** Permissions of a file that is made, less the umask. Default 0o666. */
  readonly mode?: number | undefined
}

/**
 * Opens a log, or makes it, to append to it. When it is open, what is in it is on the disk, and so is its name. What was appended is written before
 * its Scope closes it. Nobody else may write to the file meanwhile: `AioLock` keeps others out.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * import { Effect } from "effect"
 * import { Aio, AioLog } from "effect-aio"
 *
 * const program = Effect.gen(function*() {
 *   const log = yield* AioLog.open("events.log")
 *   // One write and one datasync, or two.
 *   yield* Effect.forEach(["one\n", "two\n", "three\n"], (line) => log.append(line), { concurrency: "unbounded" })
 * }).pipe(Effect.scoped, Effect.provide(Aio.layer()))
 */
export const open = (path: Path, options?: OpenOptions): Effect.Effect<AioLog, AioFailure, Aio | Scope.Scope> =>
  withEngine((engine) => scoped((restore) => internal.open(engine, path, options, restore)))
