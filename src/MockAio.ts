/**
 * A backend in memory, for tests: a file system that needs no disk, takes as long as the test's clock says, fails when it is told to,
 * and loses power. Every operation is there, with the results and errors of Linux; it works on any platform.
 *
 * `docs/testing.md` shows how to use it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { AioBadArgument, AioError, type AioFailure, type AioUnavailable } from "./AioError.ts"
import { MockBackend, type Timer } from "./internal/backend/mock/backend.ts"
import { type Code, Failure } from "./internal/backend/mock/failure.ts"
import type { Effects, Fault, Filter } from "./internal/backend/mock/faults.ts"
import type { JournalEntry } from "./internal/backend/mock/journal.ts"
import type { OperationName } from "./internal/backend/mock/operations.ts"
import { SEEDS } from "./internal/backend/mock/random.ts"
import { Unavailable } from "./internal/backend/unavailable.ts"
import { checkCount, withArguments } from "./internal/effect/arguments.ts"
import { type EngineOptions, limitsFrom, makeService } from "./internal/effect/layer.ts"
import {
  checkedSettings,
  faultFrom,
  faultsFrom,
  filesFrom,
  readSettings,
  settingsKeys
} from "./internal/effect/mockOptions.ts"
import {
  type Cancellations,
  cancelsAtOnceFrom,
  type Latency,
  latencyFrom,
  timerOf
} from "./internal/effect/mockTime.ts"
import { Aio, type AioService, engineOf } from "./internal/effect/service.ts"
import { BadArgument, checkPath, checkUint32, type Path, show } from "./internal/engine/arguments.ts"
import type { Backend, Host } from "./internal/engine/backend.ts"
import { checkBytes } from "./internal/engine/buffers.ts"
import type { Engine } from "./internal/engine/engine.ts"
import { optionsReader } from "./internal/engine/options.ts"
import { isBytes } from "./internal/native/views.ts"

export type { Cancellations, Code, Fault, Filter, JournalEntry, Latency, OperationName }

/**
 * What can also be changed while programs run, see `configure`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /**
   * How long a request takes, by the Clock that the Layer was built with: under `TestClock`, until `TestClock.adjust`. A duration, one
   * for each operation, or a function of the request. Default: none; a request is complete in the next turn of the event loop.
   */
  readonly latency?: Latency | undefined
  /**
   * What becomes of a request that is cancelled while it takes its time: it ends at once (`"immediate"`, the default), or it is waited
   * for (`"completion"`), as on a real disk. One for all, or by operation.
   */
  readonly cancellation?: Cancellations | undefined
  /** Bytes of the disk, in pages of 4096; beyond them ENOSPC. Default 4 GiB. */
  readonly capacity?: number | undefined
  /** As RLIMIT_NOFILE: the numbers of descriptors are below it, and 0 to 2 are taken. Beyond it EMFILE. Default 1048576. */
  readonly maxDescriptors?: number | undefined
  /** Bytes that a file may have; beyond them EFBIG. Default 16 TiB, less a page, as on ext4. */
  readonly maxFileSize?: number | undefined
  /** Who makes the requests. Default: root, who may do anything. */
  readonly user?:
    | { readonly uid: number; readonly gid: number; readonly groups?: ReadonlyArray<number> | undefined }
    | undefined
  /** Default 0o022. */
  readonly umask?: number | undefined
}

/**
 * The machine, its disk, and what is left to chance.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Settings, Omit<EngineOptions, "inline"> {
  /** Of everything that is left to chance, from 0 to 2^32 - 1. Default: another one each time; `seed` tells which. */
  readonly seed?: number | undefined
  /** What is on the disk, by absolute path: text, bytes, or `null` for a directory. `/tmp` is always there. */
  readonly files?: Readonly<Record<string, string | Uint8Array | null>> | undefined
  /** What goes wrong. */
  readonly faults?: ReadonlyArray<Fault> | undefined
  /** Entries that the journal keeps. Default 100000. */
  readonly journal?: number | undefined
}

/**
 * The machine behind the mock.
 *
 * @since 0.1.0
 * @category models
 */
export interface MockAioService {
  /** What everything that is left to chance comes from. */
  readonly seed: number
  /** @internal */
  readonly backend: MockBackend
}

/**
 * The controls of the mock, beside `Aio`.
 *
 * @since 0.1.0
 * @category context
 */
export class MockAio extends Context.Tag("effect-aio/MockAio")<MockAio, MockAioService>() {}

