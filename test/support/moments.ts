/** When to interrupt: at every stage that a request passes through. */
import { Effect, Scheduler } from "effect"
import type { Random } from "./random.ts"

/** One turn of the event loop. */
export const nextTurn: Effect.Effect<void> = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Waits for nothing, for other fibers, for one or more turns of the event loop, or for a millisecond or two. */
export const someTime = (random: Random): Effect.Effect<void> => {
  switch (random.integer(8)) {
    case 0:
      return Effect.void
    case 1:
    case 2:
      return Effect.yieldNow()
    case 3:
    case 4:
      return nextTurn
    case 5:
      return Effect.zipRight(nextTurn, nextTurn)
    case 6:
      return Effect.zipRight(Effect.yieldNow(), nextTurn)
    default:
      return Effect.sleep(random.integer(3))
  }
}

/** Fibers on it give way once, at their so-manieth step, until `meanwhile` has ended. `steps`: how many they have taken. */
export const givingWayAt = (step: number, meanwhile: Effect.Effect<unknown, unknown>) => {
  const place = { steps: 0 }
  const scheduler: Scheduler.Scheduler = {
    shouldYield: () => (++place.steps === step ? 0 : false),
    scheduleTask: (task) => {
      if (place.steps !== step) Scheduler.defaultScheduler.scheduleTask(task, 0)
      else Effect.runFork(meanwhile).addObserver(task)
    }
  }
  return { place, scheduler }
}
