/** Copying one file: its bytes within the kernel where the file systems can, its permissions, its times if asked to. */
import { constants } from "node:fs"
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import { OpenDescriptor, regularFile } from "../engine/openDescriptor.ts"
import { errno } from "../native/errno.ts"
import { O_PATH } from "../native/layout.ts"
import {
  chmod,
  close,
  copyFileRange,
  fstat,
  ftruncate,
  open,
  read,
  unlink,
  utimes,
  write
} from "../operation/catalogue.ts"
import type { Stat } from "../operation/metadata.ts"
import { Sequence } from "../task/sequence.ts"
import { byDescriptor, type Place } from "./directory.ts"

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants

/** Bytes of one request: an interruption waits for the request under way. */
const RANGE = 8 << 20

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
}

/** Succeeds with the source's attributes from before the copy. */
export class CopyFile extends Sequence<Stat> {
  private source!: Stat
  /** Which of the two paths a failure names. */
  private subject: Place
  private position = 0
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
    const { from, options } = this
    // In a tree: a FIFO that took the file's place must not make the copy wait. fstat tells that it is one.
    const flag = options.exclusive ? O_RDONLY | O_NOFOLLOW | O_NONBLOCK : O_RDONLY
    this.run(
      open(from.path, { at: from.at, flag }),
      this.sourceOpened,
      options.exclusive ? this.sourceRefused : undefined
    )
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

  private sourceOpened(fd: number): void {
    this.fd = fd
    this.run(fstat(fd), this.sourceKnown)
  }

  private sourceKnown(source: Stat): void {
    const { options, to } = this
    if (source.type === "Directory") return this.failed(errno.EISDIR)
    if (options.exclusive && source.type !== "File") return this.failed(errno.EINVAL)
    this.source = source
    this.file = new OpenDescriptor(this.fd, regularFile)
    const flag = O_WRONLY | O_CREAT | (options.exclusive ? O_EXCL | O_NOFOLLOW : 0)
    this.subject = to
    this.run(open(to.path, { at: to.at, flag, mode: source.mode & PERMISSIONS }), this.destinationOpened)
  }

  private destinationOpened(fd: number): void {
    this.secondFd = fd
    this.destination = new OpenDescriptor(fd, regularFile)
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
    const { fd, position: offset, secondFd } = this
    this.run(copyFileRange(fd, secondFd, { offset, toOffset: offset, length: RANGE }), this.copied, this.notCopied)
  }

  private copied(count: number): void {
    this.position += count
    // The bytes that it had when it was opened, as in libuv: bytes that are written behind them meanwhile are for the next copy.
    if (this.position > 0 && BigInt(this.position) >= this.source.size) this.times()
    else if (count > 0) this.copy()
    // Files of /proc and the like have bytes that only read(2) finds, and the kernel copies none of them.
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
    this.run(read(this.file, this.block, options), this.blockRead, this.broken)
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
