/** What a path names, synced: opened, fsync(2), closed. That is one request, a program. */
import { Failed } from "../engine/failed.ts"
import { close, fsync, open } from "../operation/catalogue.ts"
import { notRun, type ProgramEnd, program } from "../operation/program.ts"
import { PathSequence } from "./sequence.ts"

export class SyncPath extends PathSequence<void> {
  protected begin(): void {
    const steps = [
      { operation: open(this.path) },
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
