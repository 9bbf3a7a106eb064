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
  /** It is tried without waiting first. */
  readonly inline: boolean
}

/**
 * What happened to a request on a descriptor of some kind: who answered, or the name of the error (`"EISDIR"`). Where this process can have
 * no such file, why: `"EMFILE"`, or `"ERR_ACCESS_DENIED"` of Node's permission model.
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

/** A request that tells who answered it. */
class Trial extends Request {
  constructor(
    operation: Operation<any>,
    private readonly engine: Engine,
    private readonly done: (outcome: Outcome) => void
  ) {
    super(operation)
    // Only what the backend does is of interest.
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
    // Everything is ready to be read. Should something wait nevertheless, it ends with the fiber.
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

/** What has been found out, by mechanism: the kernel does not change its mind, and some of the files are dear. */
const found = new Map<string, Map<Kind, FileCapability>>()

/** What is tried by one fiber is not tried by another one beside it. */
const oneAtATime = Effect.unsafeMakeSemaphore(1)

/** What says something about the mechanism. All else (no descriptors left, the end of the Layer) may be otherwise the next time. */
const says = (outcome: Outcome): boolean => outcome === "native" || outcome === "pool" || outcome === "EISDIR"

const remembered = (engine: Engine, kind: Kind): Effect.Effect<FileCapability> =>
  Effect.suspend(() => {
    const { name } = engine.backend
    const ofMechanism = found.get(name) ?? new Map<Kind, FileCapability>()
    found.set(name, ofMechanism)
    const known = ofMechanism.get(kind)
    if (known !== undefined) return Effect.succeed(known)
    return Effect.tap(tryKind(engine, kind), (capability) => {
      if (says(capability.read) && says(capability.poll)) ofMechanism.set(kind, capability)
    })
  })

/** None where descriptors are not this process's, and where nothing runs any more. */
const filesOf = (engine: Engine): Effect.Effect<ReadonlyArray<FileCapability>> =>
  Effect.suspend(
    (): Effect.Effect<ReadonlyArray<FileCapability>> =>
      engine.backend.descriptors !== undefined || engine.closed
        ? Effect.succeed([])
        : oneAtATime.withPermits(1)(Effect.forEach(kinds, (kind) => remembered(engine, kind)))
  )

const operationsOf = ({ backend }: Engine): ReadonlyArray<Capability> =>
  Object.values(catalogue).map(({ entry }) => ({
    operation: entry.name,
    mechanism: backend.supports(entry) ? "native" : "pool",
    inline: entry.inline !== undefined
  }))

/**
 * What runs natively here: operation by operation, and for each kind of file, tried out on one of its kind. What has been found out is
 * kept for other Layers of the same mechanism. Never fails: what cannot be tried says why.
 *
 * @since 0.1.0
 * @category introspection
 */
export const capabilities: Effect.Effect<Capabilities, never, Aio> = withEngine((engine) =>
  Effect.map(filesOf(engine), (files): Capabilities => ({ operations: operationsOf(engine), files }))
)
