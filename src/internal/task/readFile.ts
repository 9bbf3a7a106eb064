/** A whole file: opened, measured, read to its end and closed. */
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed, LATER } from "../engine/failed.ts"
import { known } from "../engine/known.ts"
import { OpenDescriptor, regularFile, type Target } from "../engine/openDescriptor.ts"
import { errno } from "../native/errno.ts"
import { ALWAYS, trustOf } from "../native/trust.ts"
import { open, read } from "../operation/catalogue.ts"
import { type Measured, measure } from "../operation/descriptors.ts"
import { LOAD_SIZE, type Loaded, load } from "../operation/loads.ts"
import { openFile } from "../operation/openFile.ts"
import { type Part, readLast } from "../operation/transfers.ts"
import { type Naming, PathSequence } from "./sequence.ts"
import { hasLoaded, isAmongSmallFiles, sawFile } from "./smallFiles.ts"
import { WholeFile } from "./wholeFile.ts"

export interface ReadFileOptions extends Naming {
  /** The longest array that is allocated, in bytes. Left out: limited by memory only. */
  readonly most?: number | undefined
  /** Where the path starts. */
  readonly at?: Target | undefined
  /** What a failure with EFBIG names. */
  readonly tooLarge: string
}

/** The bytes of a small file that is in memory, or `LATER`. Nothing is left open. What is wrong with the path, the sequence tells. */
export const fileInMemory = (engine: Engine, path: Path): Uint8Array | typeof LATER => {
  const end = known(engine, load(path))
  if (end === LATER || end instanceof Failed) return LATER
  if (engine.backend.loadsFiles === true) sawFile(path, true)
  return end.bytes
}

/** Begun where `fileInMemory` has found nothing. */
export class ReadFile extends PathSequence<Uint8Array> {
  private whole: WholeFile | undefined
  protected override isForWriting = false
  private file!: OpenDescriptor
  /** What has been read before the file was measured. */
  private begun: Uint8Array | undefined = undefined

  constructor(
    engine: Engine,
    path: Path,
    private readonly options: ReadFileOptions
  ) {
    super(engine, path, options)
  }

  protected begin(): void {
    const { canLoad, engine, path } = this
    if (!canLoad || !isAmongSmallFiles(path)) return this.open()
    const operation = load(path)
    this.request(operation, this.loaded, this.notLoaded, engine.mayTry(operation.entry))
  }

  private get canLoad(): boolean {
    return this.options.at === undefined && this.engine.backend.loadsFiles === true
  }

  private loaded({ atEnd, bytes, fd }: Loaded): void {
    hasLoaded(this.path, atEnd)
    if (atEnd) return this.conclude(bytes)
    this.begun = bytes
    if (fd === -1) this.open()
    else this.opened(fd)
  }

  private notLoaded(errno: number): void {
    this.failed(errno, open.entry.name)
  }

  private open(): void {
    this.run(openFile(this.path, { at: this.options.at }), this.opened)
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
      // A regular file is read anew, from its start. Of what else gives bytes, they are gone.
      if (size === 0 && this.begun !== undefined) this.whole.begin(this.begun)
    } catch {
      return this.tooLarge()
    }
    if (size > 0 && this.canLoad) {
      sawFile(this.path, size <= LOAD_SIZE && trustOf(this.fd, this.file) === ALWAYS)
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
