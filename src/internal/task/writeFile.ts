/**
 * A whole file: opened, written to the end of the bytes and closed. That is one request, a program. What a write leaves, on a full disk or a
 * non-blocking pipe, is for the requests that follow.
 */
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import { OpenDescriptor, regularFile, type Target } from "../engine/openDescriptor.ts"
import { errno } from "../native/errno.ts"
import { DISK } from "../native/positions.ts"
import { close, open, write } from "../operation/catalogue.ts"
import type { OpenFlag } from "../operation/openFlags.ts"
import { type ProgramEnd, program, type Step } from "../operation/program.ts"
import { type Naming, PathSequence } from "./sequence.ts"

/** Bytes that one write(2) can take, and some room: more of them is more requests. */
const MOST_AT_ONCE = 2 ** 30

export interface WriteFileOptions extends Naming {
  /** Default "w". */
  readonly flag?: OpenFlag | number | undefined
  readonly mode?: number | undefined
  /** Where the path starts. */
  readonly at?: Target | undefined
}

export class WriteFile extends PathSequence<void> {
  private file!: OpenDescriptor
  private takesOffsets = false

  constructor(
    engine: Engine,
    path: Path,
    /** An ordinary array. */
    private readonly bytes: Uint8Array,
    private readonly options: WriteFileOptions
  ) {
    super(engine, path, options)
  }

  protected begin(): void {
    const { bytes, options } = this
    const { at, flag = "w", mode } = options
    const opens = open(this.path, { at, flag, mode })
    if (bytes.byteLength > MOST_AT_ONCE) return this.run(opens, this.opened)
    const steps: Array<Step> = [{ operation: opens }]
    // Without bytes there is nothing to write. But a file that could not be written to is EBADF all the same.
    if (bytes.byteLength > 0 || flag === "r") steps.push({ operation: write(0, bytes), fd: 0, whole: true })
    this.runProgram(program("writeFile", [...steps, { operation: close(0), fd: 0 }]), this.goOnAfter)
  }

  private goOnAfter({ ends, open: [fd], stoppedAt }: ProgramEnd): void {
    const end = ends[stoppedAt]
    // What close(2) answers is ignored.
    if (fd === undefined)
      return end instanceof Failed && stoppedAt === 0 ? this.failed(end.errno, "open") : this.conclude(undefined)
    this.isOpen(fd)
    if (!(end instanceof Failed)) this.writeFrom(end as number)
    else if (end.errno === errno.EAGAIN) this.writeFrom(0)
    else this.failed(end.errno, "write")
  }

  private isOpen(fd: number): void {
    this.fd = fd
    this.file = new OpenDescriptor(fd, regularFile)
    this.takesOffsets = this.engine.descriptors.takesOffsets(fd, true, this.file)
    // A regular file: its close may write it out.
    if (this.file.transferKind === DISK) this.isForWriting = true
  }

  private opened(fd: number): void {
    this.isOpen(fd)
    this.writeFrom(0)
  }

  private writeFrom(written: number): void {
    const { bytes, file, takesOffsets } = this
    const rest = written === 0 ? bytes : bytes.subarray(written)
    // Pipes and the like have no offsets. With "a", the kernel appends whatever the offset is.
    this.writeAll(file, rest, takesOffsets ? written : undefined, () => this.conclude(undefined))
  }
}
