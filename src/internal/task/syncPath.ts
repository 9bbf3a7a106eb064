/** What a path names, synced: opened, fsync(2), closed. That is one request, a program. */
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import type { Target } from "../engine/openDescriptor.ts"
import { close, fsync, open } from "../operation/catalogue.ts"
import { notRun, type ProgramEnd, program } from "../operation/program.ts"
import { type Naming, PathSequence } from "./sequence.ts"

export class SyncPath extends PathSequence<void> {
  constructor(
    engine: Engine,
    path: Path,
    naming: Naming,
    /** Where the path starts. */
    private readonly at?: Target
  ) {
    super(engine, path, naming)
  }

  protected begin(): void {
    const steps = [
      { operation: open(this.path, { at: this.at }) },
      { operation: fsync(0), fd: 0 },
      { operation: close(0), fd: 0, always: true }
    ]
    this.runProgram(program("pathsync", steps), this.ended)
  }

  private ended({ ends: [opened, synced] }: ProgramEnd): void {
    const end = synced === notRun ? opened : synced
    if (end instanceof Failed) this.goOn(end, this.failed, this.failed)
    else this.conclude(undefined)
  }
}
