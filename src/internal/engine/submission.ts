/**
 * A request as the kernel sees it: one system call, and the memory that it may touch.
 *
 * Submissions are used again and again: the engine's own for what is tried without waiting, and those of a backend's table (`Slot`). So
 * requests that only wait in a queue cost nothing here, and a cell serves every request that passes through it.
 */

import { addressOf, type Word } from "../native/libc.ts"
import { AFTER_SUCCESS, type FILL, NOT_RUN, ONCE, type PROGRAM, type WHOLE } from "../native/machine/layout.ts"
import { Cell, cString, writePath } from "../native/memory.ts"
import { BadArgument, checkPath, type Path } from "./arguments.ts"
import { type BounceBuffer, copyFromBounceBuffers } from "./bounceBuffers.ts"
import { releaseRoom } from "./nameRoom.ts"
import type { OnFile } from "./openDescriptor.ts"

/** An object that writes an operation into a submission: a catalogue entry. */
export interface Encoder {
  readonly encode: (submission: Submission, input: any) => void
}

export class Submission {
  /** The system call and its arguments. */
  nr = -1
  a0: Word = 0
  a1: Word = 0
  a2: Word = 0
  a3: Word = 0
  a4: Word = 0
  a5: Word = 0
  /** Memory that the kernel reads or writes. */
  keep: unknown = null
  /** Bytes of the buffers of a transfer. */
  bytes = 0
  /** Bytes that it may move at most, or -1 for no limit. */
  most = -1
  /** Views that the kernel does not read into itself, with the memory that it reads into instead. */
  bounceBuffers: Array<BounceBuffer> | null = null
  /** Memory of its own that the kernel fills and `decode` reads, or that the kernel reads. */
  output: Buffer | null = null
  /** The same for the names of a directory, which `decode` copies: it is used again. */
  names: Buffer | null = null
  /** How a thread runs the system call. */
  mode: typeof ONCE | typeof FILL | typeof WHOLE | typeof PROGRAM = ONCE
  /** A directory's names, or the bytes of a file, were read to their end. */
  atEnd = false
  /** A file that was left open, or -1. */
  opened = -1
  /** The steps of a program, each of which keeps its own memory; in `a0` stands how many. */
  steps: Array<ProgramStep> | null = null
  /** Of an operation that is a program (operation/through.ts): the step whose answer is the operation's, or -1. */
  answer = -1
  /** Error numbers by which its system call says that a path leaves the directory that it is confined to. */
  outside: ReadonlyArray<number> | null = null
  /** The step behind which a program that has ended did not go on; its number of steps if there is none. */
  stoppedAt = 0
  /** The cell's path area is taken. */
  cellHoldsPath = false
  private ownCell: Cell | null = null

  constructor(
    /** Whether the kernel may touch its memory after the call that hands it over: other JavaScript runs meanwhile. */
    readonly outlivesCall = false
  ) {}

  /** Where the answer is. */
  get memory(): Submission {
    return this.answer === -1 ? this : this.steps![this.answer]
  }

  /** 512 bytes for structures and a path, kept for the slot's next requests. */
  get cell(): Cell {
    this.ownCell ??= new Cell()
    return this.ownCell
  }

  /**
   * Checks the input and writes it as a system call. Throws `BadArgument`, and holds nothing then.
   *
   * `bytes`: how many the buffers had when the request was made, unless that is now. The request is for these bytes, not for what the
   * buffers have got since. If the buffers have fewer, the request is refused: the answer 0 would look like the end of a file.
   */
  encode(entry: Encoder, input: OnFile, bytes = -1): void {
    // Arguments that an entry does not set are 0, and not those of the slot's previous request.
    this.a0 = 0
    this.a1 = 0
    this.a2 = 0
    this.a3 = 0
    this.a4 = 0
    this.a5 = 0
    try {
      // Its number may belong to another file by now.
      if (input.file?.closed === true) throw new BadArgument("file", "it is closed")
      this.bytes = 0
      this.most = bytes
      entry.encode(this, input)
      if (this.bytes < bytes) {
        throw new BadArgument(
          "buffer",
          `it was made shorter since it was to be used: from ${bytes} to ${this.bytes} bytes`
        )
      }
    } catch (error) {
      this.clear()
      throw error
    }
  }

  /** The address of a path, NUL-terminated, in the cell or in memory that this keeps. Throws `BadArgument`. */
  path(given: Path, argument = "path"): number {
    return this.text(checkPath(given, argument))
  }

  /** The same for any text without a NUL. */
  text(given: string | Uint8Array): number {
    const { cell } = this
    if (!this.cellHoldsPath && writePath(cell, given)) {
      this.cellHoldsPath = true
      return cell.pathAddress
    }
    const copy = cString(given)
    this.keepAlso(copy)
    return addressOf(copy)
  }

  /**
   * Copies what was read into bounce buffers to the program's buffers. Returns what is wrong, where one of them has no room for it any
   * more.
   */
  copyFromBounceBuffers(count: number): BadArgument | undefined {
    return this.bounceBuffers === null ? undefined : copyFromBounceBuffers(this.bounceBuffers, count)
  }

  keepAlso(memory: unknown): void {
    this.keep = this.keep === null ? memory : [this.keep, memory]
  }

  /** Lets go of its memory. Only after the completion has been read and decoded. */
  clear(): void {
    this.keep = null
    this.bounceBuffers = null
    this.output = null
    if (this.names !== null) {
      releaseRoom(this.names)
      this.names = null
    }
    if (this.steps !== null) {
      this.steps.forEach(releaseStep)
      this.steps = null
    }
    this.answer = -1
    this.outside = null
    this.cellHoldsPath = false
    this.mode = ONCE
    this.atEnd = false
    this.opened = -1
  }
}

/** One system call of a program: a submission that belongs to another one. */
export class ProgramStep extends Submission {
  /** As in machine.h: `OPENS`, `ALWAYS`. */
  flags = 0
  /** Which arguments come from earlier steps. */
  sources = 0
  /** Earlier steps whose answers it looks at, as in machine.h. */
  needs = 0
  /** When the program goes on behind it. */
  goesOn = AFTER_SUCCESS
  /** `>= 0`, `-errno`, or `NOT_RUN`, when the program has ended. */
  result = NOT_RUN
  /** When the program has ended: its result is a descriptor that is still open. */
  isOpen = false

  constructor() {
    super(true)
  }

  override clear(): void {
    super.clear()
    this.flags = 0
    this.sources = 0
    this.needs = 0
    this.goesOn = AFTER_SUCCESS
    this.result = NOT_RUN
    this.isOpen = false
  }
}

/** Steps are kept for the next programs. */
const MOST_FREE = 1024
const freeSteps: Array<ProgramStep> = []

/** A step for a submission that is being encoded. It belongs to the submission until that is cleared. */
export const takeStep = (submission: Submission): ProgramStep => {
  const step = freeSteps.pop() ?? new ProgramStep()
  submission.steps ??= []
  submission.steps.push(step)
  return step
}

const releaseStep = (step: ProgramStep): void => {
  step.clear()
  if (freeSteps.length < MOST_FREE) freeSteps.push(step)
}