const MAX_FILE_SIZE = 2 ** 44 - 4096

const fill = (backend: MockBackend, files: Checked["files"]): void => {
  for (const [path, content] of files) {
    const end = attempt("files", path, () => putInto(backend, path, content))
    if (Either.isRight(end)) continue
    throw new Unavailable("mock", end.left.message, "Correct the options of the Layer.", undefined)
  }
}

const bytesOf = (content: string | Uint8Array): Uint8Array => {
  if (typeof content === "string") return Buffer.from(content)
  if (isBytes(content)) return checkBytes(content, "content")
  throw new BadArgument("content", `must be text, bytes or null, not ${show(content)}`)
}

const putInto = ({ machine }: MockBackend, path: Path, content: string | Uint8Array | null): void =>
  machine.put(path, content === null ? undefined : bytesOf(content))

/** What a call of the machine throws is an error number, or what is wrong with an argument. All else is thrown on. */
const attempt = <A>(operation: string, path: Path, call: () => A): Either.Either<A, AioFailure> => {
  try {
    checkPath(path)
    return Either.right(call())
  } catch (problem) {
    if (problem instanceof Failure) return Either.left(AioError.fromErrno(problem.errno, operation, { path }))
    if (!(problem instanceof BadArgument)) throw problem
    const { argument, description } = problem
    return Either.left(new AioBadArgument({ operation, argument, description }))
  }
}

const readOptions = optionsReader<Options>({
  ...settingsKeys,
  maxPollRequests: true,
  maxPollTime: true,
  maxOutstanding: true,
  seed: true,
  files: true,
  faults: true,
  journal: true
})

/** Throws `BadArgument`. */
const checked = (options: Options | undefined) => {
  const given = readOptions(options)
  return {
    settings: checkedSettings(given),
    limits: limitsFrom({ ...given, inline: false }),
    seed: (checkCount("seed", given.seed, 0) ?? Math.floor(Math.random() * SEEDS)) >>> 0,
    files: filesFrom(given.files),
    faults: faultsFrom(given.faults),
    journal: checkCount("journal", given.journal, 1) ?? 100_000
  }
}

type Checked = ReturnType<typeof checked>

const open = (
  host: Host,
  { faults, files, journal, seed, settings }: Checked,
  timer: Timer
): ReadonlyArray<Backend> => {
  const backend = new MockBackend(host, {
    timer,
    latency: settings.latency ?? latencyFrom(0),
    cancelsAtOnce: settings.cancelsAtOnce ?? cancelsAtOnceFrom("immediate"),
    journal,
    capacity: settings.capacity ?? 4 * 2 ** 30,
    maxDescriptors: settings.maxDescriptors ?? 1_048_576,
    maxFileSize: settings.maxFileSize ?? MAX_FILE_SIZE,
    umask: settings.umask ?? 0o022,
    user: settings.user ?? { uid: 0, gid: 0, groups: [] },
    seed
  })
  for (const fault of faults) backend.faults.add(fault)
  fill(backend, files)
  return [backend]
}

/** Time passes as the Clock says that the Layer is built with. */
const timer: Effect.Effect<Timer> = Effect.zipWith(Effect.clock, Effect.runtime<never>(), timerOf)

const backendOf = (engine: Engine): MockBackend => engine.backend as MockBackend

/**
 * The services in a Scope. Closing the Scope cancels what is outstanding and waits for it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options?: Options
): Effect.Effect<{ readonly aio: AioService; readonly mock: MockAioService }, AioUnavailable, Scope.Scope> =>
  Effect.flatMap(timer, (timer) =>
    Effect.map(
      makeService(
        "mock",
        () => checked(options),
        (host, given) => open(host, given, timer)
      ),
      (aio) => {
        const backend = backendOf(engineOf(aio))
        return { aio, mock: { seed: backend.options.seed, backend } }
      }
    )
  )

/**
 * `Aio` in memory, and the controls of it.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * import { Effect } from "effect"
 * import { AioFile, MockAio } from "effect-aio"
 *
 * const program = Effect.gen(function*() {
 *   yield* MockAio.fail("read", "EIO", { after: 1 })
 *   const file = yield* AioFile.open("/etc/motd")
 *   return yield* file.readAlloc(4096)
 * }).pipe(Effect.scoped, Effect.provide(MockAio.layer({ files: { "/etc/motd": "hello" } })))
 */
