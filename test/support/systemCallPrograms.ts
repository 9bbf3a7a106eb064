/** Programs of several system calls (`operation/program.ts`), run by a pool's thread, or step by step. */
import { Effect } from "effect"
import { exitOf } from "../../src/internal/effect/exits.ts"
import { runSequence } from "../../src/internal/effect/run.ts"
import { currentEngine } from "../../src/internal/effect/service.ts"
import type { Engine } from "../../src/internal/engine/engine.ts"
import type { ProgramEnd, Step } from "../../src/internal/operation/program.ts"
import { program } from "../../src/internal/operation/program.ts"
import { Sequence } from "../../src/internal/task/sequence.ts"

/** As a request, where the backend runs programs; or each step as a request. */
export type Manner = "in a thread" | "step by step"

class Run extends Sequence<ProgramEnd> {
  readonly label = { name: "program", path: undefined }
  protected readonly about = {}

  constructor(
    engine: Engine,
    private readonly steps: ReadonlyArray<Step>,
    private readonly manner: Manner
  ) {
    super(engine)
  }

  protected override get runsPrograms(): boolean {
    return this.manner === "in a thread" && super.runsPrograms
  }

  protected begin(): void {
    this.runProgram(program("program", this.steps), this.conclude)
  }
}

/** Descriptors that the program leaves open are the test's. */
export const runProgram = (steps: ReadonlyArray<Step>, manner: Manner = "in a thread") =>
  Effect.flatMap(currentEngine, (engine) =>
    runSequence(
      () => new Run(engine, steps, manner),
      (end) => exitOf(engine, end)
    )
  )
