/**
 * An operation that is checked and encoded once, to be run many times.
 *
 * This saves the encoding, and the call that asks for the buffer's address. The address is asked for once: it is valid as long as the
 * buffer has its memory. The submission keeps the buffer, so that it is not collected, but the program may transfer it or resize it. Both
 * change its length (the one that native/views.ts tells), which every run checks.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { AioBadArgument, AioFailure } from "../../AioError.ts"
import { BadArgument } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { LATER } from "../engine/failed.ts"
import type { OpenFiles } from "../engine/openDescriptor.ts"
import { type Operation, operation as operationFrom } from "../engine/operation.ts"
import { Submission } from "../engine/submission.ts"
import { Call, executeQueued } from "./execute.ts"
import { badArgument, exitOf } from "./exits.ts"
import { type AioOperation, seenOf } from "./publicOperation.ts"
import { inSpan, wantsSpan } from "./spans.ts"

/**
 * An operation, ready to run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Prepared<out A> {
  readonly operation: AioOperation<A>
  /** Runs it, as `AioOperation.submit` does. Any number of times, also at once. */
  readonly run: Effect.Effect<A, AioFailure>
}

class PreparedRun<A> implements Prepared<A> {
  readonly operation: AioOperation<A>
  /** Only used by this operation: its encoding stays. */
  private readonly submission = new Submission()
  private readonly file: OpenFiles | undefined
  readonly run: Effect.Effect<A, AioFailure>

  constructor(
    private readonly engine: Engine,
    private readonly described: Operation<A>
  ) {
    const operation = described
    this.operation = seenOf(described)
    this.file = operation.input.file
    this.run = Effect.withFiberRuntime((fiber): Effect.Effect<A, AioFailure> => {
      const problem = this.problem()
      if (problem !== undefined) return problem
      if (wantsSpan(fiber)) return inSpan(operation, this.run)
      const tried = engine.mayTry(operation.entry)
      return (tried ? this.inline() : undefined) ?? executeQueued(new Call(engine, operation, fiber), tried)
    })
  }

  /** Throws `BadArgument`. */
  encode(): void {
    this.submission.encode(this.described.entry, this.described.input)
  }

  /** Bytes of its buffers now. */
  private get bytes(): number {
    const { entry, input } = this.described
    return entry.bytes?.(input) ?? 0
  }

  /** Why it cannot be run any more, if it cannot. */
  private problem(): Exit.Exit<never, AioFailure> | undefined {
    const { name } = this.described.entry
    if (this.file?.closed === true) return badArgument(name, new BadArgument("file", "it is closed"))
    if (this.submission.bytes > 0 && this.bytes === 0) {
      return badArgument(name, new BadArgument("buffer", "its memory is gone since the request was prepared"))
    }
    return undefined
  }

  /** Its end, if it needs no waiting. */
  private inline(): Exit.Exit<A, AioFailure> | undefined {
    const { described: operation, engine, submission } = this
    // Resized in place: the address seems to stay the same, but there is no promise that it does.
    if (this.bytes !== submission.bytes) {
      try {
        this.encode()
      } catch (error) {
        return badArgument(operation.entry.name, error)
      }
    }
    const end = engine.attemptEncoded(operation, submission)
    return end === LATER ? undefined : exitOf(engine, end)
  }
}

/** Checks and encodes. */
export const prepare = <A>(engine: Engine, operation: Operation<A>): Effect.Effect<Prepared<A>, AioBadArgument> =>
  Effect.suspend(() => {
    const { entry, input } = operation
    // A copy of the list: if the program changed its own, it would change what is checked, and not what is encoded.
    const prepared = new PreparedRun(engine, operationFrom(entry, { ...input }))
    try {
      prepared.encode()
    } catch (error) {
      return badArgument(entry.name, error)
    }
    return Effect.succeed(prepared)
  })
