/**
 * Copying one file: its bytes within the kernel where the file systems can, its permissions, its times if asked to.
 *
 * A regular file that the kernel can copy to a new name is one request, a program. Whatever is different, another kind of file, a destination
 * that has bytes or other permissions, a file with holes, a copy that the kernel refuses, is left to the requests that follow: they begin
 * where it has stopped.
 *
 * copy_file_range(2) shares blocks where both ends lie on one file system that can (btrfs, xfs): no FICLONE has to be tried for each file.
 */
import { constants } from "node:fs"
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import { OpenDescriptor, regularFile } from "../engine/openDescriptor.ts"
import { errno } from "../native/errno.ts"
import { O_PATH, S_IFMT, S_IFREG } from "../native/layout.ts"
import {
  chmod,
  close,
  copyFileRange,
  fstat,
  ftruncate,
  open,
  read,
  reflink,
  seek,
  stat,
  unlink,
  utimes,
  write
} from "../operation/catalogue.ts"
import type { Stat } from "../operation/metadata.ts"
import { type Found, type ProgramEnd, program, RANGE, type Step } from "../operation/program.ts"
import { Sequence } from "../task/sequence.ts"
import { byDescriptor, type Place } from "./directory.ts"

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants

/** The steps of the program. */
const OPEN = 0
const LOOK = 1
const IS_FILE = 2
const HAS_BYTES = 3
const MAKE = 4
const LOOK_AT_MADE = 5
const IS_OTHER = 6
const IS_EMPTY = 7
const HAS_MODE = 8
const FIND_HOLE = 9
const HAS_NO_HOLE = 10
const REWIND = 11
const COPY = 12

/** Bytes read and written at a time, where the kernel does not copy. */
const BLOCK = 1 << 20

const PERMISSIONS = 0o7777

/** The errors of copy_file_range(2) for files that it cannot copy between. */
const cannotCopy = new Set([
  errno.EXDEV,
  errno.EINVAL,
  errno.EOPNOTSUPP,
  errno.ENOSYS,
  errno.EPERM,
  errno.EBADF,
  errno.ETXTBSY
])

export interface CopyFileOptions {
  /** The destination must not exist, and neither end may be a symbolic link. */
  readonly exclusive: boolean
  readonly preserveTimestamps: boolean
  readonly reflink: Reflink
}

/**
 * Whether the copy of a file shares blocks with it: where the file system can, or it fails, or not at all.
 *
 * @since 0.1.0
 * @category models
 */
export type Reflink = "auto" | "always" | "never"

/** Succeeds with the source's attributes from before the copy. */
export class CopyFile extends Sequence<Stat> {
  private source!: Stat
  /** Which of the two paths a failure names. */
  private subject: Place
  private position = 0
  /** Where the data that is being copied ends: at a hole, or at the file's end. `undefined`: where reading ends. */
  private dataEnd: number | undefined
  private block: Uint8Array | undefined
  private inBlock = 0
  private written = 0
  private file!: OpenDescriptor
  private destination!: OpenDescriptor

  constructor(
    engine: Engine,
    private readonly from: Place,
    private readonly to: Place,
    private readonly options: CopyFileOptions
  ) {
    super(engine)
    this.subject = from
  }

  protected begin(): void {
    const { from, options, to } = this
    // In a tree: a FIFO that took the file's place must not make the copy wait. fstat tells that it is one.
    const sourceFlag = options.exclusive ? O_RDONLY | O_NOFOLLOW | O_NONBLOCK : O_RDONLY
    const flag = O_WRONLY | O_CREAT | (options.exclusive ? O_EXCL | O_NOFOLLOW : 0)
    const found = (step: number, field: Found["field"]): Found => ({ step, field })
    const steps: Array<Step> = []
    steps[OPEN] = { operation: open(from.path, { at: from.at, flag: sourceFlag }) }
    steps[LOOK] = { operation: fstat(0), fd: OPEN }
    steps[IS_FILE] = { expect: found(LOOK, "mode"), mask: BigInt(S_IFMT), is: BigInt(S_IFREG) }
    // Files of /proc and the like have bytes that only read(2) finds.
    steps[HAS_BYTES] = { expect: found(LOOK, "size"), isNot: 0n }
    steps[MAKE] = { operation: open(to.path, { at: to.at, flag }), mode: found(LOOK, "mode") }
    steps[LOOK_AT_MADE] = { operation: fstat(0), fd: MAKE }
    steps[IS_OTHER] = { expect: found(LOOK_AT_MADE, "ino"), isNot: found(LOOK, "ino") }
    steps[IS_EMPTY] = { expect: found(LOOK_AT_MADE, "size"), is: 0n }
    steps[HAS_MODE] = { expect: found(LOOK_AT_MADE, "mode"), mask: BigInt(PERMISSIONS), is: found(LOOK, "mode") }
    if (options.reflink === "auto") {
      // Holes stay holes: only what has none is copied in one piece. Looking for one moves the position.
      steps[FIND_HOLE] = { operation: seek(0, 0, "hole"), fd: OPEN }
      steps[HAS_NO_HOLE] = { expect: found(FIND_HOLE, "result"), is: found(LOOK, "size") }
      steps[REWIND] = { operation: seek(0, 0), fd: OPEN }
      steps[COPY] = {
        operation: copyFileRange(0, 0, { length: RANGE }),
        fd: OPEN,
        to: MAKE,
        length: found(LOOK, "size"),
        whole: true
      }
      if (!options.preserveTimestamps) {
        steps.push({ operation: close(0), fd: MAKE }, { operation: close(0), fd: OPEN })
      }
    }
    this.runProgram(program("copyFile", steps), this.goOnAfter, this.cancelled)
  }

