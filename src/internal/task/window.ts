/**
 * Operations from an iterable, so many at a time, and their ends in the order in which they come.
 *
 * The iterable is pulled when there is room, from within the engine's turn: no fiber is between the end of one request and the start of the
 * next. Ends that the consumer has not taken are limited, too: when `concurrency` of them wait, nothing is started.
 */
import { iteratorOf, nextOf } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { type Failed, LATER } from "../engine/failed.ts"
import { type Operation, operationOf } from "../engine/operation.ts"
import { type Complete, CompletionBuffer, type CompletionSource } from "./completionBuffer.ts"
import { Member, type Owner, orphansOf } from "./member.ts"
import { releaseOrphans } from "./orphans.ts"
import type { SubmitContext } from "./submitContext.ts"

class Source extends Member {
  constructor(
    owner: Owner<Source>,
    readonly operation: Operation<any>,
    index: number,
    context: SubmitContext
  ) {
    super(owner, operation, index, context)
  }
}

export class Window<C> implements Owner<Source>, CompletionSource<C> {
  readonly wantsOverdue = false
  private readonly iterator: Iterator<unknown>
  private exhausted = false
  private closing = false
  private filling = false
  private index = 0
  private readonly inFlight = new Set<Source>()
  private readonly ready = new CompletionBuffer<Source, C>()
  /** Members that ended after the consumer had gone, and whose descriptors and locks are given back. */
  private readonly late: Array<Source> = []
  /** What the iterable threw: a defect of the program. */
  thrown: { readonly error: unknown } | undefined
  private tell: (() => void) | undefined
  private onEnd: (() => void) | undefined

  constructor(
    readonly engine: Engine,
    operations: Iterable<unknown>,
    private readonly concurrency: number,
    private readonly context: SubmitContext,
    private readonly complete: Complete<C>
  ) {
    this.iterator = iteratorOf(operations)
  }

  overdue(): void {}

  private get hasRoom(): boolean {
    return this.inFlight.size < this.concurrency && this.ready.size < this.concurrency
  }

  /** Starts operations while there is room. */
  private fill(): void {
    // Not from within itself: a member may end while it is started, and `next` runs user code.
    if (this.filling) return
    this.filling = true
    try {
      while (!this.exhausted && this.hasRoom) {
        const next = nextOf(this.iterator)
        // `next` may have run any code, which may have ended this run.
        if (this.exhausted) break
        if (next.done === true) this.exhausted = true
        else this.run(operationOf(next.value, "asCompleted"), this.index++)
      }
    } catch (error) {
      this.exhausted = true
      this.thrown = { error }
    }
    this.filling = false
  }

  private run(operation: Operation<any>, index: number): void {
    const { engine } = this
    const tried = this.context.startSpan === undefined && engine.mayTry(operation.entry)
    const end = tried ? engine.attempt(operation) : LATER
    if (end !== LATER) {
      this.ready.push(this.complete(index, operation, end), undefined)
      return
    }
    const member = new Source(this, operation, index, this.context)
    member.triedInline = tried
    this.inFlight.add(member)
    member.start()
  }

  ended(member: Source, end: unknown | Failed): void {
    const { index, operation } = member
    this.inFlight.delete(member)
    if (this.closing) {
      this.late.push(member)
      this.endIfEmpty()
    } else {
      this.ready.push(this.complete(index, operation, end), member.hasDescriptor ? member : undefined)
      this.fill()
      const { tell } = this
      this.tell = undefined
      tell?.()
    }
  }

  look(): "ready" | "waiting" | "ended" {
    this.fill()
    return this.ready.size > 0 ? "ready" : this.inFlight.size > 0 ? "waiting" : "ended"
  }

  get hasOwnerNext(): boolean {
    return this.ready.hasOwnerNext
  }

  take(): ReadonlyArray<C> {
    const { completions, owner } = this.ready.take()
    owner?.handOut()
    this.fill()
    return completions
  }

  whenReady(tell: (() => void) | undefined): void {
    this.tell = tell
  }

  /**
   * Cancels what is under way and gives back what the consumer has not taken. Then calls `done`, with what the iterable threw at its end,
   * if it threw.
   */
  close(done: (thrown: { readonly error: unknown } | undefined) => void): void {
    const wasExhausted = this.exhausted
    this.exhausted = true
    this.closing = true
    let thrown: { readonly error: unknown } | undefined
    if (!wasExhausted) {
      try {
        this.iterator.return?.()
      } catch (error) {
        thrown = { error }
      }
    }
    this.onEnd = () => done(thrown)
    for (const member of [...this.inFlight]) this.engine.cancel(member)
    this.endIfEmpty()
  }

  private endIfEmpty(): void {
    const { onEnd } = this
    if (onEnd === undefined || this.inFlight.size > 0) return
    this.onEnd = undefined
    releaseOrphans(this.engine, orphansOf([...this.ready.left, ...this.late]), onEnd)
  }
}
