/**
 * Completions as events: collected during a turn of the event loop, and handed over at its end.
 *
 * Times are kept here, in a table of the requests under way, and only while somebody listens. Requests that were submitted before that
 * are not known here, and not told of.
 */
import { NodeInspectSymbol } from "effect/Inspectable"
import { isTransfer } from "../batch/transfers.ts"
import type { Engine } from "../engine/engine.ts"
import type { Observer } from "../engine/observer.ts"
import { IN_FLIGHT, type Request } from "../engine/request.ts"
import { errnoName } from "../native/errno.ts"
import type { Path } from "../operation/arguments.ts"
import type { Entry } from "../operation/operation.ts"

/**
 * The end of a request.
 *
 * @since 0.1.0
 * @category models
 */
export interface Completion {
  /** Name of the operation: `"read"`, `"open"`, ... */
  readonly operation: string
  /** What the system call returned, or `undefined` where it failed. */
  readonly result: number | undefined
  /** The error's code, such as `"ENOENT"`, or `undefined` where there was none. */
  readonly error: string | undefined
  /** Bytes that a transfer moved; 0 for everything else. */
  readonly bytes: number
  /** When it was submitted: milliseconds since 1970, with fractions. */
  readonly submitted: number
  /** Milliseconds until a backend took it over. */
  readonly queued: number
  /** Milliseconds from then to its completion. */
  readonly executing: number
  /** Milliseconds in all. */
  readonly total: number
  /** It was finished without waiting. */
  readonly inline: boolean
  /** -4 (last) to 4 (first); 0 for what was no request, being finished at once. */
  readonly priority: number
  /** The mechanism: `"io_uring"`, `"threads"`, ... */
  readonly backend: string
  /** The name of its `AioGroup`, if it has one. */
  readonly group: string | undefined
  readonly fd: number | undefined
  readonly path: Path | undefined
}

/**
 * Times are kept as they were taken, for all events of a turn in one array: three numbers in an object of their own would be four
 * objects, and half of the price of an event was the collector's.
 */
class Ended implements Completion {
  constructor(
    readonly operation: string,
    private readonly returned: number,
    readonly bytes: number,
    /** Submitted, started, ended: three from `at` on. */
    private readonly times: ReadonlyArray<number>,
    private readonly at: number,
    readonly inline: boolean,
    readonly priority: number,
    readonly backend: string,
    readonly group: string | undefined,
    readonly fd: number | undefined,
    readonly path: Path | undefined,
    private readonly refused: boolean
  ) {}

  get result(): number | undefined {
    return this.returned >= 0 ? this.returned : undefined
  }

  get error(): string | undefined {
    return this.returned >= 0 ? undefined : this.refused ? "AioBadArgument" : errnoName(-this.returned)
  }

  get submitted(): number {
    return performance.timeOrigin + this.times[this.at]
  }

  get queued(): number {
    return this.times[this.at + 1] - this.times[this.at]
  }

  get executing(): number {
    return this.times[this.at + 2] - this.times[this.at + 1]
  }

  get total(): number {
    return this.times[this.at + 2] - this.times[this.at]
  }

