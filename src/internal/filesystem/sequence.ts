/** Sequences of requests that fail as `FileSystem` does. */
import type { PlatformError } from "@effect/platform/Error"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { runSequence as run } from "../effect/run.ts"
import { BadArgument, type Path } from "../engine/arguments.ts"
import { Failed, type LATER } from "../engine/failed.ts"
import { WriteZero } from "../task/move.ts"
import { Sequence } from "../task/sequence.ts"
import { fromWrongArgument, type Subject, syscallOf, systemError, writeZero } from "./errors.ts"

export abstract class FileSystemSequence<A> extends Sequence<A> {
  /** What failures name. */
  protected abstract readonly subject: Subject

  protected override get about(): Subject {
    return this.subject
  }

  override get label(): { readonly name: string; readonly path: Path | undefined } {
    const { method, path } = this.subject
    return { name: method, path }
  }
}

const failureOf = ({ errno, input, operation, problem }: Failed): Exit.Exit<never, PlatformError> => {
  const subject: Subject = input
  if (errno !== 0) return Exit.fail(systemError(errno, syscallOf(operation), subject))
  if (problem instanceof BadArgument) return Exit.fail(fromWrongArgument(subject.method, problem))
  return problem instanceof WriteZero ? Exit.fail(writeZero(subject.method, subject.of)) : Exit.die(problem)
}

/** A sequence whose failures name a `Subject`. */
export const toPlatformExit = <A>(end: A | Failed): Exit.Exit<A, PlatformError> =>
  end instanceof Failed ? failureOf(end) : Exit.succeed(end)

/** Runs one in the fiber that asks for it. See `effect/run.ts`. */
export const runSequence = <A>(
  make: () => Sequence<A>,
  known?: () => A | typeof LATER
): Effect.Effect<A, PlatformError> => run(make, toPlatformExit, known)
