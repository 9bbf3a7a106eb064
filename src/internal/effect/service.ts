/** The service tag, apart from the modules that make and use it. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { AioBadArgument, AioError } from "../../AioError.ts"
import type { Engine } from "../engine/engine.ts"
import type { Operation } from "../engine/operation.ts"

export interface AioService {
  /** The backend's name: `"io_uring"`, `"threads"`. */
  readonly backend: string
  /** Runs one operation. Interrupting the fiber cancels it and waits for its end. */
  readonly submit: <A>(operation: Operation<A>) => Effect.Effect<A, AioError | AioBadArgument>
  /** @internal What files close over. */
  readonly engine: Engine
}

/**
 * The service that runs asynchronous I/O.
 *
 * @since 0.1.0
 * @category context
 */
export class Aio extends Context.Tag("effect-aio/Aio")<Aio, AioService>() {}
