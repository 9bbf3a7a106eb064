/**
 * The names in a directory: one request, or, for many names, as many attempts as are needed to have room for all. A thread opens it, reads its
 * names and closes it, and no step of JavaScript sees its descriptor.
 */
import { constants } from "node:fs"
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import { NAME_ROOM } from "../engine/nameRoom.ts"
import type { Target } from "../engine/openDescriptor.ts"
import type { Operation } from "../engine/operation.ts"
import { errno } from "../native/errno.ts"
import { close, open } from "../operation/catalogue.ts"
import type { Listed, ReaddirOptions } from "../operation/directories.ts"
import { notRun, type ProgramEnd, program } from "../operation/program.ts"
import { type Naming, PathSequence } from "./sequence.ts"

/** Bytes that getdents64(2) can be asked for. */
const MOST = 2 ** 31 - 1

/** `readdir` of the catalogue, or the same with another form of its entries. */
type Read<Entry> = (file: Target, options: ReaddirOptions) => Operation<Listed<Entry>>

export class ListDirectory<Entry> extends PathSequence<ReadonlyArray<Entry>> {
  private size = NAME_ROOM

  constructor(
    engine: Engine,
    path: Path,
    naming: Naming,
    private readonly read: Read<Entry>,
    /** Where the path starts. */
    private readonly at?: Target
  ) {
    super(engine, path, naming)
  }

  protected begin(): void {
    this.runProgram(
      program("readdir", [
        { operation: open(this.path, { at: this.at, flag: constants.O_DIRECTORY }) },
        { operation: this.read(0, { bufferSize: this.size }), fd: 0 },
        { operation: close(0), fd: 0, always: true }
      ]),
      this.listed,
      this.refused
    )
  }

  private listed({ ends: [opened, names] }: ProgramEnd): void {
    // One name for both, whichever has failed: that of readdir(3), as in Node.
    const end = names === notRun ? opened : names
    if (end instanceof Failed) return this.goOn(end, this.refused, this.refused)
    const { done, entries } = end as Listed<Entry>
    if (done) return this.conclude(entries)
    if (this.size === MOST) return this.refused(errno.EFBIG)
    // All attempts before the last together cost a seventh of the last one.
    this.size = Math.min(this.size * 8, MOST)
    this.begin()
  }

  private refused(number: number): void {
    this.failed(number, "readdir")
  }
}