  private goOnAfter({ ends, open: [fd = -1, secondFd = -1], stoppedAt }: ProgramEnd): void {
    this.fd = fd
    const end = ends[stoppedAt]
    const source = ends[LOOK] as Stat
    if (stoppedAt === OPEN) return this.openFailed((end as Failed).errno)
    if (stoppedAt === LOOK) return this.failed((end as Failed).errno)
    if (stoppedAt < MAKE) return this.sourceKnown(source)
    this.sourceIs(source)
    this.subject = this.to
    if (stoppedAt === MAKE) return this.failed((end as Failed).errno)
    this.subject = this.from
    this.destinationIs(secondFd)
    if (stoppedAt === LOOK_AT_MADE) return this.broken((end as Failed).errno)
    if (stoppedAt < COPY) return this.destinationKnown(ends[LOOK_AT_MADE] as Stat)
    this.dataEnd = Number(source.size)
    if (stoppedAt > COPY) return this.copied(Number(source.size))
    if (end instanceof Failed) this.notCopied(end.errno)
    else this.copied(end as number)
  }

  /** What has been begun is removed, unless both names are the same file's: this may not be known yet. */
  private cancelled(number: number, _: string, { ends }: ProgramEnd): void {
    const source = ends[LOOK] as Stat
    if (typeof ends[MAKE] !== "number") return this.failed(number)
    const { cancelling, to } = this
    this.cancelling = false
    const end = (): void => {
      this.cancelling = cancelling
      this.failed(number)
    }
    const known = ({ dev, ino }: Stat): void => {
      if (dev === source.dev && ino === source.ino) return end()
      this.run(unlink(to.path, { at: to.at }), end, end)
    }
    this.run(stat(to.path, { at: to.at }), known, end)
  }

  private openFailed(number: number): void {
    if (this.options.exclusive) this.sourceRefused(number)
    else this.failed(number)
  }

  /**
   * Another process has a lease on the file, fcntl(2), and has now been asked to give it up. Without O_NONBLOCK, open(2) waits for that.
   */
  private sourceRefused(number: number): void {
    const { from } = this
    // Descriptors that do not belong to this process have no leases.
    if (number !== errno.EAGAIN || this.engine.backend.descriptors !== undefined) return this.failed(number)
    // By a descriptor that opens nothing: this file is waited for, no matter which file has its name by then.
    this.run(open(from.path, { at: from.at, flag: O_PATH | O_NOFOLLOW }), (pinned) => {
      this.secondFd = pinned
      this.run(fstat(pinned), ({ type }) => {
        if (type !== "File") return this.failed(errno.EINVAL)
        this.run(open(byDescriptor(this.engine, pinned, from), { flag: O_RDONLY }), (fd) => {
          this.fd = fd
          this.secondFd = -1
          this.run(close(pinned), () => this.run(fstat(fd), this.sourceKnown))
        })
      })
    })
  }

  private sourceKnown(source: Stat): void {
    const { options, to } = this
    if (source.type === "Directory") return this.failed(errno.EISDIR)
    if (options.exclusive && source.type !== "File") return this.failed(errno.EINVAL)
    this.sourceIs(source)
    const flag = O_WRONLY | O_CREAT | (options.exclusive ? O_EXCL | O_NOFOLLOW : 0)
    this.subject = to
    this.run(open(to.path, { at: to.at, flag, mode: source.mode & PERMISSIONS }), this.destinationOpened)
  }

  private sourceIs(source: Stat): void {
    this.source = source
    this.file = new OpenDescriptor(this.fd, regularFile)
  }

  private destinationIs(fd: number): void {
    this.secondFd = fd
    this.destination = new OpenDescriptor(fd, regularFile)
  }

  private destinationOpened(fd: number): void {
    this.destinationIs(fd)
    this.subject = this.from
    this.run(fstat(fd), this.destinationKnown, this.broken)
  }

  private destinationKnown({ dev, ino, mode, size }: Stat): void {
    const { source } = this
    if (dev === source.dev && ino === source.ino) return this.conclude(source)
    const setMode = (): void => {
      if ((mode & PERMISSIONS) === (source.mode & PERMISSIONS)) this.copy()
      else {
        const path = byDescriptor(this.engine, this.secondFd, this.to)
        this.run(chmod(path, source.mode & PERMISSIONS), this.copy, this.chmodFailed)
      }
    }
    if (size === 0n) setMode()
    else this.run(ftruncate(this.secondFd), setMode, this.broken)
  }

