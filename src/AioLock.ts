/**
 * Advisory locks of files and of ranges of bytes: F_OFD_SETLK, F_OFD_SETLKW and F_OFD_GETLK of fcntl(2).
 *
 * Each lock has an open description of its own. So two fibers exclude each other just as two processes do, nothing that other code closes gives
 * a lock up, and a process that ends, however it ends, has no lock any more. Locks of this kind meet those of `lockf(3)` and of `fcntl(2)` in other
 * programs, and not those of flock(2).
 *
 * **Nobody notices a deadlock.** Where two wait for what the other has, both wait for ever: take locks in one order, or with a `limit`. Two
 * that have a shared lock and both convert it are such a case.
 *
 * A lock file that is removed is another file when it is made again, and excludes nobody who has the old one: leave it where it is.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { AioFailure } from "./AioError.ts"
import type { AioFile } from "./AioFile.ts"
import { checkFunction, withArguments } from "./internal/effect/arguments.ts"
import { releasedWithScope, scoped } from "./internal/effect/release.ts"
import { type Aio, withEngine } from "./internal/effect/service.ts"
import type { Path } from "./internal/engine/arguments.ts"
import * as internal from "./internal/file/lock.ts"
import type { AtOptions } from "./internal/operation/at.ts"
import type { LockHolder, LockRange } from "./internal/operation/rangeLocks.ts"

export type { LockHolder, LockRange }

/**
 * What marks a lock.
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
 * Any number of shared locks, or one exclusive one.
 *
 * @since 0.1.0
 * @category models
 */
export type Kind = "shared" | "exclusive"

/**
 * A lock that is held until its Scope closes, or it is released. Its methods need no service.
 *
 * @since 0.1.0
 * @category models
 */
export interface AioLock {
  readonly [TypeId]: TypeId
  /** The descriptor of its own description. */
  readonly fd: number
  /**
   * Makes the range shared or exclusive, and takes what is not locked yet; waits while others exclude that, and keeps what it has meanwhile.
   * Without a range: the one of the lock. From shared to exclusive needs `upgradable`, EBADF otherwise. Interrupted, or out of time: it has what it
   * had, unless the lock came just then.
   */
  readonly convert: (kind: Kind, options?: ConvertOptions) => Effect.Effect<void, AioFailure>
  /** The same, once: `false` if others exclude it now. */
  readonly tryConvert: (kind: Kind, range?: LockRange) => Effect.Effect<boolean, AioFailure>
  /** Gives up a range; what is before and behind it stays locked. Without a range: the one of the lock. */
  readonly unlock: (range?: LockRange) => Effect.Effect<void, AioFailure>
  /** Gives up everything before the Scope closes. Ends waiting conversions. */
  readonly release: Effect.Effect<void>
}

/**
 * A range, and how long it is waited for.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConvertOptions extends LockRange {
  /** How long others are waited for: then ETIMEDOUT. 0 asks once. Left out: for ever. */
  readonly limit?: Duration.DurationInput | undefined
}

/**
 * What is locked, and how. `at` is for a path.
 *
 * @since 0.1.0
 * @category models
 */
export interface TryOptions extends LockRange, AtOptions {
  /** Default `"exclusive"`, for which the file is opened for reading and writing; for `"shared"`, for reading. */
  readonly kind?: Kind | undefined
  /** Opens for writing, too, so that a shared lock can become exclusive. Default `false`. */
  readonly upgradable?: boolean | undefined
  /** Makes the file of a path if it is missing, which is empty then. Default `true`. A directory can only be locked shared, and with `false`. */
  readonly create?: boolean | undefined
  /** Permissions of a file that is made, less the umask. Default 0o666. */
  readonly mode?: number | undefined
}

/**
 * The same, and how long it is waited for.
 *
 * @since 0.1.0
 * @category models
 */
export interface AcquireOptions extends TryOptions, ConvertOptions {}

/**
 * Waits for a lock of the whole file, or of a range, and holds it until the Scope closes. Interruptible while it waits; nothing is held then.
 *
 * The file is opened anew, by its path, or, of an `AioFile`, through /proc/self/fd: so the lock is another one's for everybody, also for the
 * program itself.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * import { Effect } from "effect"
 * import { Aio, AioLock } from "effect-aio"
 *
 * const program = Effect.gen(function*() {
 *   yield* AioLock.acquire("/var/tmp/jobs.lock", { limit: "10 seconds" })
 *   yield* Effect.log("nobody else is here")
 * }).pipe(Effect.scoped, Effect.provide(Aio.layer()))
 */
export const acquire = (
  target: Path | AioFile,
  options?: AcquireOptions
): Effect.Effect<AioLock, AioFailure, Aio | Scope.Scope> =>
  withEngine((engine) =>
    scoped((restore) =>
      Effect.map(internal.acquire(engine, target, options, restore, "acquire", internal.take), ([lock]) => lock)
    )
  )

/**
 * A lock if it can be had now, without waiting for others: `None` if somebody has one that excludes it. `holder` tells who.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tryAcquire = (
  target: Path | AioFile,
  options?: TryOptions
): Effect.Effect<Option.Option<AioLock>, AioFailure, Aio | Scope.Scope> =>
  withEngine((engine) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        internal.acquire(engine, target, options, restore, "tryAcquire", internal.attempt),
        ([lock, has]) =>
          has ? Effect.map(releasedWithScope(lock), Option.some) : Effect.as(lock.release, Option.none())
      )
    )
  )

/**
 * Runs `use` with the lock, and gives it up however that ends.
 *
 * @since 0.1.0
 * @category operations
 */
export const withLock = <A, E, R>(
  target: Path | AioFile,
  options: AcquireOptions,
  use: (lock: AioLock) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | AioFailure, R | Aio> =>
  withArguments(
    "withLock",
    () => checkFunction("use", use),
    () =>
      withEngine((engine) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(internal.acquire(engine, target, options, restore, "withLock", internal.take), ([lock]) =>
            Effect.ensuring(restore(Effect.suspend(() => use(lock))), lock.release)
          )
        )
      )
  )

/**
 * What to ask about.
 *
 * @since 0.1.0
 * @category models
 */
export interface HolderOptions extends LockRange, AtOptions {
  /** Default `"exclusive"`: any lock. `"shared"`: an exclusive one. */
  readonly kind?: Kind | undefined
}

/**
 * A lock that excludes the one that is asked about: which, and whose if it belongs to a process. Locks of open descriptions, as those of this
 * module, do not tell. The file must be there. By the time it is known it may be gone.
 *
 * @since 0.1.0
 * @category operations
 */
export const holder = (
  target: Path | AioFile,
  options?: HolderOptions
): Effect.Effect<Option.Option<LockHolder>, AioFailure, Aio> =>
  withEngine((engine) => internal.holder(engine, target, options))
