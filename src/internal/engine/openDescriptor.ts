/** What the engine learns and does about descriptors without a request, and what an open file remembers between its requests. */
import { type Alignment, directAlignment } from "../native/direct.ts"
import { DISK, type TransferKind, takesOffsets, transferKindOf } from "../native/positions.ts"
import { closeDescriptor, disownDescriptor, ownDescriptor } from "../native/threadCleanup.ts"
import { type Trust, UNASKED } from "../native/trust.ts"
import { BadArgument, checkFd, type Path } from "./arguments.ts"

/** What can be known of a descriptor without waiting. */
export interface Description {
  /** Whether it can be read at an offset: not pipes, sockets, terminals. */
  readonly seekable: boolean
  /** What O_DIRECT asks of buffers, lengths and offsets; `undefined` for files that go through the page cache. */
  readonly alignment: Alignment | undefined
}

/** What has to be known and done about descriptors without a request. */
export interface Descriptors {
  readonly describe: (fd: number, direct: boolean) => Description
  /** Whether it can be read, or written, at an offset. What is found out is remembered in `file`. */
  readonly takesOffsets: (fd: number, writes: boolean, file?: OpenDescriptor) => boolean
  /** Closes a descriptor when no backend is left to run the close. */
  readonly close: (fd: number) => void
  /** The descriptor is closed with this thread, however the thread ends. */
  readonly own: (fd: number) => void
  /** The descriptor is about to be closed. */
  readonly disown: (fd: number) => void
}

/** The descriptors of this process. */
export const nativeDescriptors: Descriptors = {
  describe: (fd, direct) => ({
    // Asked when it is needed, which is in streams.
    get seekable() {
      return takesOffsets(fd, false)
    },
    alignment: direct ? directAlignment(fd) : undefined
  }),
  takesOffsets: (fd, writes, file) => {
    // Mechanisms ask the same before they transfer.
    if (file !== undefined) file.transferKind ??= transferKindOf(fd)
    return file?.transferKind === DISK || takesOffsets(fd, writes)
  },
  close: closeDescriptor,
  own: ownDescriptor,
  disown: disownDescriptor
}

/** Closes a descriptor when no backend is left to run the close. Returns what is wrong with the number, if anything is. */
export const closeAtOnce = (descriptors: Descriptors, fd: number): unknown => {
  try {
    descriptors.close(checkFd(fd))
    return undefined
  } catch (problem) {
    return problem
  }
}

/** Where an object of the library's has its open descriptor. */
export const descriptorOf: unique symbol = Symbol.for("effect-aio/OpenDescriptor") as never

/** What a request keeps open until it has ended. */
export interface OpenFiles {
  readonly closed: boolean
  readonly path: Path | undefined
  /** What is wrong, if one of the files is closed already. */
  use(): BadArgument | undefined
  unuse(): void
  includes(file: OpenDescriptor): boolean
}

/** An open file: what is known of it, and how many requests use its descriptor. Shared by all requests that name it. */
export class OpenDescriptor implements Description, OpenFiles {
  readonly alignment: Alignment | undefined
  private isSeekable: boolean | undefined = undefined
  /** Whether reading with RWF_NOWAIT is possible and does not wait: not for O_DIRECT, nor where it said EOPNOTSUPP. */
  noWait: boolean
  /** What may run its transfers; `undefined` until that was found out. */
  transferKind: TransferKind | undefined = undefined
  /** Whether its transfers keep to it. */
  trust: Trust = UNASKED
  /** Closed: its number may belong to another file by now. */
  closed = false
  readonly [descriptorOf]: OpenDescriptor = this
  /** Requests that name its descriptor and have not ended. */
  private users = 0
  private onUnused: (() => void) | undefined = undefined

  constructor(
    readonly fd: number,
    private readonly description: Description,
    /** The operation that opened it, for messages. */
    readonly path: Path | undefined = undefined,
    /** Whether it was opened for writing; `undefined` where that is not known. */
    readonly isForWriting: boolean | undefined = undefined
  ) {
    this.alignment = description.alignment
    this.noWait = this.alignment === undefined
  }

