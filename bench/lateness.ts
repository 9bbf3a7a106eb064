/** How long everybody else in the event loop has to wait: a timer of one millisecond, and how late it comes. */
import * as Effect from "effect/Effect"

/** Milliseconds. The event loop's clock counts whole ones, so up to one of lateness is nobody's fault. */
const PERIOD = 1

/** Of a timer that runs beside an effect, in milliseconds. */
export const lateness = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<number>, E, R> =>
  Effect.suspend(() => {
    const late: Array<number> = []
    let due = performance.now() + PERIOD
    const fired = (): void => {
      const now = performance.now()
      late.push(Math.max(now - due, 0))
      due = now + PERIOD
      timer = setTimeout(fired, PERIOD)
    }
    let timer = setTimeout(fired, PERIOD)
    const stop = Effect.sync(() => {
      clearTimeout(timer)
      // It never let go of the loop.
      const now = performance.now()
      if (now > due) late.push(now - due)
    })
    return Effect.map(Effect.ensuring(effect, stop), () => late)
  })

/** The value below which such a part of all values is. */
export const quantile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted.length === 0 ? 0 : sorted[Math.floor((sorted.length - 1) * part)]
}
