/**
 * Completions as events: collected during a turn of the event loop, and handed over at its end.
 *
 * Times are kept only while there are listeners. Requests that were submitted before are not known here, and not told.
 */
import { NodeInspectSymbol } from "effect/Inspectable"
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import type { Observer } from "../engine/observer.ts"
import type { Entry } from "../engine/operation.ts"
import { IN_FLIGHT, type Request } from "../engine/request.ts"
import { type Code, errnoName } from "../native/errno.ts"
import { now, timeOrigin } from "../native/loop.ts"
import { RequestTimes } from "./requestTimes.ts"

/**
 * The end of a request.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompletionEvent {
  /** Name of the operation: `"read"`, `"open"`, ... */
  readonly operation: string
  /** What the system call returned, or `undefined` where it failed. */
  readonly result: number | undefined
  /** The error's code, such as `"ENOENT"`, or `undefined` where there was none. `"AioBadArgument"`: the request never reached a kernel. */
  readonly error: Code | "AioBadArgument" | undefined
  /** Bytes that a transfer moved; 0 for everything else. */
  readonly bytes: number
  /** When it was submitted: milliseconds since 1970, with fractions. */
  readonly submitted: number
  /** Milliseconds until a backend took it over. */
  readonly queued: number
  /** Milliseconds from when a backend took it over to its completion. */
  readonly executing: number
  /** Milliseconds from the submission to the completion. */
  readonly total: number
  /** It was finished without waiting. */
  readonly inline: boolean
  /** -4 (last) to 4 (first); 0 for an operation that was finished at once, without a request. */
  readonly priority: number
  /** The mechanism: `"io_uring"`, `"threads"`, ... */
  readonly backend: string
  /** The name of its `AioGroup`, if it has one. */
  readonly group: string | undefined
  readonly fd: number | undefined
  /** What it was for, or what its file was opened by. */
  readonly path: Path | undefined
}

/** The fields that many requests have in common: an event only refers to them, and so is small. */
interface Kind {
  readonly entry: Entry<any, any>
  /** Its result is a number of bytes. */
  readonly isTransfer: boolean
  readonly inline: boolean
  readonly priority: number
  readonly backend: string
  readonly group: string | undefined
  readonly refused: boolean
}

/**
 * Times are kept as they were taken, for all events of a turn in one array. In objects, the three numbers of an event would be four
 * objects, and half of the price of an event was the collector's.
 */
class Ended implements CompletionEvent {
  constructor(
    private readonly kind: Kind,
    private readonly returned: number,
    /** Index of the submission's time; those of the start and the end follow. */
    private readonly times: ReadonlyArray<number>,
    private readonly at: number,
    readonly fd: number | undefined,
    readonly path: Path | undefined
  ) {}

  get operation(): string {
    return this.kind.entry.name
  }

  get bytes(): number {
    return this.returned > 0 && this.kind.isTransfer ? this.returned : 0
  }

  get inline(): boolean {
    return this.kind.inline
  }

  get priority(): number {
    return this.kind.priority
  }

  get backend(): string {
    return this.kind.backend
  }

  get group(): string | undefined {
    return this.kind.group
  }

  get result(): number | undefined {
    return this.returned >= 0 ? this.returned : undefined
  }

  get error(): CompletionEvent["error"] {
    return this.returned >= 0 ? undefined : this.kind.refused ? "AioBadArgument" : errnoName(-this.returned)
  }

