/** A task as an interruptible Effect. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { type Failed, LATER } from "../engine/failed.ts"
import type { Sequence } from "../task/sequence.ts"
import type { Task, Waiter } from "../task/task.ts"
import { inSpan, wantsSpan } from "./spans.ts"
import { submitContextOf } from "./submitContext.ts"
import { becomeInterruptible, handOver, inStages, type Restore, type Resume, settle, type Waiting } from "./wait.ts"

class Running<T, A, E> implements Waiting<A, E>, Waiter {
  exit: Exit.Exit<A, E> | undefined = undefined
  resume: Resume<A, E> | undefined = undefined
  restore: Restore | undefined = undefined

  constructor(
    private readonly task: Task<T>,
    private readonly toExit: (end: T | Failed) => Exit.Exit<A, E>
  ) {
    task.waiter = this
  }

  get started(): boolean {
    return this.task.started
  }

  get wantsOverdue(): boolean {
    return this.restore !== undefined
  }

  ended(): void {
    let exit: Exit.Exit<A, E>
    try {
      exit = this.toExit(this.task.end as T | Failed)
    } catch (defect) {
      exit = Exit.die(defect)
    }
    settle(this, exit)
  }

  overdue(): void {
    becomeInterruptible(this)
  }

  start(): void {
    this.task.start()
  }

  cancel(): void {
    this.task.cancel()
  }

  releaseOrphan(): Effect.Effect<void> {
    return Effect.uninterruptible(Effect.async((resume) => this.task.releaseObtained(() => resume(Effect.void))))
  }

  handOut(): void {
    this.task.handOut()
  }
}

/** Runs a task that obtains no descriptors and no locks. In the uninterruptible region that `restore` belongs to. */
export const runMasked = <T, A, E>(
  task: Task<T>,
  restore: Restore,
  toExit: (end: T | Failed) => Exit.Exit<A, E>
): Effect.Effect<A, E> => {
  const running = new Running(task, toExit)
  return inStages(running, restore, () => running.start())
}

/** Runs a task that may obtain descriptors and locks, which have to be given back. */
export const runAndHandOver = <T, A, E>(
  task: Task<T>,
  restore: Restore,
  toExit: (end: T | Failed) => Exit.Exit<A, E>
): Effect.Effect<A, E> => {
  const running = new Running(task, toExit)
  return Effect.flatMap(
    inStages(running, restore, () => running.start()),
    (value) => handOver(running, restore, value)
  )
}

const unknown = (): typeof LATER => LATER

/**
 * Runs a sequence in the fiber that asks for it. `make` is called for each run, unless `known` gives its end at once: with nothing under way and
 * nothing open, there is nothing that an interrupt would have to wait for.
 */
export const runSequence = <T, A, E>(
  make: () => Sequence<T>,
  toExit: (end: T | Failed) => Exit.Exit<A, E>,
  known: () => T | typeof LATER = unknown
): Effect.Effect<A, E> =>
  Effect.withFiberRuntime((fiber: Fiber.RuntimeFiber<A, E>) => {
    if (wantsSpan(fiber)) {
      const { name, path } = make().label
      return inSpan({ entry: { name }, input: { path } }, runSequence(make, toExit, known))
    }
    const end = known()
    if (end !== LATER) return toExit(end)
    return Effect.uninterruptibleMask((restore) => {
      const task = make()
      task.context = submitContextOf(task.engine, fiber)
      return runMasked(task, restore, toExit)
    })
  })
