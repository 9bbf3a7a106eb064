/**
 * A chain: each operation starts when the one before it has succeeded, and moved all that it was asked to. Otherwise what follows is
 * not done, and ends with ECANCELED.
 *
 * On io_uring the kernel runs a chain by itself (IOSQE_IO_LINK): one call, and nothing between two members. Elsewhere, and where the
 * kernel cannot (an open, behind an fsync, an argument that it would not refuse, a ring without room), each is started by the completion of the
 * one before, without a fiber in between. Both mean the same. A kernel's chain may also be torn although nothing has failed: by a
 * signal (EINTR, and the member is repeated alone) or by a submission that was cut. Its followers then come back with ECANCELED that
 * nobody asked for, and are run one after the other.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { AioError, AioShortTransfer } from "../../AioError.ts"
import { finishInline } from "../effect/execute.ts"
import { type Origin, originOf } from "../effect/submitContext.ts"
import { type Failure, inStages, losePatience, type Restore, type Resume, settle, type Task } from "../effect/wait.ts"
import type { Engine } from "../engine/engine.ts"
import type { Operation } from "../engine/operation.ts"
import { bytesOf, IDLE, type Request } from "../engine/request.ts"
import type { Submission } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import type { Mode } from "./batch.ts"
import { Member, type Owner, obtains } from "./member.ts"
import { giveBack, givenBack } from "./orphans.ts"
import { transferSize } from "./transfers.ts"

type Results = ReadonlyArray<unknown>
type End = Exit.Exit<unknown, Failure>

class Link extends Member {
  /** Those behind it that the kernel may run by itself. */
  chain: ReadonlyArray<Link> | undefined = undefined
  /** The kernel ran it behind another. */
  wasTakenAlong = false

  override get followers(): ReadonlyArray<Request> | undefined {
    return this.chain
  }

  override takenAlong(): void {
    const { file } = this.input
    if (file !== undefined) file.users++
    this.wasTakenAlong = true
    this.startSpan()
    this.hurry()
    ;(this.owner as Chain).tookAlong(this)
  }
}

class Chain implements Task<Results>, Owner<Link> {
  exit: Exit.Exit<Results, Failure> | undefined = undefined
  resume: Resume<Results> | undefined = undefined
  restore: Restore | undefined = undefined
  started = false

  private readonly ends: Array<End>
  /** Of their buffers, as they were when the chain was made. */
  private readonly bytes: ReadonlyArray<number>
  /** The first without an end. */
  private current = 0
  /** Nothing more is to be started. */
  private stopped = false
  private cancelling = false
  private readonly inFlight = new Set<Link>()
  /**
   * How many are offered to the backend at once. Half as many after an offer that it could not take: one that is longer than its ring
   * would be made again, as long as the chain, for each member.
   */
  private reach = Number.POSITIVE_INFINITY
  /** What the whole fails with in values mode. */
  private failure: Exit.Exit<never, Failure | AioShortTransfer> | undefined
  private orphans: Array<Operation<unknown>> = []

  constructor(
    readonly engine: Engine,
    private readonly operations: ReadonlyArray<Operation<any>>,
    private readonly mode: Mode,
    private readonly origin: Origin
  ) {
    this.ends = new Array(operations.length)
    this.bytes = operations.map(bytesOf)
  }

  get isPatient(): boolean {
    return this.restore !== undefined
  }

  overdue(): void {
    losePatience(this)
  }

  start(): void {
    this.started = true
    this.advance()
  }

  cancel(): void {
    this.cancelling = true
    this.stopped = true
    for (const link of [...this.inFlight]) this.engine.cancel(link)
  }

  tookAlong(link: Link): void {
    this.inFlight.add(link)
  }

  /** Goes on until something is under way, or to the end. */
  private advance(): void {
    const { engine, operations } = this
    while (this.inFlight.size === 0 && !this.stopped && this.current < operations.length) {
      const operation = operations[this.current]
      const tried = operation.entry.inline !== undefined && engine.mayInline && this.origin.startSpan === undefined
      const size = transferSize(operation)
      const exit = tried ? finishInline(engine, operation, this.bytes[this.current]) : undefined
      if (exit === undefined) this.submit(tried)
      else this.conclude(exit, size)
    }
    if (this.inFlight.size === 0 && (this.stopped || this.current === operations.length)) this.finish()
  }