export const layer = (options?: Options): Layer.Layer<Aio | MockAio, AioUnavailable> =>
  Layer.scopedContext(Effect.map(make(options), ({ aio, mock }) => Context.add(Context.make(Aio, aio), MockAio, mock)))

const withBackend = <A>(use: (backend: MockBackend) => A): Effect.Effect<A, never, MockAio> =>
  Effect.map(MockAio, ({ backend }) => use(backend))

/**
 * The seed of the Layer: given to `layer`, it makes the same happen again.
 *
 * @since 0.1.0
 * @category introspection
 */
export const seed: Effect.Effect<number, never, MockAio> = Effect.map(MockAio, (mock) => mock.seed)

/**
 * Changes settings while programs run. `latency` holds for requests made from then on.
 *
 * @since 0.1.0
 * @category controls
 */
export const configure = (changes: Settings): Effect.Effect<void, AioBadArgument, MockAio> =>
  withArguments(
    "configure",
    () => checkedSettings(readSettings(changes, "changes")),
    ({ cancelsAtOnce, capacity, latency, maxDescriptors, maxFileSize, umask, user }) =>
      withBackend(({ machine, options }) => {
        const { settings, space } = machine.fs
        if (latency !== undefined) options.latency = latency
        if (cancelsAtOnce !== undefined) options.cancelsAtOnce = cancelsAtOnce
        if (capacity !== undefined) space.pages = Math.floor(capacity / 4096)
        if (maxDescriptors !== undefined) machine.open.limit = maxDescriptors
        if (maxFileSize !== undefined) settings.maxFileSize = maxFileSize
        if (user !== undefined) settings.user = user
        if (umask !== undefined) settings.umask = umask
      })
  )

/**
 * Adds a rule for what goes wrong. The rules are asked in the order in which they were added; the first that applies counts.
 *
 * @since 0.1.0
 * @category faults
 */
export const inject = (fault: Fault): Effect.Effect<void, AioBadArgument, MockAio> => add(() => faultFrom(fault))

const add = (read: () => Fault): Effect.Effect<void, AioBadArgument, MockAio> =>
  withArguments("inject", read, (fault) => withBackend(({ faults }) => faults.add(fault)))

const readCondition = optionsReader<Condition>({ path: true, after: true, times: true, probability: true })

/** One rule of a kind, for the requests that `condition` says. */
const addFor = (operation: Which, condition: Condition | undefined, effects: Effects) =>
  add(() => faultFrom({ ...readCondition(condition, "condition"), ...effects, operation }))

type Condition = Omit<Filter, "operation">
type Which = Filter["operation"]

/**
 * Requests of an operation fail from now on, as `condition` says. A failed fsync(2) leaves the file as Linux does: what it was to write
 * is in memory, and no later fsync(2) writes it.
 *
 * @since 0.1.0
 * @category faults
 * @example
 * import { MockAio } from "effect-aio"
 *
 * const fourth = MockAio.fail("fsync", "EIO", { after: 3, times: 1, path: "/var/log/wal" })
 */
export const fail = (
  operation: Which,
  error: Code,
  condition?: Condition
): Effect.Effect<void, AioBadArgument, MockAio> => addFor(operation, condition, { error })

/**
 * Transfers move at most so many bytes. Of reads and copies at least 1, since 0 would be the end of the file; a write of 0 is what a
 * device answers that takes nothing.
 *
 * @since 0.1.0
 * @category faults
 */
export const short = (
  operation: Which,
  bytes: number,
  condition?: Condition
): Effect.Effect<void, AioBadArgument, MockAio> => addFor(operation, condition, { short: bytes })

/**
 * The disk hangs: requests (of one operation, or all but `close`) stay under way until `resume`, or until they are cancelled.
 *
 * @since 0.1.0
 * @category faults
 */
export const hang = (operation?: Which, condition?: Condition): Effect.Effect<void, AioBadArgument, MockAio> =>
  addFor(operation, condition, { hang: true })

/**
 * Ends every `hang`: what hung goes on.
 *
 * @since 0.1.0
 * @category faults
 */
export const resume: Effect.Effect<void, never, MockAio> = withBackend((backend) => {
  backend.faults.remove((fault) => fault.hang === true)
  backend.release()
})

/**
 * Nothing goes wrong any more. What hangs goes on.
 *
 * @since 0.1.0
 * @category faults
 */
