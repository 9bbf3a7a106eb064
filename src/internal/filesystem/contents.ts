/** Whole files: read to their end, or written. */
import type { WriteFileOptions } from "@effect/platform/FileSystem"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import { OpenDescriptor, regularFile } from "../engine/openDescriptor.ts"
import { open, write } from "../operation/catalogue.ts"
import { WriteZero } from "../task/move.ts"
import { ReadFile } from "../task/readFile.ts"
import type { Subject } from "./errors.ts"
import { FileSystemSequence } from "./sequence.ts"

/** Longest array that is asked for, as in `fs.readFile`. */
const MAX_LENGTH = 2 ** 31 - 1

/** The bytes of a file. */
export const readFile = (engine: Engine, path: string, method: string): ReadFile =>
  new ReadFile(engine, path, {
    method,
    // Node names the path where there is no descriptor yet.
    about: (isOpen): Subject => ({ method, of: path, path: isOpen ? undefined : path }),
    most: MAX_LENGTH,
    tooLarge: "read"
  })

export class WriteFile extends FileSystemSequence<void> {
  private written = 0
  private file!: OpenDescriptor
  private takesOffsets = false

  constructor(
    engine: Engine,
    private readonly path: string,
    /** An ordinary array. */
    private readonly bytes: Uint8Array,
    private readonly options: WriteFileOptions | undefined,
    private readonly method: string
  ) {
    super(engine)
  }

  protected get subject(): Subject {
    return { method: this.method, of: this.path, path: this.fd === -1 ? this.path : undefined }
  }

  protected begin(): void {
    const { flag = "w", mode } = this.options ?? {}
    this.run(open(this.path, { flag, mode }), this.opened)
  }

  private opened(fd: number): void {
    this.fd = fd
    this.file = new OpenDescriptor(fd, regularFile)
    this.takesOffsets = this.engine.descriptors.takesOffsets(fd, true)
    // Nothing to write is nothing to do, but for a file that could not be written to: EBADF.
    if (this.bytes.byteLength === 0 && this.options?.flag !== "r") this.conclude(undefined)
    else this.more()
  }

  private more(): void {
    const { bytes, file, takesOffsets, written } = this
    // Pipes and their like have no offsets; with "a", the kernel appends whatever the offset is.
    const options = takesOffsets ? { offset: written } : undefined
    this.run(write(file, written === 0 ? bytes : bytes.subarray(written), options), this.hasWritten)
  }

  private hasWritten(count: number): void {
    this.written += count
    if (this.written >= this.bytes.byteLength) this.conclude(undefined)
    else if (count > 0) this.more()
    else this.conclude(new Failed("write", this.subject, 0, new WriteZero()))
  }
}

/** Opens and closes: makes an empty file. */
export class Create extends FileSystemSequence<void> {
  constructor(
    engine: Engine,
    protected readonly subject: Subject,
    private readonly path: string
  ) {
    super(engine)
  }

  protected begin(): void {
    this.run(open(this.path, { flag: "w+" }), this.opened)
  }

  private opened(fd: number): void {
    this.fd = fd
    this.conclude(undefined)
  }
}
