/**
 * Groups: requests that belong together, start as there is room, and end together. What IO::AIO calls `aio_group`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { NodeInspectSymbol } from "effect/Inspectable"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { AioBadArgument, type AioFailure } from "./AioError.ts"
import type { Result } from "./AioOperation.ts"
import {
  checkCount,
  checkFunction,
  checkIterable,
  checkWord,
  hasMark,
  withArguments
} from "./internal/effect/arguments.ts"
import { completing, resultsOf } from "./internal/effect/completionStream.ts"
import { exitOf } from "./internal/effect/exits.ts"
import { endOf, HandleImpl, until } from "./internal/effect/groupHandle.ts"
import type { AioOperation, OperationExit } from "./internal/effect/publicOperation.ts"
import { type Aio, currentEngine } from "./internal/effect/service.ts"
import { submitContextOf } from "./internal/effect/submitContext.ts"
import { startTimer } from "./internal/effect/timer.ts"
import { BadArgument, iteratorOf, nextOf, show } from "./internal/engine/arguments.ts"
import type { Failed } from "./internal/engine/failed.ts"
import { checkOperation, type Operation } from "./internal/engine/operation.ts"
import { optionsReader } from "./internal/engine/options.ts"
import type { Complete } from "./internal/task/completionBuffer.ts"
import { cancelledWith, Feed, type Summary } from "./internal/task/feed.ts"
import { Group } from "./internal/task/group.ts"
import type { Clock } from "./internal/task/rateQueue.ts"
import type { SubmitContext } from "./internal/task/submitContext.ts"
import { bucketsOf } from "./internal/task/throttle.ts"

export type { Summary }

/**
 * What marks a group.
 *
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("effect-aio/AioGroup")

/**
 * The type of the mark.
 *
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * The limits and rates of a group, and what a failure does to it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Told by `AioEvents.completions`, to tell groups apart. */
  readonly name?: string | undefined
  /** Requests in flight at once, those of groups within it included. 0 holds everything back. Default: no limit. */
  readonly limit?: number | undefined
  /** Whether the first failure cancels everything else (`"cancel"`, the default), or is only that request's own. */
  readonly onFailure?: "cancel" | "continue" | undefined
  /** Requests started in a second, at most. A tenth of it may start at once. By Effect's Clock. */
  readonly requestsPerSecond?: number | undefined
  /**
   * Bytes that transfers started in a second may move, at most. One larger than a tenth of it is made up for afterwards. Each counts as
   * large as its buffer until it has ended, and then what it has moved.
   */
  readonly bytesPerSecond?: number | undefined
}

/**
 * A request that was added to a group.
 *
 * @since 0.1.0
 * @category models
 */
export interface Handle<out A> {
  readonly operation: AioOperation<A>
  /** Its result, when it is there. Interrupting the wait does not cancel the request: it is the group's. */
  readonly result: Effect.Effect<A, AioFailure>
  /** How it ended, if it has. */
  readonly poll: Effect.Effect<Option.Option<Exit.Exit<A, AioFailure>>>
  /** Cancels it, and waits for its end. That is no failure of the group. */
  readonly cancel: Effect.Effect<void>
}

/**
 * The handle of each operation of a list, in its place.
 *
 * @since 0.1.0
 * @category models
 */
export type Handles<Operations extends ReadonlyArray<AioOperation<any>>> = {
  readonly [Index in keyof Operations]: Handle<Result<Operations[Index]>>
}

/**
 * Where the requests of a group are.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  /** Added, and held back by a limit or a rate. */
  readonly waiting: number
  readonly inFlight: number
  readonly ended: number
  /** Of those, not with success. */
  readonly failed: number
}

/**
 * Who is told of the ends of a feed.
 *
 * @since 0.1.0
 * @category models
 */
export interface FeedOptions<in A> {
  /** Told of each end, from within the event loop's turn: it should only take note. What it throws is the feed's defect, and ends it. */
  readonly onExit?: ((ended: OperationExit<A>) => void) | undefined
}

/**
 * Requests that belong together. It lives in a Scope: when that closes, what has not ended is cancelled and waited for, and
 * descriptors that nobody has got, from a handle or from `results`, are closed. A handle that is asked for one afterwards gives
 * ECANCELED.
 *
 * @since 0.1.0
 * @category models
 */
