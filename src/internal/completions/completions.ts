/**
 * Completions as events: collected during a turn of the event loop, and handed over at its end.
 *
 * Times are kept here, in a table of the requests under way, and only while somebody listens. Requests that were submitted before that
 * are not known here, and not told of.
 */
import { isTransfer } from "../batch/transfers.ts"
import type { Engine } from "../engine/engine.ts"
import type { Observer } from "../engine/observer.ts"
import { QUEUED, type Request } from "../engine/request.ts"
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
  /** When the last try began and ended, and what of. */
  private triedAt = 0
  private triedUntil = 0
  private triedEntry: Entry<any, any> | undefined
  private triedInput: any
  private triedResult = 0
  /** The group for which operations are being tried. */
  group: string | undefined

  constructor(private readonly engine: Engine) {}

  /** The observer of an engine, which is there from the first listener to the last. */
  static listen(engine: Engine, listener: Listener): () => void {
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
    const { submitted } = times
    const started = times.started < 0 ? now : times.started
    const { entry, groupName, input, lane, priority, result } = request
    this.add({
      operation: entry.name,
      result: result >= 0 ? result : undefined,
      error: result >= 0 ? undefined : request.problem === undefined ? errnoName(-result) : "AioBadArgument",
      bytes: result > 0 && isTransfer(entry) ? result : 0,
      submitted: performance.timeOrigin + submitted,
      queued: started - submitted,
      executing: now - started,
      total: now - submitted,
      inline: request.state === QUEUED && result >= 0,
      priority,
      backend: lane === null ? this.engine.backend.name : lane.backend.name,
      group: groupName,
      fd: input.fd,
      path: input.path
    })
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
    const { triedAt, triedEntry, triedInput, triedResult, triedUntil } = this
    const took = triedUntil - triedAt
    this.add({
      operation: triedEntry!.name,
      result: triedResult >= 0 ? triedResult : undefined,
      error: triedResult >= 0 ? undefined : errnoName(-triedResult),
      bytes: triedResult > 0 && isTransfer(triedEntry!) ? triedResult : 0,
      submitted: performance.timeOrigin + triedAt,
      queued: 0,
      executing: took,
      total: took,
      inline: true,
      priority: 0,
      backend: this.engine.backend.name,
      group: this.group,
      fd: triedInput.fd,
      path: triedInput.path
    })
    // It keeps nobody's buffer.
    this.triedInput = undefined
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
    for (const listener of this.listeners) listener.push(events)
  }

  end(): void {
    this.endTurn()
    for (const listener of this.listeners) listener.end()
  }
}
