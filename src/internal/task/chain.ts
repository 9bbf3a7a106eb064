/**
 * A chain: each operation starts when the one before it has succeeded and moved all bytes that it was asked to move. Otherwise the
 * operations behind it are not run, and end with ECANCELED.
 *
 * On io_uring the kernel runs a chain itself (IOSQE_IO_LINK): one call, and nothing between two members. Elsewhere, and where the kernel
 * cannot (an open, a member behind an fsync, an argument that the kernel would not refuse, a ring without room), each member is started by
 * the completion of the one before, without a fiber in between. Both mean the same. A kernel's chain may also be torn although no member
 * has failed: by a signal (EINTR, and the member is repeated alone) or by a submission that was cut. Its followers then come back with
 * ECANCELED although no caller cancelled them, and are run one after the other.
 */
import type { Engine } from "../engine/engine.ts"
import { Failed, LATER, ShortTransfer } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { bytesOf, type Request } from "../engine/request.ts"
import { errno } from "../native/errno.ts"
import type { Mode, Results } from "./batch.ts"
import { Member, type Owner, orphansOf } from "./member.ts"
import { releaseOrphans } from "./orphans.ts"
import type { SubmitContext } from "./submitContext.ts"
import { Task } from "./task.ts"
import { transferSize } from "./transfers.ts"

class Link extends Member {
  /** The members behind it that the kernel may run itself. */
  chain: ReadonlyArray<Link> | undefined = undefined
  /** The kernel ran it behind another member. */
  wasTakenLinked = false

  override get followers(): ReadonlyArray<Request> | undefined {
    return this.chain
  }

  override takenLinked(): void {
    this.wasTakenLinked = true
    this.startSpan()
    ;(this.owner as Chain).tookLinked(this)
  }
}

export class Chain extends Task<Results> implements Owner<Link> {
  private readonly results: Array<unknown | Failed>
  /** Bytes of the operations' buffers, as they were when the chain was made. */
  private readonly bytes: ReadonlyArray<number>
  /** The first operation without an end. */
  private current = 0
  /** Nothing more is to be started. */
  private stopped = false
  private cancelling = false
  private readonly inFlight = new Set<Link>()
  /**
   * How many members are offered to the backend at once. Halved after an offer that the backend could not take: a chain that is longer than
   * the ring would otherwise be offered whole again for each member.
   */
  private reach = Number.POSITIVE_INFINITY
  /** What the chain fails with in values mode. */
  private failure: Failed | undefined
  private obtained: Array<Link> = []

  constructor(
    readonly engine: Engine,
    private readonly operations: ReadonlyArray<Operation<any>>,
    private readonly mode: Mode,
    private readonly context: SubmitContext
  ) {
    super()
    this.results = new Array(operations.length)
    this.bytes = operations.map(bytesOf)
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

  tookLinked(link: Link): void {
    this.inFlight.add(link)
  }

  /** Goes on until a member is under way, or to the end. */
  private advance(): void {
    const { engine, operations } = this
    while (this.inFlight.size === 0 && !this.stopped && this.current < operations.length) {
      const operation = operations[this.current]
      const tried = this.context.startSpan === undefined && engine.mayTry(operation.entry)
      const size = transferSize(operation)
      const end = tried ? engine.attempt(operation, this.bytes[this.current]) : LATER
      if (end === LATER) this.submit(tried)
      else this.conclude(end, size)
    }
    if (this.inFlight.size === 0 && (this.stopped || this.current === operations.length)) this.conclusion()
  }

  /** Starts the current operation, and offers those behind it to a backend that can run chains. */
  private submit(tried: boolean): void {
    const { current, engine, operations } = this
    const last = Math.min(operations.length, current + this.reach)
    let end = current + 1
    while (end < last && engine.backend.linksAfter?.(operations[end - 1].entry) === true) end++
    const links = operations
      .slice(current, end)
      .map((operation, index) => new Link(this, operation, current + index, this.context))
    links.forEach((link) => {
      link.bytes = this.bytes[link.index]
    })
    const [leader, ...followers] = links
    leader.triedInline = tried
    if (followers.length > 0) leader.chain = followers
    this.inFlight.add(leader)
    leader.start()
  }

  ended(link: Link, end: unknown | Failed): void {
    const { chain, index } = link
    this.inFlight.delete(link)
    if (chain !== undefined)
      this.reach = chain[0].wasTakenLinked ? this.reach * 2 : Math.max(2, (chain.length + 1) >> 1)
    if (link.orphan !== undefined) this.obtained.push(link)
    // Torn off, or behind a failure: the next turn of `advance` decides.
    const wasNotRun = link.wasTakenLinked && link.result === -errno.ECANCELED && !link.cancelled
    if (index === this.current && !wasNotRun) this.conclude(end, transferSize(this.operations[index]))
    // A member that ends within `start` is looked after by the caller of `start`.
    if (!link.isIdle) this.advance()
  }

  /** The end of the current operation. */
  private conclude(end: unknown | Failed, size: number | undefined): void {
    const index = this.current++
    this.results[index] = end
    if (end instanceof Failed) {
      this.failure ??= end
      this.stopped = true
    } else if (size !== undefined && (end as number) < size) {
      const { entry, input } = this.operations[index]
      this.failure ??= new Failed(entry.name, input, 0, new ShortTransfer(index, size, end as number))
      this.stopped = true
    }
  }

  private conclusion(): void {
    // An operation that was not run although none failed was cancelled.
    if (this.cancelling && this.current < this.operations.length) this.failure ??= this.notRun(this.current)
    const { failure } = this
    if (this.mode === "values" && failure !== undefined) return this.releaseObtained(() => this.finish(failure))
    for (let i = this.current; i < this.operations.length; i++) this.results[i] = this.notRun(i)
    this.finish(this.results)
  }

  private notRun(index: number): Failed {
    const { entry, input } = this.operations[index]
    return new Failed(entry.name, input, errno.ECANCELED, undefined)
  }

  override releaseObtained(done: () => void): void {
    releaseOrphans(this.engine, orphansOf(this.obtained.splice(0)), done)
  }

  override handOut(): void {
    for (const link of this.obtained) link.handOut()
  }
}
