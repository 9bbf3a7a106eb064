/** A whole file: opened, written to the end of the bytes and closed. */
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import { OpenDescriptor, regularFile } from "../engine/openDescriptor.ts"
import { open, write } from "../operation/catalogue.ts"
import type { OpenFlag } from "../operation/openFlags.ts"
import { WriteZero } from "./move.ts"
import { type Naming, PathSequence } from "./sequence.ts"

export interface WriteFileOptions extends Naming {
  /** Default "w". */
  readonly flag?: OpenFlag | number | undefined
  readonly mode?: number | undefined
}

export class WriteFile extends PathSequence<void> {
  private written = 0
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
    const { flag = "w", mode } = this.options
    this.run(open(this.path, { flag, mode }), this.opened)
  }

  private opened(fd: number): void {
    this.fd = fd
    this.file = new OpenDescriptor(fd, regularFile)
    this.takesOffsets = this.engine.descriptors.takesOffsets(fd, true)
    // Without bytes there is nothing to write. But a file that could not be written to is EBADF all the same.
    if (this.bytes.byteLength === 0 && this.options.flag !== "r") this.conclude(undefined)
    else this.more()
  }

  private more(): void {
    const { bytes, file, takesOffsets, written } = this
    // Pipes and the like have no offsets. With "a", the kernel appends whatever the offset is.
    const options = takesOffsets ? { offset: written } : undefined
    this.run(write(file, written === 0 ? bytes : bytes.subarray(written), options), this.hasWritten)
  }

  private hasWritten(count: number): void {
    this.written += count
    if (this.written >= this.bytes.byteLength) this.conclude(undefined)
    else if (count > 0) this.more()
    else this.conclude(new Failed("write", this.about, 0, new WriteZero()))
  }
}