  get submitted(): number {
    return timeOrigin + this.times[this.at]
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

  toJSON(): CompletionEvent {
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
  /** Events that the listener has room for. More are told only to a listener that drops events. */
  readonly room: number
  push(events: ReadonlyArray<CompletionEvent>): void
  end(): void
}

/** For an open file: the operation that opened it. */
const pathOf = ({ file, path }: any): Path | undefined => path ?? file?.path

/** Requests that share one look at the clock, when they are handed over or come back one right after the other. */
const SHARE = 16

export class Completions implements Observer {
  private readonly listeners = new Set<Listener>()
  private readonly times = new RequestTimes()
  /** Requests that have been asked to end and have not ended yet. */
  private readonly ending = new Set<Request>()
  private events: Array<CompletionEvent> = []
  /** When requests were submitted and started. */
  private stamps: Array<number> = []
  /** When the latest try began and ended, and its operation. */
  private triedAt = 0
  private triedUntil = 0
  private triedEntry: Entry<any, any> | undefined
  private triedInput: any
  private triedResult = 0
  /** The latest common fields for each operation: of tries, and of requests. */
  private readonly inlineKinds = new Map<Entry<any, any>, Kind>()
  private readonly kinds = new Map<Entry<any, any>, Kind>()
  /** The latest look at the clock, and how many more requests may share it. */
  private latest = 0
  private shares = 0
  /** The group for which operations are being tried. */
  group: string | undefined

  constructor(private readonly engine: Engine) {
    // Requests that were asked to end before there was an observer.
    engine.forEachOutstanding((request) => {
      if (request.cancelled) this.ending.add(request)
    })
  }

  /** The observer of an engine. It exists from the first listener to the last. */
  static listen(engine: Engine, listener: Listener): () => void {
    if (engine.ended) {
      listener.end()
      return () => {}
    }
    if (!(engine.observer instanceof Completions)) engine.observer = new Completions(engine)
    const observer = engine.observer as Completions
    // Ends of this turn are for the listeners that were there, also for the one that leaves now.
    observer.endTurn()
    observer.listeners.add(listener)
    engine.resume()
    return () => {
      observer.endTurn()
      observer.listeners.delete(listener)
      if (observer.listeners.size === 0 && engine.observer === observer) observer.stop()
      engine.resume()
    }
  }

  get room(): number {
    // More is told then than there is room for. Nothing is lost by that.
    if (this.ending.size > 0) return Number.POSITIVE_INFINITY
    let room = Number.POSITIVE_INFINITY
    for (const listener of this.listeners) room = Math.min(room, listener.room)
    return Math.max(0, room - this.events.length)
  }

  private stop(): void {
    this.engine.observer = null
    this.times.clear()
  }

  private get now(): number {
    this.latest = now()
    return this.latest
  }

  /** The time for requests that are handled one right after the other. Never earlier than the time told before. */
  private get nearlyNow(): number {
    if (this.shares-- > 0 && this.engine.isInTurn) return this.latest
    this.shares = SHARE - 1
    return this.now
  }

  beginRow(): void {
    this.shares = 0
  }

  submitted(request: Request): void {
    this.times.add(request, this.now)
  }

  started(request: Request): void {
    if (request.place >= 0) this.times.start(request, this.nearlyNow)
  }

  cancelled(request: Request): void {
    this.ending.add(request)
  }

  settled(request: Request): void {
    if (this.ending.size > 0) this.ending.delete(request)
    if (request.place < 0) return
    const { times } = this
    const { entry, groupName, input, lane, priority, reported, result } = request
    const submitted = times.submitted(request)
    const started = times.started(request)
    times.remove(request)
    const now = this.nearlyNow
    // The request was tried when it left the queue: no backend has had it.
    const inline = request.state !== IN_FLIGHT && result >= 0
    if (inline) this.triedInput = undefined
    const backend = lane === null ? this.engine.backend.name : lane.backend.name
    const kind = this.kindOf(this.kinds, entry, inline, priority, backend, groupName, request.problem !== undefined)
    const at = this.stamp(submitted, started < 0 ? now : started, now)
    this.add(new Ended(kind, reported, this.stamps, at, input.fd, pathOf(input)))
  }

  trying(): void {
    this.triedAt = this.now
  }

  tried(entry: Entry<any, any>, input: any, result: number): void {
    this.triedUntil = this.now
    this.triedEntry = entry
    this.triedInput = input
    this.triedResult = result
  }

  inlineEnded(): void {
    const { engine, group, inlineKinds, triedAt, triedInput, triedResult, triedUntil } = this
    const kind = this.kindOf(inlineKinds, this.triedEntry!, true, 0, engine.backend.name, group, false)
    const at = this.stamp(triedAt, triedAt, triedUntil)
    this.add(new Ended(kind, triedResult, this.stamps, at, triedInput.fd, pathOf(triedInput)))
    // The event must not keep the program's buffer in memory.
    this.triedInput = undefined
  }

  private kindOf(
    known: Map<Entry<any, any>, Kind>,
    entry: Entry<any, any>,
    inline: boolean,
    priority: number,
    backend: string,
    group: string | undefined,
    refused: boolean
  ): Kind {
    const kind = known.get(entry)
    if (
      kind !== undefined &&
      kind.inline === inline &&
      kind.priority === priority &&
      kind.backend === backend &&
      kind.group === group &&
      kind.refused === refused
    )
      return kind
    const another = { entry, isTransfer: entry.moves !== undefined, inline, priority, backend, group, refused }
    known.set(entry, another)
    return another
  }

  /** The index of its times among those of this turn. */
  private stamp(submitted: number, started: number, ended: number): number {
    return this.stamps.push(submitted, started, ended) - 3
  }

  private add(event: CompletionEvent): void {
    this.events.push(event)
    // The events are handed over at the end of this turn, or of a turn that is asked for.
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
