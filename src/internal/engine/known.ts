/** What is known without waiting. */
import type { Engine } from "./engine.ts"
import { type Failed, LATER } from "./failed.ts"
import type { Operation } from "./operation.ts"

/** The end of an operation that is tried on the spot now or never, or `LATER`. */
export const known = <A>(engine: Engine, operation: Operation<A>): A | Failed | typeof LATER =>
  engine.mayTry(operation.entry) ? engine.attempt(operation) : LATER
