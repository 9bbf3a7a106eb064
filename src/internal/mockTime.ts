/** The time of the mock: that of Effect's Clock, so that a test's clock decides when a request is complete. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Runtime from "effect/Runtime"
import type { Timer } from "./backend/mock/backend.ts"
import type { JournalEntry } from "./backend/mock/journal.ts"
import type { OperationName } from "./backend/mock/operations.ts"
import { startTimer } from "./timer.ts"

export const timerOf = (clock: Clock.Clock, runtime: Runtime.Runtime<never>): Timer => ({
  now: () => clock.unsafeCurrentTimeNanos(),
  after: (nanoseconds, done) => startTimer(clock, runtime, Duration.nanos(nanoseconds), done)
})

/** How long a request takes: each the same, by operation (those left out take no time), or as a function says. */
export type Latency =
  | Duration.DurationInput
  | { readonly [Name in OperationName]?: Duration.DurationInput | undefined }
  | ((request: JournalEntry) => Duration.DurationInput)

/** In place of for ever. */
const VERY_LONG = 10n ** 18n

const nanosecondsOf = (duration: Duration.DurationInput): bigint =>
  Option.getOrElse(Duration.toNanos(duration), () => VERY_LONG)

const isByOperation = (latency: Latency): latency is Exclude<Latency, Duration.DurationInput | Function> =>
  typeof latency === "object" && !Array.isArray(latency) && !Duration.isDuration(latency)

export const latencyFrom = (latency: Latency): ((request: JournalEntry) => bigint) => {
  if (typeof latency === "function") return (request) => nanosecondsOf(latency(request))
  if (isByOperation(latency)) {
    const table = new Map<string, bigint>()
    for (const [name, duration] of Object.entries(latency)) {
      if (duration !== undefined) table.set(name, nanosecondsOf(duration))
    }
    return ({ operation }) => table.get(operation) ?? 0n
  }
  const nanoseconds = nanosecondsOf(latency)
  return () => nanoseconds
}

/** What becomes of a request that is cancelled before its time. */
export type Cancellation = "immediate" | "completion"

export type Cancellations = Cancellation | { readonly [Name in OperationName]?: Cancellation | undefined }

export const cancelsAtOnceFrom =
  (cancellations: Cancellations) =>
  (operation: string): boolean =>
    (typeof cancellations === "string" ? cancellations : cancellations[operation as OperationName]) !== "completion"
