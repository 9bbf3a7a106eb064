/**
 * Completions for programs that do not leave them to Node's event loop.
 *
 * `wait` and `flush` **block the thread**: timers, sockets and other fibers stand still. They are for programs, or parts of them, that have no
 * event loop to keep going.
 *
 * `poll` and `pollDescriptor` block nothing. They stand here because `wait` waits for what `poll` delivers: the three are one interface. An
 * event loop other than Node's watches `pollDescriptor` and then runs `poll`; a program without any runs `wait` and then `poll`, and `flush`
 * is both, until nothing is left.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { AioError, type AioFailure } from "./AioError.ts"
import { checkMillis, withArguments } from "./internal/effect/arguments.ts"
import { type Aio, currentEngine, withEngine } from "./internal/effect/service.ts"
import type { Engine } from "./internal/engine/engine.ts"
import { optionsReader } from "./internal/engine/options.ts"
import { errno } from "./internal/native/errno.ts"

/** What blocks the thread within a turn would wait for what only that turn does. */
const blocking = <A>(operation: string, block: (engine: Engine) => A): Effect.Effect<A, AioError, Aio> =>
  withEngine((engine) =>
    engine.isInTurn
      ? Effect.fail(AioError.fromErrno(errno.EDEADLK, operation, {}, "called from `onExit` or an iterable"))
      : Effect.succeed(block(engine))
  )

const waitOptions = optionsReader<{ readonly timeout?: Duration.DurationInput | undefined }>({ timeout: true })

/** Milliseconds: an hour. */
const LONGEST = 3_600_000

/**
 * **Blocks the thread**, timers, sockets and all, until a completion waits for `poll` or nothing is outstanding, or until the
 * timeout: for programs that have no event loop to keep going. poll(2). EDEADLK where it is called by what the engine runs: `onExit`, or an
 * iterable.
 *
 * @since 0.1.0
 * @category blocking
 */
export const wait = (options?: {
  readonly timeout?: Duration.DurationInput | undefined
}): Effect.Effect<void, AioFailure, Aio> =>
  withArguments(
    "wait",
    () => checkMillis("timeout", waitOptions(options).timeout) ?? LONGEST,
    (timeout) => blocking("wait", (engine) => engine.blocking.wait(Math.min(timeout, LONGEST)))
  )

/**
 * **Blocks the thread** until all requests that are outstanding have ended: `wait` and `poll`, again and again. For ever, if one waits
 * for something that only this thread would do: a write to the pipe that it reads, or a thread where `maxParallel` is 0. EDEADLK where
 * it is called by what the engine runs: `onExit`, or an iterable.
 *
 * @since 0.1.0
 * @category blocking
 */
export const flush: Effect.Effect<void, AioError, Aio> = blocking("flush", (engine) => engine.blocking.flush())

/**
 * A descriptor that is readable while completions wait: for another event loop to watch, which then runs `poll`. It belongs to the
 * Layer. Node's own event loop needs none of this.
 *
 * @since 0.1.0
 * @category foreign event loops
 */
export const pollDescriptor: Effect.Effect<number, AioError, Aio> = withEngine((engine) => {
  const descriptor = engine.blocking.descriptor
  return descriptor >= 0
    ? Effect.succeed(descriptor)
    : Effect.fail(AioError.fromErrno(-descriptor, "pollDescriptor", {}))
})

/**
 * Submits what waits, and delivers what is complete, within `maxPollRequests` and `maxPollTime`: how many requests ended. Fibers
 * that wait for them go on when the caller gives way to them.
 *
 * @since 0.1.0
 * @category foreign event loops
 */
export const poll: Effect.Effect<number, never, Aio> = Effect.map(currentEngine, (engine) => engine.poll())