  toJSON(): Completion {
    const { backend, bytes, error, executing, fd, group, inline, operation, path, priority, queued, result } = this
    const { submitted, total } = this
    const times = { submitted, queued, executing, total }
    return { operation, result, error, bytes, ...times, inline, priority, backend, group, fd, path }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

export interface Listener {
  /** Events that it can still take; it is told of more only if it does not mind. */
  readonly room: number
  push(events: ReadonlyArray<Completion>): void
  end(): void
}

interface Times {
  readonly submitted: number
  started: number
}

export class Completions implements Observer {
  private readonly listeners = new Set<Listener>()
  private readonly times = new Map<Request, Times>()
  /** Requests that have been asked to end and have not yet. */
  private readonly ending = new Set<Request>()
  private events: Array<Completion> = []
  /** Their times. */
  private stamps: Array<number> = []
  /** When the last try began and ended, and what of. */
  private triedAt = 0
  private triedUntil = 0
  private triedEntry: Entry<any, any> | undefined
  private triedInput: any
  private triedResult = 0
  /** The group for which operations are being tried. */
  group: string | undefined

  constructor(private readonly engine: Engine) {
    // Those that were asked before anybody observed.
    engine.forEachOutstanding((request) => {
      if (request.cancelled) this.ending.add(request)
    })
  }

  /** The observer of an engine, which is there from the first listener to the last. */
  static listen(engine: Engine, listener: Listener): () => void {
    if (engine.ended) {
      listener.end()
      return () => {}
    }
    if (!(engine.observer instanceof Completions)) engine.observer = new Completions(engine)
    const observer = engine.observer as Completions
    observer.listeners.add(listener)
    engine.resume()
    return () => {
      observer.listeners.delete(listener)
      if (observer.listeners.size === 0 && engine.observer === observer) engine.observer = null
      engine.resume()
    }
  }

  get room(): number {
    // Then more is told than there is room for; nothing is lost by that.
    if (this.ending.size > 0) return Number.POSITIVE_INFINITY
    let room = Number.POSITIVE_INFINITY
    for (const listener of this.listeners) room = Math.min(room, listener.room)
    return Math.max(0, room - this.events.length)
  }

  submitted(request: Request): void {
    this.times.set(request, { submitted: performance.now(), started: -1 })
  }

  started(request: Request): void {
    const times = this.times.get(request)
    if (times !== undefined) times.started = performance.now()
  }

  cancelled(request: Request): void {
    this.ending.add(request)
  }

  settled(request: Request): void {
    this.ending.delete(request)
    const times = this.times.get(request)
    if (times === undefined) return
    this.times.delete(request)
    const now = performance.now()
    const { entry, groupName, input, lane, priority, result } = request
    // Tried when it left the queue: no backend has had it.
    const isInline = request.state !== IN_FLIGHT && result >= 0
    if (isInline) this.triedInput = undefined
    this.add(
      new Ended(
        entry.name,
        result,
        result > 0 && isTransfer(entry) ? result : 0,
        this.stamps,
        this.stamp(times.submitted, times.started < 0 ? now : times.started, now),
        isInline,
        priority,
        lane === null ? this.engine.backend.name : lane.backend.name,
        groupName,
        input.fd,
        input.path,
        request.problem !== undefined
      )
    )
  }

  trying(): void {
    this.triedAt = performance.now()
  }

  tried(entry: Entry<any, any>, input: any, result: number): void {
    this.triedUntil = performance.now()
    this.triedEntry = entry
    this.triedInput = input
    this.triedResult = result
  }

  inlineEnded(): void {
    const { engine, group, triedAt, triedEntry, triedInput, triedResult, triedUntil } = this
    const { fd, path } = triedInput
    const bytes = triedResult > 0 && isTransfer(triedEntry!) ? triedResult : 0
    const { name } = engine.backend
    const operation = triedEntry!.name
    const at = this.stamp(triedAt, triedAt, triedUntil)
    this.add(new Ended(operation, triedResult, bytes, this.stamps, at, true, 0, name, group, fd, path, false))
    // It keeps nobody's buffer.
    this.triedInput = undefined
  }

  /** Where they stand among the times of this turn. */
  private stamp(submitted: number, started: number, ended: number): number {
    return this.stamps.push(submitted, started, ended) - 3
  }

  private add(event: Completion): void {
    this.events.push(event)
    // At the end of this turn it is handed over, or of one that is asked for.
    if (this.events.length === 1 && !this.engine.isInTurn) this.engine.wake()
  }

  endTurn(): void {
    if (this.events.length === 0) return
    const { events } = this
    this.events = []
    this.stamps = []
    for (const listener of this.listeners) listener.push(events)
  }

  end(): void {
    this.endTurn()
    for (const listener of this.listeners) listener.end()
  }
}
