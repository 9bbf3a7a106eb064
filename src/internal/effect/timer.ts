/** Timers of Effect's Clock, for code without a fiber: a test's clock decides when they go off. */
import type * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"

/** Calls `done` after the duration. Returns a function that stops the timer. */
export const startTimer = (
  clock: Clock.Clock,
  runtime: Runtime.Runtime<never>,
  duration: Duration.Duration,
  done: () => void
): (() => void) => {
  const fiber = Runtime.runFork(runtime)(Effect.zipRight(clock.sleep(duration), Effect.sync(done)))
  return () => fiber.unsafeInterruptAsFork(FiberId.none)
}
