/**
 * How a fiber waits for something under way in the engine, in two stages inside one uninterruptible region:
 *
 * 1. Wait without a canceler, for some milliseconds at most (engine/overdue.ts). By then, cached requests are complete, and so are those that a
 *    healthy disk answers (which could not be cancelled anyway): most requests end here, at half the price of a cancelable one.
 * 2. A request that is still under way is waited for interruptibly. An interrupt asks the engine to cancel, and then waits, again
 *    uninterruptibly, for the completion: only then is the fiber allowed to end, and its buffers are its own again.
 *
 * `Effect.async` with a canceler in an interruptible region would be wrong: the fiber may yield, and be interrupted, between the
 * registration (which submits) and the installation of the canceler.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { AioFailure } from "../../AioError.ts"

/** Gives back the interruptibility that the fiber had outside, as `Effect.uninterruptibleMask` passes it. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export type Resume<A, E = AioFailure> = (effect: Effect.Effect<A, E>) => void

/**
 * A task or a request under way in the engine that one fiber waits for. Its end sets `exit` once and then calls `resume`, if there is one.
 */
export interface Waiting<A, E = AioFailure> {
  exit: Exit.Exit<A, E> | undefined
  resume: Resume<A, E> | undefined
  /** Set in stage one. */
  restore: Restore | undefined
  /** False before it was handed to the engine: then there is no end to wait for. */
  readonly started: boolean
  /** Asks for an early end. `exit` is still set exactly once. */
  cancel(): void
  /** Called after an interrupt, when it has ended: gives back the descriptors and locks that no fiber will get. */
  releaseOrphan(): Effect.Effect<void>
  /** What it has obtained belongs to the program from here on. */
  handOut(): void
}

/** Called by a task: it has ended. */
export const settle = <A, E>(task: Waiting<A, E>, exit: Exit.Exit<A, E>): void => {
  task.exit = exit
  const { resume } = task
  if (resume !== undefined) {
    task.resume = undefined
    resume(exit)
  }
}

/** Called by a task: it has been under way for long, and has not ended. Moves the fiber to stage two. */
export const becomeInterruptible = <A, E>(task: Waiting<A, E>): void => {
  const { restore, resume } = task
  if (restore === undefined || resume === undefined) return
  task.restore = undefined
  task.resume = undefined
  resume(
    interruptibly(
      task,
      restore,
      Effect.async((resume) => {
        if (task.exit === undefined) task.resume = resume
        else resume(task.exit)
      })
    )
  )
}

const interruptibly = <A, E>(task: Waiting<A, E>, restore: Restore, wait: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.matchCauseEffect(restore(wait), {
    onFailure: (cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.zipRight(cancelled(task), Effect.failCause(cause))
        : Effect.failCause(cause),
    onSuccess: Effect.succeed
  })

/** Cancels, waits for the end, and releases what was obtained. Uninterruptible, like its caller. */
const cancelled = <A, E>(task: Waiting<A, E>): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.async<void>((resume) => {
      if (!task.started || task.exit !== undefined) return resume(Effect.void)
      task.resume = () => resume(Effect.void)
      task.cancel()
    }),
    () => task.releaseOrphan()
  )

/** Starts a task and waits in both stages. Runs in the uninterruptible region that `restore` belongs to. */
export const inStages = <A, E>(task: Waiting<A, E>, restore: Restore, start: () => void): Effect.Effect<A, E> =>
  Effect.async((resume) => {
    task.restore = restore
    task.resume = resume
    start()
  })

/**
 * Descriptors and locks are handed over only to a fiber that goes on: one that was interrupted while they arrived gives them back. The fiber
 * has just been resumed, so it does not yield between this look and the end of the uninterruptible region.
 */
export const handOver = <A, E>(waiting: Waiting<A, E>, restore: Restore, value: A): Effect.Effect<A> =>
  Effect.matchCauseEffect(restore(Effect.void), {
    onFailure: (cause) => Effect.zipRight(waiting.releaseOrphan(), Effect.failCause(cause)),
    onSuccess: () => {
      waiting.handOut()
      return Effect.succeed(value)
    }
  })