  /** Starts the current one, and offers those behind it to a backend that can run chains. */
  private submit(tried: boolean): void {
    const { current, engine, operations } = this
    const last = Math.min(operations.length, current + this.reach)
    let end = current + 1
    while (end < last && engine.backend.linksAfter?.(operations[end - 1].entry) === true) end++
    const links = operations
      .slice(current, end)
      .map((operation, index) => new Link(this, operation, current + index, this.origin))
    links.forEach((link) => {
      link.bytes = this.bytes[link.index]
    })
    const [leader, ...followers] = links
    leader.triedInline = tried
    if (followers.length > 0) leader.chain = followers
    this.inFlight.add(leader)
    leader.start()
  }

  ended(link: Link, memory: Submission | null): void {
    const { chain, index, orphan } = link
    this.inFlight.delete(link)
    if (chain !== undefined) this.reach = chain[0].wasTakenAlong ? this.reach * 2 : Math.max(2, (chain.length + 1) >> 1)
    if (orphan !== undefined) this.orphans.push(orphan)
    // Torn off, or behind a failure: the next turn of `advance` tells.
    const wasNotRun = link.wasTakenAlong && link.result === -errno.ECANCELED && !link.cancelled
    if (index === this.current && !wasNotRun) this.conclude(link.exitOf(memory), transferSize(this.operations[index]))
    // From within `start`, its caller goes on by itself.
    if (link.state !== IDLE) this.advance()
  }

  /** The end of the current one. */
  private conclude(exit: End, size: number | undefined): void {
    const index = this.current++
    this.ends[index] = exit
    if (Exit.isFailure(exit)) {
      this.failure ??= exit as Exit.Exit<never, Failure>
      this.stopped = true
    } else if (size !== undefined && (exit.value as number) < size) {
      const operation = this.operations[index].entry.name
      const transferred = exit.value as number
      this.failure ??= Exit.fail(new AioShortTransfer({ operation, index, expected: size, transferred }))
      this.stopped = true
    }
  }

  private finish(): void {
    // Nothing else can be the reason why one was not run.
    if (this.cancelling && this.current < this.operations.length) this.failure ??= this.notRun(this.current)
    if (this.mode === "values") {
      if (this.failure === undefined) return settle(this, Exit.succeed(this.ends.map((end) => (end as any).value)))
      return giveBack(this.engine, this.orphans.splice(0), () => settle(this, this.failure as End as any))
    }
    for (let i = this.current; i < this.operations.length; i++) this.ends[i] = this.notRun(i)
    settle(this, Exit.succeed(this.ends))
  }

  private notRun(index: number): Exit.Exit<never, AioError> {
    const { entry, input } = this.operations[index]
    return Exit.fail(AioError.fromErrno(errno.ECANCELED, entry.name, input))
  }

  releaseOrphan(): Effect.Effect<void> {
    return Effect.suspend(() => givenBack(this.engine, this.orphans.splice(0)))
  }
}

/** Runs them in order, up to the first failure or short transfer. The list is the chain's own: nobody changes it meanwhile. */
export const linked = (
  engine: Engine,
  operations: ReadonlyArray<Operation<any>>,
  mode: Mode
): Effect.Effect<Results, Failure | AioShortTransfer> =>
  Effect.withFiberRuntime((fiber) =>
    Effect.uninterruptibleMask((restore) => {
      const chain = new Chain(engine, operations, mode, originOf(engine, fiber))
      const wait = inStages(chain, restore, () => chain.start())
      if (!operations.some(obtains)) return wait
      return Effect.flatMap(wait, (results) =>
        Effect.matchCauseEffect(restore(Effect.void), {
          onFailure: (cause) => Effect.zipRight(chain.releaseOrphan(), Effect.failCause(cause)),
          onSuccess: () => Effect.succeed(results)
        })
      )
    })
  )