export const heal: Effect.Effect<void, never, MockAio> = withBackend((backend) => {
  backend.faults.remove(() => true)
  backend.release()
})

/**
 * What a loss of power did.
 *
 * @since 0.1.0
 * @category models
 */
export interface Crash {
  /** Given to `crash`, it does the same to the same state. */
  readonly seed: number
  /** What was not on the disk, for people. */
  readonly lost: ReadonlyArray<string>
}

/**
 * Power is lost, and comes back. What was synced is there; what was not may be there, or not, or in part, as `seed` has it (default: by
 * the Layer's own). Requests under way end with EIO, and descriptors are invalid. docs/testing.md describes what may happen.
 *
 * @since 0.1.0
 * @category power
 */
export const crash = (options?: {
  readonly seed?: number | undefined
}): Effect.Effect<Crash, AioBadArgument, MockAio> =>
  withArguments(
    "crash",
    () => checkCount("seed", crashOptions(options).seed, 0),
    (given) =>
      withBackend((backend) => {
        const seed = given ?? backend.machine.random.integer(SEEDS)
        return { seed, lost: backend.crash(seed) }
      })
  )

const crashOptions = optionsReader<{ readonly seed?: number | undefined }>({ seed: true })

/**
 * The requests that the mock has taken over, oldest first; also those under way.
 *
 * @since 0.1.0
 * @category introspection
 */
export const journal: Effect.Effect<ReadonlyArray<JournalEntry>, never, MockAio> = withBackend(
  ({ journal }) => journal.entries
)

/**
 * Forgets the journal up to here.
 *
 * @since 0.1.0
 * @category introspection
 */
export const clearJournal: Effect.Effect<void, never, MockAio> = withBackend(({ journal }) => journal.clear())

/**
 * Everything below a directory, by relative path: the text of files, `-> target` of symbolic links, and directories with a slash behind
 * their names. No request is made, and no permission needed.
 *
 * @since 0.1.0
 * @category introspection
 */
export const tree = (path: Path = "/"): Effect.Effect<Record<string, string>, AioFailure, MockAio> =>
  Effect.flatMap(MockAio, ({ backend }) => attempt("tree", path, () => backend.machine.tree(path)))

/**
 * The bytes of a file, as programs see them now. No request is made.
 *
 * @since 0.1.0
 * @category introspection
 */
export const contentOf = (path: Path): Effect.Effect<Uint8Array, AioFailure, MockAio> =>
  Effect.flatMap(MockAio, ({ backend }) => attempt("contentOf", path, () => backend.machine.contentOf(path)))

/**
 * The descriptors that are open, and what they were opened with.
 *
 * @since 0.1.0
 * @category introspection
 */
export const descriptors: Effect.Effect<ReadonlyMap<number, string>, never, MockAio> = withBackend(
  ({ machine }) => machine.descriptors
)

/**
 * Puts text, bytes, or a directory (`null`) on the disk, with the directories above it. No request is made, and a crash does not undo it.
 *
 * @since 0.1.0
 * @category controls
 */
export const put = (path: Path, content: string | Uint8Array | null): Effect.Effect<void, AioFailure, MockAio> =>
  Effect.flatMap(MockAio, ({ backend }) => attempt("put", path, () => putInto(backend, path, content)))

/**
 * A new pipe: a descriptor to read from, and one to write to, both to be closed by the caller. pipe(2)
 *
 * @since 0.1.0
 * @category controls
 */
export const pipe: Effect.Effect<{ readonly read: number; readonly write: number }, AioError, MockAio> = Effect.flatMap(
  MockAio,
  ({ backend }) =>
    Effect.catchIf(
      attempt("pipe", "", () => backend.machine.pipe()),
      (error) => error._tag !== "AioError",
      Effect.die
    )
)

/**
 * Makes a FIFO. mkfifo(3)
 *
 * @since 0.1.0
 * @category controls
 */
export const mkfifo = (
  path: Path,
  options?: { readonly mode?: number | undefined }
): Effect.Effect<void, AioFailure, MockAio> =>
  withArguments(
    "mkfifo",
    () => {
      checkPath(path, "path")
      return checkUint32(fifoOptions(options).mode ?? 0o666, "mode")
    },
    (mode) =>
      Effect.flatMap(MockAio, ({ backend }) => attempt("mkfifo", path, () => backend.machine.mkfifo(path, mode)))
  )

const fifoOptions = optionsReader<{ readonly mode?: number | undefined }>({ mode: true })