export interface AioGroup {
  readonly [TypeId]: TypeId
  readonly name: string | undefined
  /** Adds a request, with the priority of the fiber. It starts when there is room. */
  readonly add: <A>(operation: AioOperation<A>) => Effect.Effect<Handle<A>, AioBadArgument>
  /** Adds several. Of an array each handle has the type of the operation in its place. */
  readonly addAll: {
    <const Operations extends ReadonlyArray<AioOperation<any>>>(
      operations: Operations
    ): Effect.Effect<Handles<Operations>, AioBadArgument>
    <Op extends AioOperation<any>>(
      operations: Iterable<Op>
    ): Effect.Effect<ReadonlyArray<Handle<Result<Op>>>, AioBadArgument>
  }
  /**
   * Runs all operations of an iterable or a Stream, pulled as there is room, and waits for all. They leave nothing behind: with a
   * limit, memory is the same for a thousand and for a million. Interruption cancels what is under way of them. Without a limit an
   * iterable is read to its end at once. Descriptors that they open are closed unless `onExit` or `results` takes them.
   */
  readonly feed: <Op extends AioOperation<any>, E = never, R = never>(
    operations: Iterable<Op> | Stream.Stream<Op, E, R>,
    options?: FeedOptions<Result<Op>>
  ) => Effect.Effect<Summary, E | AioFailure, R>
  /**
   * The ends of all members from now on, as they come, until the group is done. While 1024 of them wait for the consumer, nothing
   * more is started. A descriptor comes as a chunk of its own.
   */
  readonly results: Stream.Stream<OperationExit<unknown>>
  /** A group within this one: it is held to the limits of both, ends with this one, and its failure is this one's. */
  readonly group: (options?: Options) => Effect.Effect<AioGroup, AioBadArgument>
  /** Requests in flight at once. */
  readonly limit: Effect.Effect<number>
  readonly setLimit: (limit: number) => Effect.Effect<void, AioBadArgument>
  readonly stats: Effect.Effect<Stats>
  /** Cancels all that is in it, feeds and groups within included, and waits for it. More may be added afterwards. */
  readonly cancel: Effect.Effect<void>
  /** Nothing more will be added. `done` waits for this. */
  readonly seal: Effect.Effect<void>
  /**
   * Waits until the group is sealed and everything in it has ended, groups within included. Fails with its first failure, sealed or
   * not. Counts its own requests, feeds included, not those of groups within.
   */
  readonly done: Effect.Effect<Summary, AioFailure>
}

const refused = (operation: string, description: string): Effect.Effect<never, AioBadArgument> =>
  Effect.fail(new AioBadArgument({ operation, argument: "group", description }))

class GroupImpl implements AioGroup {
  readonly [TypeId]: TypeId = TypeId
  readonly results: Stream.Stream<OperationExit<unknown>>

  constructor(
    private readonly core: Group,
    private readonly clock: Clock
  ) {
    this.results = resultsOf(core)
  }

