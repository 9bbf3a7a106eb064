/** The engine's own callbacks, without Effect: what the layers above it are compared with. */

import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type AioFile, AioOperation } from "effect-aio"
import type { Operation } from "../src/internal/engine/operation.ts"
import {
  describedBy,
  Engine,
  IORING_SETUP,
  IoUringBackend,
  LATER,
  type Limits,
  Request,
  Ring,
  ThreadsBackend
} from "./built.ts"
import { OFFSETS_MASK, offsets, PAGE } from "./fixtures.ts"
import { range } from "./loops.ts"

/** What `IoUring.layer` asks for. */
export const defaultFlags =
  IORING_SETUP.CLAMP | IORING_SETUP.SUBMIT_ALL | IORING_SETUP.COOP_TASKRUN | IORING_SETUP.TASKRUN_FLAG

/** An engine on io_uring, with any flags and any limits. */
export const engineWith = (flags: number, limits: Limits): Effect.Effect<Engine, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(
      () => new Engine((host) => [new IoUringBackend(new Ring(4096, flags), host), new ThreadsBackend(host)], limits)
    ),
    (engine) => Effect.async<void>((resume) => engine.close(() => resume(Effect.void)))
  )

/** A request whose end is told to whoever made it. */
class Straight extends Request {
  constructor(
    private readonly owner: { ended(request: Straight): void },
    operation: Operation<unknown>
  ) {
    super(operation)
  }

  override settled(): void {
    this.owner.ended(this)
  }
}

/** So many requests with `depth` of them under way: each end starts the next. */
class Loop {
  private started = 0
  private completed = 0
  private sum = 0

  constructor(
    private readonly engine: Engine,
    private readonly requests: number,
    private readonly operation: (index: number) => AioOperation.AioOperation<unknown>,
    private readonly done: (sum: number) => void
  ) {}

  next(): void {
    const { engine } = this
    while (this.started < this.requests) {
      const operation = describedBy(this.operation(this.started++))
      const tried = engine.mayTry(operation.entry)
      const end = engine.attempt(operation)
      if (end !== LATER) {
        this.count(end as number)
        continue
      }
      const request = new Straight(this, operation)
      request.triedInline = tried
      engine.submit(request)
      return
    }
  }

  ended(request: Straight): void {
    this.count(request.result)
    this.next()
  }

  private count(result: number): void {
    this.sum += result
    if (++this.completed === this.requests) this.done(this.sum)
  }
}

export const straight = (
  engine: Engine,
  depth: number,
  requests: number,
  operation: (index: number) => AioOperation.AioOperation<unknown>
): Effect.Effect<number> =>
  Effect.uninterruptible(
    Effect.async((resume) => {
      const loop = new Loop(engine, requests, operation, (sum) => resume(Effect.succeed(sum)))
      for (let i = 0; i < depth; i++) loop.next()
    })
  )

/** Submits so many requests at once, in one turn of the event loop, then waits for all; `submitted` runs in between. */
export const allAtOnce = (
  engine: Engine,
  requests: number,
  operation: (index: number) => AioOperation.AioOperation<unknown>,
  submitted: () => void = () => {}
): Promise<void> =>
  new Promise((resolve) => {
    let left = requests
    const owner = {
      ended: (): void => {
        if (--left === 0) resolve()
      }
    }
    for (let i = 0; i < requests; i++) {
      engine.submit(new Straight(owner, describedBy(operation(i))))
    }
    submitted()
  })

/** Random reads of a page, as `AioFile.read` makes them: with what the file knows about itself, which spares asking each time. */
export const pageReads = (
  file: AioFile.AioFile,
  buffers: ReadonlyArray<Uint8Array>
): ((index: number) => AioOperation.AioOperation<unknown>) => {
  return (index) => AioOperation.read(file, buffers[index % buffers.length], { offset: offsets[index & OFFSETS_MASK] })
}

export const pageBuffers = (depth: number, allocate: (length: number) => Uint8Array): ReadonlyArray<Uint8Array> =>
  range(depth).map(() => allocate(PAGE))
