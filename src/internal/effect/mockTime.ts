/** The clock of the mock is Effect's Clock, so that a test's clock decides when a request is complete. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Runtime from "effect/Runtime"
import type { Timer } from "../backend/mock/backend.ts"
import type { JournalEntry } from "../backend/mock/journal.ts"
import type { OperationName } from "../backend/mock/operations.ts"
import { optionsReader } from "../engine/options.ts"
import * as catalogue from "../operation/catalogue.ts"
import { checkDuration, checkWord, durationFrom } from "./arguments.ts"
import { startTimer } from "./timer.ts"

export const timerOf = (clock: Clock.Clock, runtime: Runtime.Runtime<never>): Timer => ({
  now: () => clock.unsafeCurrentTimeNanos(),
  after: (nanoseconds, done) => startTimer(clock, runtime, Duration.nanos(nanoseconds), done)
})

/**
 * How long a request takes: all the same, by operation (operations that are left out take no time), or by a function.
 *
 * @since 0.1.0
 * @category models
 */
export type Latency =
  | Duration.DurationInput
  | { readonly [Name in OperationName]?: Duration.DurationInput | undefined }
  | ((request: JournalEntry) => Duration.DurationInput)

/** Stands for a time without end. */
const VERY_LONG = 10n ** 18n

const nanosecondsOf = (duration: unknown): bigint =>
  Option.getOrElse(Duration.toNanos(checkDuration("latency", duration)), () => VERY_LONG)

type Names = { readonly [Name in OperationName]: true }

/** For tables by operation. */
const names = Object.fromEntries(Object.keys(catalogue).map((name) => [name, true])) as Names
const readLatencies = optionsReader<Table>(names)
const readCancellations = optionsReader<{ readonly [Name in OperationName]?: Cancellation | undefined }>(names)

/** Throws `BadArgument`; a function of the request throws it for the request that it was called for. */
export const latencyFrom = (latency: Latency): ((request: JournalEntry) => bigint) => {
  if (typeof latency === "function") return (request) => nanosecondsOf(latency(request))
  if (typeof latency === "object" && durationFrom(latency) === undefined) {
    const table = new Map<string, bigint>()
    for (const [name, duration] of Object.entries(readLatencies(latency as Table, "latency"))) {
      if (duration !== undefined) table.set(name, nanosecondsOf(duration))
    }
    return ({ operation }) => table.get(operation) ?? 0n
  }
  const nanoseconds = nanosecondsOf(latency)
  return () => nanoseconds
}

type Table = { readonly [Name in OperationName]?: Duration.DurationInput | undefined }

/** What happens to a request that is cancelled before its time. */
export type Cancellation = "immediate" | "completion"

/**
 * What happens to cancelled requests: to all the same, or by operation. Default `"immediate"`.
 *
 * @since 0.1.0
 * @category models
 */
export type Cancellations = Cancellation | { readonly [Name in OperationName]?: Cancellation | undefined }

/** Throws `BadArgument`. */
export const cancelsAtOnceFrom = (cancellations: Cancellations): ((operation: string) => boolean) => {
  const check = (value: Cancellation): Cancellation => checkWord("cancellation", value, ["immediate", "completion"])
  if (typeof cancellations !== "object" || cancellations === null) {
    const isImmediate = check(cancellations) === "immediate"
    return () => isImmediate
  }
  const table = new Map<string, Cancellation>()
  for (const [name, value] of Object.entries(readCancellations(cancellations, "cancellation"))) {
    if (value !== undefined) table.set(name, check(value))
  }
  return (operation) => table.get(operation) !== "completion"
}
