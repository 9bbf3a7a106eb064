/** The service tag, apart from the modules that make and use it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Engine } from "../engine/engine.ts"

const TypeId: unique symbol = Symbol.for("effect-aio/AioService")

/**
 * What an `Aio` Layer provides. Only Layers make it, and only functions of this package read what is in it.
 *
 * @since 0.1.0
 * @category context
 */
export interface AioService {
  readonly [TypeId]: typeof TypeId
  /** The name of the backend: `"io_uring"`, `"kernel"`, `"posix"`, `"threads"`, `"mock"`. */
  readonly backend: string
}

class EngineService implements AioService {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly backend: string

  constructor(readonly engine: Engine) {
    this.backend = engine.backend.name
  }
}

export const serviceOf = (engine: Engine): AioService => new EngineService(engine)

export const engineOf = (service: AioService): Engine => (service as EngineService).engine

/**
 * The service that runs asynchronous I/O.
 *
 * @since 0.1.0
 * @category context
 */
export class Aio extends Context.Tag("effect-aio/Aio")<Aio, AioService>() {}

/** An Effect of the engine of the program's Layer. */
export const withEngine = <A, E, R>(use: (engine: Engine) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Aio> =>
  Effect.flatMap(Aio, (service) => use(engineOf(service)))

/** The engine of the program's Layer. */
export const currentEngine: Effect.Effect<Engine, never, Aio> = Effect.map(Aio, engineOf)
