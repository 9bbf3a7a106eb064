/** Whole files: read to their end, or written. */
import type { WriteFileOptions } from "@effect/platform/FileSystem"
import * as Exit from "effect/Exit"
import type { Engine } from "../engine/engine.ts"
import type { Entry } from "../engine/operation.ts"
import { PENDING } from "../engine/operation.ts"
import { errno } from "../native/errno.ts"
import { trustOfAnswer } from "../native/trust.ts"
import { fstat, open } from "../operation/catalogue.ts"
import { type Part, readLast, transfersOfFile } from "../operation/descriptors.ts"
import { decodeFileSize } from "../operation/metadata.ts"
import { WholeFile } from "../task/wholeFile.ts"
import { type Subject, systemError, writeZero } from "./errors.ts"
import { FileSystemSequence, regularFile } from "./sequence.ts"

/** Longest array that is asked for, as in `fs.readFile`. */
const MAX_LENGTH = 2 ** 31 - 1

/** fstat(2), of which only the size is decoded. */
const sizeOf: Entry<any, number> = { ...fstat.entry, decode: decodeFileSize }

export class ReadFile extends FileSystemSequence<Uint8Array> {
  private whole: WholeFile | undefined
  private readonly file = regularFile()

  constructor(
    engine: Engine,
    private readonly path: string,
    private readonly method: string
  ) {
    super(engine)
  }

  protected get subject(): Subject {
    // Node names the path where there is no descriptor yet.
    return { method: this.method, of: this.path, path: this.fd === -1 ? this.path : undefined }
  }

  protected begin(): void {
    this.run(open(this.path), this.opened)
  }

  private opened(fd: number): void {
    this.fd = fd
    const { engine } = this
    // Only where fstat(2) is answered on the spot is the file system one of this machine's own, see native/nonblocking.ts.
    if (!this.cancelling && engine.mayInline) {
      const result = engine.tryInline(sizeOf, { fd })
      if (result !== PENDING) {
        this.closesAtOnce = true
        this.file.trust = trustOfAnswer(fd, engine.scratch.cell)
        const size = decodeFileSize(engine.scratch)
        engine.countInline()
        return this.measured(size)
      }
    }
    this.run({ entry: sizeOf, input: { fd } }, this.measured)
  }

  private measured(size: number): void {
    if (size > MAX_LENGTH) return this.tooLarge()
    try {
      this.whole = new WholeFile(size, size > 0 || this.engine.descriptors.takesOffsets(this.fd, false))
    } catch {
      return this.tooLarge()
    }
    this.more()
  }

  /** Also by a RangeError: more than there is memory. */
  private tooLarge(): void {
    this.whole = undefined
    this.end(Exit.fail(systemError(errno.EFBIG, "read", this.subject)))
  }

  private more(): void {
    const whole = this.whole!
    const { isLast, options } = whole
    let into: Uint8Array
    try {
      into = whole.next(MAX_LENGTH)
    } catch {
      return this.tooLarge()
    }
    if (this.closesAtOnce && isLast) this.run(readLast(this.fd, into, options, this.file), this.hasReadLast)
    else this.run(transfersOfFile.read(this.fd, into, options, this.file), this.hasRead)
  }

  private hasReadLast({ atEnd, count }: Part): void {
    if (count > 0) this.whole!.took(count)
    if (atEnd) this.end(Exit.succeed(this.whole!.all))
    else this.more()
  }

  private hasRead(count: number): void {
    this.hasReadLast({ count, atEnd: count === 0 })
  }
}

export class WriteFile extends FileSystemSequence<void> {
  private written = 0
  private readonly file = regularFile()
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
    this.takesOffsets = this.engine.descriptors.takesOffsets(fd, true)
    // Nothing to write is nothing to do, but for a file that could not be written to: EBADF.
    if (this.bytes.byteLength === 0 && this.options?.flag !== "r") this.end(Exit.void)
    else this.more()
  }

  private more(): void {
    const { bytes, file, takesOffsets, written } = this
    // Pipes and their like have no offsets; with "a", the kernel appends whatever the offset is.
    const options = takesOffsets ? { offset: written } : undefined
    this.run(
      transfersOfFile.write(this.fd, written === 0 ? bytes : bytes.subarray(written), options, file),
      this.hasWritten
    )
  }

  private hasWritten(count: number): void {
    this.written += count
    if (this.written >= this.bytes.byteLength) this.end(Exit.void)
    else if (count > 0) this.more()
    else this.end(Exit.fail(writeZero(this.method, this.path)))
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
    this.end(Exit.void)
  }
}
