/** A whole file: opened, measured, read to its end and closed. */
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { OpenDescriptor, regularFile } from "../engine/openDescriptor.ts"
import { errno } from "../native/errno.ts"
import { open, read } from "../operation/catalogue.ts"
import { type Measured, measure, type Part, readLast } from "../operation/descriptors.ts"
import { type Naming, PathSequence } from "./sequence.ts"
import { WholeFile } from "./wholeFile.ts"

export interface ReadFileOptions extends Naming {
  /** The longest array that is allocated, in bytes. Left out: limited by memory only. */
  readonly most?: number | undefined
  /** What a failure with EFBIG names. */
  readonly tooLarge: string
}

export class ReadFile extends PathSequence<Uint8Array> {
  private whole: WholeFile | undefined
  private file!: OpenDescriptor

  constructor(
    engine: Engine,
    path: Path,
    private readonly options: ReadFileOptions
  ) {
    super(engine, path, options)
  }

  protected begin(): void {
    this.run(open(this.path), this.opened)
  }

  private opened(fd: number): void {
    this.fd = fd
    this.file = new OpenDescriptor(fd, regularFile)
    this.run(measure(this.file), this.measured)
  }

  private measured({ isLocal, size }: Measured): void {
    this.closesAtOnce = isLocal
    if (size > (this.options.most ?? size)) return this.tooLarge()
    try {
      this.whole = new WholeFile(size, size > 0 || this.engine.descriptors.takesOffsets(this.fd, false))
    } catch {
      return this.tooLarge()
    }
    this.more()
  }

  /** Also fails with a RangeError, where the file is larger than the memory. */
  private tooLarge(): void {
    this.whole = undefined
    this.failed(errno.EFBIG, this.options.tooLarge)
  }

  private more(): void {
    const whole = this.whole!
    const { isLast, options } = whole
    let into: Uint8Array
    try {
      into = whole.next(this.options.most)
    } catch {
      return this.tooLarge()
    }
    if (this.closesAtOnce && isLast) this.run(readLast(this.file, into, options), this.hasReadLast)
    else this.run(read(this.file, into, options), this.hasRead)
  }

  private hasReadLast({ atEnd, count }: Part): void {
    if (count > 0) this.whole!.took(count)
    if (atEnd) this.conclude(this.whole!.all)
    else this.more()
  }

  private hasRead(count: number): void {
    this.hasReadLast({ count, atEnd: count === 0 })
  }
}
