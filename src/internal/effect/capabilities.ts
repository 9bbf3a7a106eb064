/** What a backend runs itself: by operation, and by kind of file as found by trying. */
import * as Effect from "effect/Effect"
import type { Engine } from "../engine/engine.ts"
import type { Operation } from "../engine/operation.ts"
import { Request } from "../engine/request.ts"
import { errnoName } from "../native/errno.ts"
import { type Kind, kinds, makeSample } from "../native/sampleDescriptors.ts"
import * as catalogue from "../operation/catalogue.ts"
import { type Aio, withEngine } from "./service.ts"

/**
 * How the backend at hand runs an operation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Capability {
  readonly operation: string
  /** The mechanism's own way (`"native"`), or a thread (`"pool"`). */
  readonly mechanism: "native" | "pool"
  /** Whether it is tried without waiting first. */
  readonly inline: boolean
}

/**
 * What happened to a request on a descriptor of some kind: what answered it, or the name of the error (`"EISDIR"`). Where this process
 * cannot have such a file, the reason: `"EMFILE"`, or `"ERR_ACCESS_DENIED"` of Node's permission model.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = "native" | "pool" | (string & {})

/**
 * What the backend at hand does with files of a kind.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileCapability {
  readonly kind: Kind
  /** Reading, without an offset where the kind has none. */
  readonly read: Outcome
  /** Waiting until it is readable: `Aio.pollFd`. */
  readonly poll: Outcome
}

/**
 * What the backend at hand does itself, and what its pool does for it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Capabilities {
  readonly operations: ReadonlyArray<Capability>
  readonly files: ReadonlyArray<FileCapability>
}

/** A request that remembers which mechanism answered it. */
class Trial extends Request {
  constructor(
    operation: Operation<any>,
    private readonly engine: Engine,
    private readonly done: (outcome: Outcome) => void
  ) {
    super(operation)
    // Only the backend's own answer counts: the request is not tried on the spot.
    this.triedInline = true
  }

  override settled(): void {
    if (this.result < 0) return this.done(errnoName(-this.result))
    this.done(this.lane?.backend === this.engine.backend ? "native" : "pool")
  }
}

const attempt = (engine: Engine, operation: Operation<any>): Effect.Effect<Outcome> =>
  Effect.async((resume) => {
    const trial = new Trial(operation, engine, (outcome) => resume(Effect.succeed(outcome)))
    engine.submit(trial)
    // All samples are ready to be read. A request that waits nevertheless ends with the fiber.
    return Effect.async<void>((ended) => {
      trial.settled = () => ended(Effect.void)
      engine.cancel(trial)
    })
  })

const tryKind = (engine: Engine, kind: Kind): Effect.Effect<FileCapability> =>
  Effect.acquireUseRelease(
    Effect.sync(() => makeSample(kind)),
    ({ fd, reason = errnoName(-fd) }) => {
      if (fd < 0) return Effect.succeed({ kind, read: reason, poll: reason })
      const { seekable } = engine.descriptors.describe(fd, false)
      const offset = seekable && kind !== "eventfd" ? 0 : undefined
      return Effect.map(
        Effect.all([
          attempt(engine, catalogue.pollFd(fd, { readable: true })),
          attempt(engine, catalogue.read(fd, new Uint8Array(8), { offset }))
        ]),
        ([poll, read]) => ({ kind, read, poll })
      )
    },
    (sample) => Effect.sync(sample.close)
  )

/** What has been found out, by mechanism: the kernel's answers do not change, and some of the sample files are expensive. */
const found = new Map<string, Map<Kind, FileCapability>>()

/** One fiber at a time finds out. */
const oneAtATime = Effect.unsafeMakeSemaphore(1)

/**
 * The outcomes that say something about the mechanism. All others (no descriptors left, the end of the Layer) may be different the next
 * time.
 */
const says = (outcome: Outcome): boolean => outcome === "native" || outcome === "pool" || outcome === "EISDIR"

const isAnswer = ({ poll, read }: FileCapability): boolean => says(read) && says(poll)

const remembered = (engine: Engine, kind: Kind): Effect.Effect<FileCapability> =>
  Effect.suspend(() => {
    const { name } = engine.backend
    const ofMechanism = found.get(name) ?? new Map<Kind, FileCapability>()
    found.set(name, ofMechanism)
    const known = ofMechanism.get(kind)
    if (known !== undefined) return Effect.succeed(known)
    return Effect.tap(tryKind(engine, kind), (capability) => {
      if (isAnswer(capability)) ofMechanism.set(kind, Object.freeze(capability))
    })
  })

/** No kinds where descriptors do not belong to this process, and where the Layer has ended. */
const filesOf = (engine: Engine): Effect.Effect<ReadonlyArray<FileCapability>> =>
  Effect.suspend(
    (): Effect.Effect<ReadonlyArray<FileCapability>> =>
      engine.backend.descriptors !== undefined || engine.closed
        ? Effect.succeed([])
        : oneAtATime.withPermits(1)(Effect.forEach(kinds, (kind) => remembered(engine, kind)))
  )

const operationsOf = ({ backend }: Engine): ReadonlyArray<Capability> =>
  Object.values(catalogue).map(({ entry }) =>
    Object.freeze({
      operation: entry.name,
      mechanism: backend.supports(entry) ? "native" : "pool",
      inline: entry.inline !== undefined
    } as const)
  )

/** What has been found out, by Layer: what a backend supports does not change either. */
const ofLayers = new WeakMap<Engine, Capabilities>()

const findOut = (engine: Engine): Effect.Effect<Capabilities> =>
  Effect.map(filesOf(engine), (files) => {
    // All fibers of the Layer get the same object: nobody may write to it.
    const capabilities: Capabilities = Object.freeze({
      operations: Object.freeze(operationsOf(engine)),
      files: Object.freeze(files)
    })
    // After the Layer's end nothing was tried. A kind without an answer is tried again.
    if (!engine.closed && files.every(isAnswer)) ofLayers.set(engine, capabilities)
    return capabilities
  })

/**
 * What runs natively here: for each operation, and for each kind of file, tried out on a file of that kind. A kind is tried once in a
 * process with each mechanism, and the answers are put together once in a Layer: later calls give the same object, which is frozen. Never
 * fails: where a kind cannot be tried, the reason stands in the place of the answer, and the next call tries again.
 *
 * @since 0.1.0
 * @category introspection
 */
export const capabilities: Effect.Effect<Capabilities, never, Aio> = withEngine((engine) => {
  const known = ofLayers.get(engine)
  return known === undefined ? findOut(engine) : Effect.succeed(known)
})