  /** Some network file systems have no permissions to set: as in libuv, that is no failure. */
  private chmodFailed(number: number): void {
    if (number === errno.EPERM || number === errno.ENOENT) this.copy()
    else this.broken(number)
  }

  private copy(): void {
    // An interruption waits for the request under way.
    if (this.options.reflink === "always") this.run(reflink(this.fd, this.secondFd), this.times, this.broken)
    // Files of /proc and the like have bytes that only read(2) finds, and the kernel copies none of them.
    else if (this.source.size === 0n) this.readBlock()
    else this.findData()
  }

  /** The bytes that it had when it was opened, as in libuv: bytes that are written behind them meanwhile are for the next copy. */
  private findData(): void {
    const size = Number(this.source.size)
    if (this.position >= size) return this.times()
    this.run(
      seek(this.fd, this.position, "data"),
      (data) => {
        if (data >= this.source.size) return this.endInHole()
        this.position = Number(data)
        this.run(
          seek(this.fd, this.position, "hole"),
          (hole) => this.copyTo(Math.min(Number(hole), size)),
          this.noHoles
        )
      },
      (number) => (number === errno.ENXIO ? this.endInHole() : this.noHoles())
    )
  }

  /** The rest is a hole, unless the file has become shorter meanwhile. */
  private endInHole(): void {
    this.run(
      fstat(this.fd),
      ({ size: now }) => {
        const size = Math.min(Number(now), Number(this.source.size))
        if (size <= this.position) this.times()
        else this.run(ftruncate(this.secondFd, size), this.times, this.broken)
      },
      this.broken
    )
  }

  /** The file system does not tell. */
  private noHoles(): void {
    this.copyTo(Number(this.source.size))
  }

  private copyTo(end: number): void {
    this.dataEnd = end
    if (this.options.reflink === "never") this.readBlock()
    else this.copyRange()
  }

  private copyRange(): void {
    const { dataEnd, fd, position: offset, secondFd } = this
    const length = Math.min(dataEnd! - offset, RANGE)
    this.run(copyFileRange(fd, secondFd, { offset, toOffset: offset, length }), this.copied, this.notCopied)
  }

  private copied(count: number): void {
    this.position += count
    if (this.position >= this.dataEnd!) this.findData()
    else if (count > 0) this.copyRange()
    // What reading finds where the kernel copies nothing: files of /sys. Others have become shorter.
    else if (this.position === 0) this.readBlock()
    else this.times()
  }

  private notCopied(number: number): void {
    if (cannotCopy.has(number)) this.readBlock()
    else this.broken(number)
  }

  private readBlock(): void {
    this.block ??= new Uint8Array(Buffer.allocUnsafeSlow(BLOCK).buffer)
    // At the descriptor's position where the file takes no offset. No other code has moved the position.
    const options = this.source.type === "File" ? { offset: this.position } : undefined
    const length = this.dataEnd === undefined ? BLOCK : Math.min(BLOCK, this.dataEnd - this.position)
    this.run(read(this.file, this.block.subarray(0, length), options), this.blockRead, this.broken)
  }

  private blockRead(count: number): void {
    if (count === 0) return this.times()
    this.inBlock = count
    this.written = 0
    this.writeBlock()
  }

  private writeBlock(): void {
    const { block, destination, inBlock, position, written } = this
    this.run(
      write(destination, block!.subarray(written, inBlock), { offset: position }),
      this.blockWritten,
      this.broken
    )
  }

  private blockWritten(count: number): void {
    this.written += count
    this.position += count
    if (count === 0) this.broken(errno.EIO)
    else if (this.written < this.inBlock) this.writeBlock()
    else if (this.position === this.dataEnd) this.findData()
    else this.readBlock()
  }

  private times(): void {
    if (!this.options.preserveTimestamps) return this.conclude(this.source)
    const path = byDescriptor(this.engine, this.secondFd, this.to)
    const { atimeNs, mtimeNs } = this.source
    this.run(utimes(path, { atimeNs, mtimeNs }), () => this.conclude(this.source), this.broken)
  }

  /** A part of a copy is removed, as libuv does, also when the copy was interrupted. */
  private broken(number: number): void {
    const failure = this.failure(number)
    const { cancelling, to } = this
    this.cancelling = false
    const ended = (): void => {
      this.cancelling = cancelling
      this.conclude(failure)
    }
    this.run(unlink(to.path, { at: to.at }), ended, ended)
  }

  override get label(): { readonly name: string; readonly path: Path | undefined } {
    return { name: "copyFile", path: this.from.full }
  }

  protected override get about(): { readonly path: Path } {
    return { path: this.subject.full }
  }

  protected override failure(number: number, _?: string): Failed {
    return new Failed("copyFile", this.about, number, undefined)
  }
}
