/** Exits made of the ends of requests and tasks, and of what was thrown below Effect. */
import * as Exit from "effect/Exit"
import {
  AioBadArgument,
  AioError,
  type AioFailure,
  AioOutside,
  AioShortTransfer,
  AioUnavailable
} from "../../AioError.ts"
import { Unavailable } from "../backend/unavailable.ts"
import { BadArgument } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed, OUTSIDE, ShortTransfer } from "../engine/failed.ts"
import { errno } from "../native/errno.ts"
import { WriteZero } from "../task/move.ts"

/** What was thrown before anything was handed to a kernel. */
export const badArgument = (operation: string, problem: unknown): Exit.Exit<never, AioBadArgument> =>
  problem instanceof BadArgument
    ? Exit.fail(new AioBadArgument({ operation, argument: problem.argument, description: problem.description }))
    : Exit.die(problem)

/** What was thrown where a backend was opened. */
export const notOpened = (problem: unknown): Exit.Exit<never, AioUnavailable> => {
  if (!(problem instanceof Unavailable)) return Exit.die(problem)
  const { backend, errno, reason, remedy } = problem
  return Exit.fail(new AioUnavailable({ backend, reason, remedy, errno }))
}

/** A request that the end of the Layer has cancelled has an error that says so. */
export const failureOf = (
  engine: Engine,
  { errno: number, input, operation, problem }: Failed
): Exit.Exit<never, AioFailure> => {
  if (number === OUTSIDE) return Exit.fail(new AioOutside({ operation, path: input.path, dest: input.to }))
  return number === 0
    ? badArgument(operation, problem)
    : Exit.fail(
        AioError.fromErrno(
          number,
          operation,
          input,
          number === errno.ECANCELED && engine.closed ? "the Layer of this Aio has ended" : undefined
        )
      )
}

export const exitOf = <A>(engine: Engine, end: A | Failed): Exit.Exit<A, AioFailure> =>
  end instanceof Failed ? failureOf(engine, end) : Exit.succeed(end)

/** The same where a write that took no byte is the end: it would take none when repeated. */
export const exitOfWrite = <A>(engine: Engine, end: A | Failed, method: string): Exit.Exit<A, AioFailure> =>
  end instanceof Failed && end.problem instanceof WriteZero
    ? Exit.fail(AioError.fromErrno(errno.EIO, method, end.input))
    : exitOf(engine, end)

/** The same for a chain. */
export const exitOfChain = <A>(engine: Engine, end: A | Failed): Exit.Exit<A, AioFailure | AioShortTransfer> =>
  end instanceof Failed && end.problem instanceof ShortTransfer
    ? Exit.fail(new AioShortTransfer({ operation: end.operation, ...end.problem }))
    : exitOf(engine, end)