  toJSON(): unknown {
    return { _id: "AioGroup", name: this.core.name, ...this.core.counts }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  get name(): string | undefined {
    return this.core.name
  }

  /** Whether there may be more, then what adds it. */
  private whileOpen<A, E, R>(
    operation: string,
    use: (context: SubmitContext) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | AioBadArgument, R> {
    return Effect.withFiberRuntime((fiber): Effect.Effect<A, E | AioBadArgument, R> => {
      const description = this.core.refusal
      return description === undefined ? use(submitContextOf(this.core.engine, fiber)) : refused(operation, description)
    })
  }

  add<A>(operation: AioOperation<A>): Effect.Effect<Handle<A>, AioBadArgument> {
    return withArguments(
      "add",
      () => checkOperation(operation),
      (described) => this.addOne<A>(described)
    )
  }

  private addOne<A>(operation: Operation<A>): Effect.Effect<Handle<A>, AioBadArgument> {
    return this.whileOpen("add", (context) => {
      const member = this.core.add(operation, context)
      this.core.pump()
      return Effect.succeed(new HandleImpl<A>(this.core, member))
    })
  }

  addAll(operations: Iterable<AioOperation<any>>): Effect.Effect<any, AioBadArgument> {
    return withArguments(
      "addAll",
      () => {
        checkIterable(operations)
        // Before any is added: the iterable may throw, and may run anything, the end of this group included.
        const iterator = iteratorOf(operations)
        const all: Array<Operation<any>> = []
        for (let next = nextOf(iterator); next.done !== true; next = nextOf(iterator)) {
          try {
            all.push(checkOperation(next.value))
          } catch (problem) {
            iterator.return?.()
            throw problem
          }
        }
        return all
      },
      (all) =>
        this.whileOpen("addAll", (context) => {
          const handles = all.map((operation) => new HandleImpl<any>(this.core, this.core.add(operation, context)))
          this.core.pump()
          return Effect.succeed(handles)
        })
    )
  }

  feed<Op extends AioOperation<any>, E, R>(
    operations: Iterable<Op> | Stream.Stream<Op, E, R>,
    options?: FeedOptions<Result<Op>>
  ): Effect.Effect<Summary, E | AioFailure, R> {
    return withArguments(
      "feed",
      () => {
        const { onExit } = feedOptions(options)
        if (onExit !== undefined) checkFunction("onExit", onExit)
        const isStream = hasMark(operations, Stream.StreamTypeId)
        if (!isStream) checkIterable(operations)
        return { isStream, onExit }
      },
      ({ isStream, onExit }) => this.feedFrom(operations, isStream, onExit)
    )
  }

  private feedFrom<Op extends AioOperation<any>, E, R>(
    operations: Iterable<Op> | Stream.Stream<Op, E, R>,
    isStream: boolean,
    onExit: FeedOptions<Result<Op>>["onExit"]
  ): Effect.Effect<Summary, E | AioFailure, R> {
    const { core } = this
    return Effect.acquireUseRelease(
      withArguments(
        "feed",
        () => (isStream ? undefined : iteratorOf(operations as Iterable<Op>)),
        (iterator) =>
          // The look and the addition in one step: the fiber may yield between two, and the group be closed.
          this.whileOpen("feed", (context) => {
            const completed = completing(core.engine)
            const told: Complete<void> | undefined =
              onExit && ((index, operation, end) => onExit(completed(index, operation, end)))
            const feed = new Feed(context, iterator, told)
            core.addFeed(feed)
            return Effect.succeed(feed)
          })
      ),
      (feed): Effect.Effect<Summary, E | AioFailure, R> => {
        const ended = Effect.flatMap(
          until((done) => (feed.hasEnded ? done() : feed.whenEnded(done))),
          () => exitOf(core.engine, feed.result as Summary | Failed)
        )
        // A Stream may wait for ever while the feed ends with its group.
        return isStream ? Effect.raceFirst(this.pushAll(feed, operations as Stream.Stream<Op, E, R>), ended) : ended
      },
      (feed) => Effect.uninterruptible(until((done) => core.cancelFeed(feed, cancelledWith("feed"), done)))
    )
  }

  /** Hands over a Stream's operations as they come. */
  private pushAll<E, R>(feed: Feed, operations: Stream.Stream<AioOperation<any>, E, R>) {
    const { core } = this
    return Stream.runForEachChunk(operations, (chunk) =>
      Effect.async<void, AioFailure>((resume) =>
        feed.offer(
          [...chunk],
          () => core.pump(),
          (failure) => resume(failure === undefined ? Effect.void : Effect.asVoid(exitOf<never>(core.engine, failure)))
        )
      )
    ).pipe(Effect.zipRight(Effect.sync(() => core.finishFeed(feed))), Effect.zipRight(Effect.never))
  }

  group(options?: Options): Effect.Effect<AioGroup, AioBadArgument> {
    return makeIn(this.core.engine, this.clock, options, this.core)
  }

  get limit(): Effect.Effect<number> {
    return Effect.sync(() => this.core.limit)
  }

  setLimit(limit: number): Effect.Effect<void, AioBadArgument> {
    return withArguments(
      "setLimit",
      () => checkCount("limit", limit ?? Number.NaN, 0)!,
      (limit) =>
        Effect.sync(() => {
          this.core.limit = limit
          this.core.pumpTree()
        })
    )
  }

  get stats(): Effect.Effect<Stats> {
    return Effect.sync(() => this.core.counts)
  }

  get cancel(): Effect.Effect<void> {
    return Effect.uninterruptible(until((done) => this.core.cancelAll(cancelledWith("cancel"), done)))
  }

  get seal(): Effect.Effect<void> {
    return Effect.sync(() => this.core.seal())
  }

  /** For the end of its Scope. */
  get close(): Effect.Effect<void> {
    return until((done) => this.core.close(done))
  }

  get done(): Effect.Effect<Summary, AioFailure> {
    return Effect.flatMap(endOf(this.core), () => {
      const { engine, failed, failure, requests } = this.core
      return exitOf<Summary>(engine, failure ?? { requests, failed })
    })
  }
}

const feedOptions = optionsReader<FeedOptions<any>>({ onExit: true })

const readOptions = optionsReader<Options>({
  name: true,
  limit: true,
  onFailure: true,
  requestsPerSecond: true,
  bytesPerSecond: true
})

/** Above 0: nothing would ever start. Throws `BadArgument`. */
const checkRate = (argument: string, value: number | undefined): void => {
  if (value === undefined || (typeof value === "number" && value > 0)) return
  throw new BadArgument(argument, `must be a number above 0, not ${show(value)}`)
}

/** Options that have been read, and checked. Throws `BadArgument`. */
const checked = (options: Options | undefined): Options & { readonly limit: number } => {
  const given = readOptions(options)
  const { name } = given
  if (name !== undefined && typeof name !== "string") {
    throw new BadArgument("name", `must be a string, not ${show(name)}`)
  }
  checkRate("bytesPerSecond", given.bytesPerSecond)
  checkRate("requestsPerSecond", given.requestsPerSecond)
  const onFailure = checkWord("onFailure", given.onFailure ?? "cancel", ["cancel", "continue"])
  const limit = checkCount("limit", given.limit, 0) ?? Number.POSITIVE_INFINITY
  return { ...given, limit, onFailure }
}

const makeIn = (
  engine: Group["engine"],
  clock: Clock,
  options: Options | undefined,
  parent: Group | undefined
): Effect.Effect<GroupImpl, AioBadArgument> =>
  withArguments(
    "group",
    () => checked(options),
    (options): Effect.Effect<GroupImpl, AioBadArgument> => {
      // The look and the addition in one step: a group within one that is closed would never end.
      if (parent?.refusal !== undefined) return refused("group", parent.refusal)
      const { limit, name, onFailure } = options
      const buckets = bucketsOf(options, clock.now())
      const continues = onFailure === "continue"
      const core = new Group(engine, clock, { name, limit, continues, buckets }, parent)
      return Effect.succeed(new GroupImpl(core, clock))
    }
  )

/** What a timer of Node's can hold: longer ones would never fire. */
const LONGEST_SLEEP = 2 ** 31 - 1

/** Time as the program has it, so that a TestClock holds for rates. */
const clockHere: Effect.Effect<Clock> = Effect.map(
  Effect.all([Effect.clock, Effect.runtime<never>()]),
  ([clock, runtime]) => ({
    now: () => clock.unsafeCurrentTimeMillis(),
    sleep: (milliseconds, wake) =>
      startTimer(clock, runtime, Duration.millis(Math.min(Math.ceil(milliseconds), LONGEST_SLEEP)), wake)
  })
)

/**
 * Makes a group in a Scope.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * import { Effect } from "effect"
 * import { AioGroup, AioOperation } from "effect-aio"
 *
 * const total = (paths: Iterable<string>) =>
 *   Effect.scoped(Effect.gen(function*() {
 *     const group = yield* AioGroup.make({ limit: 64 })
 *     let bytes = 0
 *     yield* group.feed(Array.from(paths, (path) => AioOperation.stat(path)), {
 *       onExit: ({ exit }) => {
 *         if (exit._tag === "Success") bytes += Number(exit.value.size)
 *       }
 *     })
 *     return bytes
 *   }))
 */
export const make = (options?: Options): Effect.Effect<AioGroup, AioBadArgument, Aio | Scope.Scope> =>
  Effect.flatMap(Effect.all([currentEngine, clockHere]), ([engine, clock]) =>
    Effect.acquireRelease(makeIn(engine, clock, options, undefined), (group) => group.close)
  )