  get seekable(): boolean {
    this.isSeekable ??= this.description.seekable
    return this.isSeekable
  }

  /** So many bytes, and those that are missing for whole sectors, of which direct reads are made. */
  wholeSectors(length: number): number {
    const unit = this.alignment?.offset ?? 1
    return Math.ceil(length / unit) * unit
  }

  /** A direct read gives part of a sector only at the end of the file, and nothing could be read after it. */
  endsWithin(count: number): boolean {
    return this.alignment !== undefined && count % this.alignment.offset !== 0
  }

  /** A request names its descriptor from here to `unuse`: it is not closed in between. What is wrong, if it is closed already. */
  use(): BadArgument | undefined {
    if (this.closed) return new BadArgument("file", "it is closed")
    this.users++
    return undefined
  }

  unuse(): void {
    if (--this.users > 0) return
    const { onUnused } = this
    this.onUnused = undefined
    onUnused?.()
  }

  includes(file: OpenDescriptor): boolean {
    return file === this
  }

  get isUsed(): boolean {
    return this.users > 0
  }

  /** From now on no request may use it. `unused` is called when the last of them has ended, which may be at once. */
  close(unused: () => void): void {
    this.closed = true
    if (this.users === 0) unused()
    else this.onUnused = unused
  }
}

/** An open directory that relative paths start at. */
export class OpenDirectory extends OpenDescriptor {
  /**
   * Error numbers by which openat2(2) says that a path leaves it: ELOOP, too, where links of procfs are met, which are no paths. Left out: paths
   * may leave it.
   */
  beneath: ReadonlyArray<number> | undefined = undefined
}

/** Two files: of a copy, or the directories of a rename. */
class OpenPair implements OpenFiles {
  constructor(
    private readonly from: OpenDescriptor,
    private readonly to: OpenDescriptor
  ) {}

  get closed(): boolean {
    return this.from.closed || this.to.closed
  }

  get path(): Path | undefined {
    return this.from.path
  }

  use(): BadArgument | undefined {
    const problem = this.from.use()
    if (problem !== undefined) return problem
    const second = this.to.use()
    if (second !== undefined) this.from.unuse()
    return second
  }

  unuse(): void {
    this.from.unuse()
    this.to.unuse()
  }

  includes(file: OpenDescriptor): boolean {
    return file === this.from || file === this.to
  }
}

/** Keeps both files open. Either may be a plain descriptor, which the program keeps open. */
export const bothOf = (from: OpenDescriptor | undefined, to: OpenDescriptor | undefined): OpenFiles | undefined =>
  from === undefined || to === undefined ? (from ?? to) : new OpenPair(from, to)

/** Regular files: they have positions, and none is opened for direct I/O. */
export const regularFile: Description = { seekable: true, alignment: undefined }

/** Something that keeps a file open: an `AioFile`. */
export interface Opened {
  /** @internal */
  readonly [descriptorOf]: unknown
}

/**
 * What an operation works on: the number of a descriptor, or an `AioFile`, whose Scope then waits for the operation.
 *
 * @since 0.1.0
 * @category models
 */
export type Target = number | Opened

/** The open descriptor of a target that is not a number. The argument may be any value, and its getters may throw. */
export const fileOf = (target: Target): OpenDescriptor | undefined => {
  if (typeof target !== "object" || target === null) return undefined
  try {
    const file = target[descriptorOf]
    return file instanceof OpenDescriptor ? file : undefined
  } catch {
    return undefined
  }
}

/** The number of a target. A value that is not a target is returned for `checkFd` to refuse. */
export const fdOf = (target: Target, file: OpenDescriptor | undefined): number =>
  file === undefined ? (target as number) : file.fd

/** The part of an input that names a target. */
export const targetOf = (target: Target): { readonly fd: number; readonly file: OpenDescriptor | undefined } => {
  const file = fileOf(target)
  return { fd: fdOf(target, file), file }
}

/** The input of an operation on a file that stays open meanwhile. */
export interface OnFile {
  readonly file?: OpenFiles | undefined
}
