/**
 * One request with a deadline. On io_uring the kernel keeps the deadline (IORING_OP_LINK_TIMEOUT). Elsewhere a timer cancels the request.
 * The timer also covers the time that a request waits in the engine, which the kernel does not see. Where the program has a Clock of its
 * own, which no kernel knows, only the timer counts.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { AioFailure } from "../../AioError.ts"
import type { Engine } from "../engine/engine.ts"
import { LATER } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { IN_FLIGHT } from "../engine/request.ts"
import type { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import { clearTimeout, isTimeReplaced, now, setTimeout } from "../native/loop.ts"
import { Call, executeQueued } from "./execute.ts"
import { exitOf } from "./exits.ts"
import { clockOf, runtimeOf } from "./fiber.ts"
import { inSpan, wantsSpan } from "./spans.ts"
import { startTimer } from "./timer.ts"

/** Milliseconds that the kernel gets for its own cancelling before the timer does it. */
const GRACE = 10

class TimedCall<A> extends Call<A> {
  private timer: NodeJS.Timeout | undefined
  private timedOut = false
  private readonly end: number
  /** Whether the kernel is told of the deadline. Not for opens: that of a FIFO is submitted twice. */
  private readonly native: boolean

  constructor(engine: Engine, operation: Operation<A>, fiber: Fiber.RuntimeFiber<any, any>, milliseconds: number) {
    super(engine, operation, fiber)
    this.end = now() + milliseconds
    const { backend } = engine
    this.native =
      backend.keepsDeadlines === true && backend.accepts(this) && operation.entry.producesDescriptor !== true
  }

  override get deadline(): number | undefined {
    return this.native ? this.end : undefined
  }

  override start(): void {
    // A close is never cancelled, see `Engine.cancel`.
    if (!this.native && this.entry.finalOnInterrupt !== true) this.startTimer(0)
    super.start()
  }

  override overdue(): void {
    super.overdue()
    if (this.native && this.timer === undefined) this.startTimer(this.state === IN_FLIGHT ? GRACE : 0)
  }

  /** No fiber has asked for this end. */
  private get wasEndedByKernel(): boolean {
    return this.native && !this.cancelled && now() >= this.end
  }

  private startTimer(grace: number): void {
    this.timer = setTimeout(
      () => {
        if (this.cancelled) return
        this.timedOut = true
        this.engine.cancel(this)
      },
      Math.max(0, this.end - now()) + grace
    ).unref()
  }

  override get reported(): number {
    // A descriptor that was obtained all the same is not lost.
    const isOver = this.result === -errno.ECANCELED && (this.timedOut || this.wasEndedByKernel)
    return isOver ? -errno.ETIMEDOUT : this.result
  }

  override settled(memory: Submission | null): void {
    clearTimeout(this.timer)
    this.result = this.reported
    super.settled(memory)
  }
}

/** The program has a Clock of its own: the machine's clock does not count. */
class ClockedCall<A> extends Call<A> {
  private stopTimer: (() => void) | undefined
  private timedOut = false

  constructor(
    engine: Engine,
    operation: Operation<A>,
    private readonly fiber: Fiber.RuntimeFiber<any, any>,
    private readonly clock: Clock.Clock,
    private readonly milliseconds: number
  ) {
    super(engine, operation, fiber)
  }

  override start(): void {
    super.start()
    // After the submission: a timer of 0 may be over at once, and a request that is not submitted cannot be cancelled.
    if (this.entry.finalOnInterrupt !== true && this.exit === undefined) this.startTimer()
  }

  private startTimer(): void {
    const { clock, fiber, milliseconds } = this
    this.stopTimer = startTimer(clock, runtimeOf(fiber), Duration.millis(milliseconds), () => {
      if (this.cancelled) return
      this.timedOut = true
      this.engine.cancel(this)
    })
  }

  override get reported(): number {
    return this.result === -errno.ECANCELED && this.timedOut ? -errno.ETIMEDOUT : this.result
  }

  override settled(memory: Submission | null): void {
    this.stopTimer?.()
    this.result = this.reported
    super.settled(memory)
  }
}

const machineClock = Context.get(DefaultServices.liveServices, Clock.Clock)

const callWith = <A>(
  engine: Engine,
  operation: Operation<A>,
  milliseconds: number,
  fiber: Fiber.RuntimeFiber<any, any>
): Call<A> => {
  const clock = clockOf(fiber)
  // Where a test has replaced the timers, Effect's own Clock follows them.
  const isMachine = clock === machineClock && !isTimeReplaced()
  const longest = isMachine ? LONGEST : Number.MAX_VALUE
  if (milliseconds > longest) return new Call(engine, operation, fiber)
  return isMachine
    ? new TimedCall(engine, operation, fiber, milliseconds)
    : new ClockedCall(engine, operation, fiber, clock, milliseconds)
}

/** The longest time that a timer of Node takes. */
const LONGEST = 2 ** 31 - 1 - GRACE

export const withDeadline = <A>(
  engine: Engine,
  operation: Operation<A>,
  milliseconds: number
): Effect.Effect<A, AioFailure> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<A, AioFailure> => {
    if (wantsSpan(fiber)) return inSpan(operation, withDeadline(engine, operation, milliseconds))
    const tried = engine.mayTry(operation.entry)
    const end = tried ? engine.attempt(operation) : LATER
    return end === LATER ? executeQueued(callWith(engine, operation, milliseconds, fiber), tried) : exitOf(engine, end)
  })
