/**
 * Operations from an iterable, so many at a time, as a Stream of their ends in the order in which they come.
 *
 * The iterable is pulled when there is room, from within the engine's turn: no fiber is between the end of one request and the start
 * of the next. What nobody has taken yet is limited, too: at most `concurrency` ends wait, and then nothing is started.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { finishInline } from "../effect/execute.ts"
import { type Origin, originOf } from "../effect/submitContext.ts"
import type { Failure } from "../effect/wait.ts"
import type { Engine } from "../engine/engine.ts"
import { type Operation, operationOf } from "../engine/operation.ts"
import type { Submission } from "../engine/submission.ts"
import { Ends } from "./completionBuffer.ts"
import { Member, type Owner, orphansOf } from "./member.ts"
import { giveBack } from "./orphans.ts"

/** How one of several operations ended. */
export interface Completed<A> {
  /** Its place among the operations, from 0. */
  readonly index: number
  readonly operation: Operation<A>
  readonly exit: Exit.Exit<A, Failure>
}

type Taken = Effect.Effect<Chunk.Chunk<Completed<any>>, Option.Option<never>>

class Source extends Member {
  constructor(
    owner: Owner<Source>,
    readonly operation: Operation<any>,
    index: number,
    origin: Origin
  ) {
    super(owner, operation, index, origin)
  }
}

class CompletedRun implements Owner<Source> {
  readonly isPatient = false
  private readonly iterator: Iterator<Operation<any>>
  private exhausted = false
  private closing = false
  private filling = false
  private index = 0
  private readonly inFlight = new Set<Source>()
  private readonly ready = new Ends<Source>()
  /** Those that ended when nobody was to get what they obtained any more. */
  private readonly late: Array<Source> = []
  /** What the iterable threw: a defect of its owner. */
  private thrown: { readonly error: unknown } | undefined
  private waiter: ((taken: Taken) => void) | undefined
  private onEnd: (() => void) | undefined

  constructor(
    readonly engine: Engine,
    operations: Iterable<Operation<any>>,
    private readonly concurrency: number,
    private readonly origin: Origin
  ) {
    this.iterator = operations[Symbol.iterator]()
  }

  overdue(): void {}

  private get hasRoom(): boolean {
    return this.inFlight.size < this.concurrency && this.ready.size < this.concurrency
  }

  /** Starts operations while there is room. */
  private fill(): void {
    // Not from within itself: a member may end while it is started, and user code runs in `next`.
    if (this.filling) return
    this.filling = true
    try {
      while (!this.exhausted && this.hasRoom) {
        const next = this.iterator.next()
        // It may have run anything, the end of this run included.
        if (this.exhausted) break
        if (next.done === true) this.exhausted = true
        else this.run(operationOf(next.value, "completed"), this.index++)
      }
    } catch (error) {
      this.exhausted = true
      this.thrown = { error }
    }
    this.filling = false
  }

  private run(operation: Operation<any>, index: number): void {
    const { engine } = this
    const tried = operation.entry.inline !== undefined && engine.mayInline && this.origin.startSpan === undefined
    const exit = tried ? finishInline(engine, operation) : undefined
    if (exit !== undefined) {
      this.ready.push({ index, operation, exit }, undefined)
      return
    }
    const member = new Source(this, operation, index, this.origin)
    member.triedInline = tried
    this.inFlight.add(member)
    member.start()
  }

  ended(member: Source, memory: Submission | null): void {
    const { index, operation } = member
    this.inFlight.delete(member)
    if (this.closing) {
      this.late.push(member)
      this.endIfEmpty()
    } else {
      this.ready.push({ index, operation, exit: member.exitOf(memory) }, member.hasDescriptor ? member : undefined)
      this.fill()
      this.tell()
    }
  }

  /** Resumes who waits. The fiber runs when the turn has delivered all it has: it takes all of that in one chunk. */
  private tell(): void {
    const { waiter } = this
    if (waiter === undefined) return
    this.waiter = undefined
    waiter(Effect.suspend(() => this.taken()))
  }

  private taken(): Taken {
    const { ready } = this
    const ends = ready.size > 0 ? ready.take().ends : undefined
    this.fill()
    if (ends !== undefined) return Effect.succeed(Chunk.unsafeFromArray(ends))
    if (this.inFlight.size > 0 || ready.size > 0) return this.take
    return this.thrown === undefined ? Effect.fail(Option.none()) : Effect.die(this.thrown.error)
  }

  /** What has ended since it was last asked, or the first that will. */
  readonly take: Taken = Effect.suspend(() => {
    this.fill()
    const taken = Effect.suspend(() => this.taken())
    // A descriptor is for a fiber that has just been resumed: it does not yield before the Stream's consumer has it.
    if (this.ready.hasOwnerNext) return Effect.zipRight(Effect.yieldNow(), taken)
    if (this.ready.size > 0 || this.inFlight.size === 0) return taken
    return Effect.async((resume) => {
      if (this.ready.size > 0) return resume(taken)
      this.waiter = resume
      return Effect.sync(() => {
        this.waiter = undefined
      })
    })
  })

  /** Cancels what is under way and waits for it; closes descriptors that nobody has taken. */
  readonly close: Effect.Effect<void> = Effect.async((resume) => {
    const wasExhausted = this.exhausted
    this.exhausted = true
    this.closing = true
    let end: Effect.Effect<void> = Effect.void
    if (!wasExhausted) {
      try {
        this.iterator.return?.()
      } catch (error) {
        end = Effect.die(error)
      }
    }
    this.onEnd = () => resume(end)
    for (const member of [...this.inFlight]) this.engine.cancel(member)
    this.endIfEmpty()
  })

  private endIfEmpty(): void {
    const { onEnd } = this
    if (onEnd === undefined || this.inFlight.size > 0) return
    this.onEnd = undefined
    giveBack(this.engine, orphansOf([...this.ready.left, ...this.late]), onEnd)
  }
}

/** The ends of the operations, in the order in which they come. */
export const completed = (
  engine: Engine,
  operations: Iterable<Operation<any>>,
  concurrency: number
): Stream.Stream<Completed<any>> =>
  Stream.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(
        Effect.withFiberRuntime<CompletedRun>((fiber) =>
          Effect.sync(() => new CompletedRun(engine, operations, concurrency, originOf(engine, fiber)))
        ),
        (run) => run.close
      ),
      (run) => Stream.repeatEffectChunkOption(run.take)
    )
  )
