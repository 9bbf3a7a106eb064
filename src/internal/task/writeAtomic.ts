/**
 * A whole file in place of another, at once: whoever opens the path finds the old bytes or the new ones, also after a crash.
 *
 * The bytes go into a file without a name (O_TMPFILE), which goes by itself whatever happens. When they are on the disk, it gets its name: by
 * link(2) where there was none, otherwise by link(2) beside it and rename(2). Where a file system has no such files, the new one has its name
 * beside the other from the start. That name is removed if anything fails, and after an interruption.
 */
import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import type { Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import type { Failed } from "../engine/failed.ts"
import { OpenDescriptor, regularFile, type Target } from "../engine/openDescriptor.ts"
import { errno } from "../native/errno.ts"
import { O_TMPFILE } from "../native/layout.ts"
import type { AtOptions } from "../operation/at.ts"
import {
  fchmod,
  fchown,
  fsetxattr,
  fsync,
  getxattr,
  link,
  listxattr,
  lstat,
  open,
  readlink,
  rename,
  unlink
} from "../operation/catalogue.ts"
import { closeOpened } from "../operation/descriptors.ts"
import type { XattrName } from "../operation/extendedAttributes.ts"
import type { Stat } from "../operation/metadata.ts"
import { type Naming, PathSequence } from "./sequence.ts"

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants

/** Symbolic links that are followed, as the kernel does. */
const MOST_LINKS = 40

/** A name that exists is another one's: so many are tried. */
const MOST_NAMES = 100

/** The answers of file systems and kernels without files that have no name. */
const lacksUnnamed: ReadonlySet<number> = new Set([errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL])

/** The answers to an attribute of the `security` namespace that the system gives by itself, and no program may. */
const isSystems: ReadonlySet<number> = new Set([errno.EPERM, errno.EACCES, errno.EOPNOTSUPP])

const SLASH = 0x2f
const DOT = 0x2e

const bytesOf = (path: Path): Buffer => Buffer.from(path as Uint8Array)

/** The directory of a path, with its slash; empty where the path has none. */
export const directoryOf = (path: Buffer): Buffer => path.subarray(0, path.lastIndexOf(SLASH) + 1)

/** Whether a path ends in no name: in a slash, `.` or `..`. */
const endsInNoName = (path: Buffer): boolean => {
  const name = path.subarray(path.lastIndexOf(SLASH) + 1)
  return name.length <= 2 && name.every((byte) => byte === DOT)
}

const isSecurity = (name: XattrName): boolean => bytesOf(name).subarray(0, 9).toString("latin1") === "security."

export interface WriteAtomicOptions extends Naming {
  /** Where the path starts. */
  readonly at?: Target | undefined
  /** Default 0o666. */
  readonly mode?: number | undefined
  /** Default `false`. */
  readonly preserve?: boolean | undefined
  /** Default `true`. */
  readonly durable?: boolean | undefined
  /** Default `true`. */
  readonly follow?: boolean | undefined
  /** Removes what must not be left: the engine of the sequence, or another one when that has ended. */
  readonly remover: () => Engine
}

/** A name that is taken away, also when the engine that made it has ended. */
class Removal extends PathSequence<void> {
  constructor(
    engine: Engine,
    path: Path,
    private readonly origin: AtOptions,
    naming: Naming
  ) {
    super(engine, path, naming)
  }

  protected begin(): void {
    const end = (): void => this.conclude(undefined)
    this.run(unlink(this.path, this.origin), end, end)
  }
}

export class WriteAtomic extends PathSequence<void> {
  /** What is replaced: the path, or what its links lead to. */
  private target: Buffer
  private links = 0
  private isThere = false
  /** The regular file that is replaced. */
  private old: Stat | undefined
  private isUnnamed = false
  /** A name that belongs to this sequence, and must not outlive it. */
  private temporary: Buffer | undefined
  private names = 0
  private file!: OpenDescriptor

  constructor(
    engine: Engine,
    path: Path,
    /** An ordinary array. */
    private readonly bytes: Uint8Array,
    private readonly options: WriteAtomicOptions
  ) {
    super(engine, path, options)
    this.target = bytesOf(path)
    this.isForWriting = true
  }

  protected begin(): void {
    if (this.target.length === 0) return this.failed(errno.ENOENT)
    this.look()
  }

  /** Where all of its paths start. */
  private get origin(): AtOptions {
    return { at: this.options.at }
  }

  // --- What is replaced

  private look(): void {
    this.run(lstat(this.target, this.origin), this.found, (number, operation) => {
      if (number === errno.ENOENT) this.openDirectory()
      else this.failed(number, operation)
    })
  }

  private found(stat: Stat): void {
    const { follow = true } = this.options
    if (stat.type === "SymbolicLink" && follow) return this.run(readlink(this.target, this.origin), this.follow)
    if (stat.type === "Directory") return this.failed(errno.EISDIR)
    // A FIFO or a device would be gone, and a file in its place.
    if (stat.type !== "File" && stat.type !== "SymbolicLink") return this.failed(errno.EINVAL)
    this.isThere = true
    if (stat.type === "File") this.old = stat
    this.openDirectory()
  }

  private follow(to: Path): void {
    if (++this.links > MOST_LINKS) return this.failed(errno.ELOOP)
    const path = bytesOf(to)
    this.target = path[0] === SLASH ? path : Buffer.concat([directoryOf(this.target), path])
    this.look()
  }

  // --- The new file

  private get directory(): Buffer {
    const directory = directoryOf(this.target)
    return directory.length === 0 ? Buffer.from(".") : directory
  }

  /** Before anything is made: a directory that cannot be opened could not be synced afterwards. */
  private openDirectory(): void {
    const { durable = true } = this.options
    if (endsInNoName(this.target)) return this.failed(errno.EISDIR)
    if (!durable) return this.create()
    this.run(open(this.directory, { ...this.origin, flag: O_RDONLY | O_DIRECTORY }), (fd) => {
      this.secondFd = fd
      this.create()
    })
  }

  /** Until the permissions of the old file are given to it, it is its owner's alone. */
  private get mode(): number | undefined {
    const { mode, preserve } = this.options
    return preserve === true && this.old !== undefined ? 0o600 : mode
  }

  private create(): void {
    this.isUnnamed = true
    this.run(
      open(this.directory, { ...this.origin, flag: O_TMPFILE | O_WRONLY, mode: this.mode }),
      this.opened,
      (number, operation) => {
        if (lacksUnnamed.has(number)) this.createNamed()
        else this.failed(number, operation)
      }
    )
  }

  /** A name in the same directory that nothing has, most likely. */
  private takeName(): Buffer {
    this.names++
    const name = `.effect-aio-${randomBytes(8).toString("hex")}.tmp`
    this.temporary = Buffer.concat([directoryOf(this.target), Buffer.from(name)])
    return this.temporary
  }

  /** The name that was taken exists: it is not ours. Whether another one is to be tried. */
  private isOthers(number: number): boolean {
    if (number !== errno.EEXIST) return false
    this.temporary = undefined
    return this.names < MOST_NAMES
  }

  private createNamed(): void {
    this.isUnnamed = false
    const flag = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
    this.run(open(this.takeName(), { ...this.origin, flag, mode: this.mode }), this.opened, (number, operation) => {
      if (this.isOthers(number)) this.createNamed()
      else this.failed(number, operation)
    })
  }

  private opened(fd: number): void {
    this.fd = fd
    this.file = new OpenDescriptor(fd, regularFile, undefined, true)
    this.writeAll(this.file, this.bytes, 0, this.keepOwner)
  }

  // --- What is kept of the old file

  private keepOwner(): void {
    const { old } = this
    if (old === undefined || this.options.preserve !== true) return this.sync()
    // The owner first: with it, the kernel takes away the bits that let a program run as its owner.
    this.run(fchown(this.file, old), () => this.run(fchmod(this.file, old.mode & 0o7777), this.keepAttributes))
  }

  private keepAttributes(): void {
    this.run(
      listxattr(this.target, this.origin),
      (names) => this.keepAttribute(names, 0),
      (number, operation) => {
        if (number === errno.EOPNOTSUPP) this.sync()
        else this.failed(number, operation)
      }
    )
  }

  private keepAttribute(names: ReadonlyArray<XattrName>, index: number): void {
    if (index === names.length) return this.sync()
    const name = names[index]
    const next = (): void => this.keepAttribute(names, index + 1)
    const set = (value: Uint8Array): void =>
      this.run(fsetxattr(this.file, name, value), next, (number, operation) => {
        if (isSecurity(name) && isSystems.has(number)) next()
        else this.failed(number, operation)
      })
    this.run(getxattr(this.target, name, this.origin), set, (number, operation) => {
      // It has been removed meanwhile.
      if (number === errno.ENODATA) next()
      else this.failed(number, operation)
    })
  }

  // --- Its name

  private sync(): void {
    const { durable = true } = this.options
    if (durable) this.run(fsync(this.file), this.name)
    else this.name()
  }

  private name(): void {
    if (!this.isUnnamed) return this.replace()
    const to = this.isThere ? this.takeName() : this.target
    this.run(
      link(`/proc/self/fd/${this.fd}`, to, { follow: true, toAt: this.options.at }),
      this.linked,
      (number, operation) => {
        if (!this.isThere && number === errno.EEXIST) {
          // Somebody has made one meanwhile.
          this.isThere = true
          this.name()
        } else if (this.isThere && this.isOthers(number)) this.name()
        else if (number === errno.ENOENT) this.again()
        else this.failed(number, operation)
      }
    )
  }

  private linked(): void {
    if (this.isThere) this.replace()
    else this.syncDirectory()
  }

  /** There is no procfs: the file cannot get a name any more. Or there is no directory, as will be told. */
  private again(): void {
    const { fd } = this
    const createNamed = (): void => this.createNamed()
    this.temporary = undefined
    this.fd = -1
    this.run(closeOpened(fd, true), createNamed, createNamed)
  }

  private replace(): void {
    this.run(rename(this.temporary!, this.target, this.origin), () => {
      this.temporary = undefined
      this.syncDirectory()
    })
  }

  private syncDirectory(): void {
    if (this.secondFd === -1) return this.conclude(undefined)
    this.run(
      fsync(this.secondFd),
      () => this.conclude(undefined),
      (number, operation) => {
        // This file system has nothing to sync there.
        if (number === errno.EINVAL) this.conclude(undefined)
        else this.failed(number, operation)
      }
    )
  }

  /** Removes what has a name of ours, also after an interruption, and closes. */
  protected override conclude(outcome: undefined | Failed): void {
    const { options, origin, temporary } = this
    if (temporary === undefined) return super.conclude(outcome)
    this.temporary = undefined
    // The directory is open, as a rule. That of the program may have been closed.
    const isOpen = this.secondFd !== -1
    const name = isOpen ? temporary.subarray(directoryOf(temporary).length) : temporary
    const removal = new Removal(options.remover(), name, isOpen ? { at: this.secondFd } : origin, options)
    removal.context = { ...this.context, isOfInterrupted: true }
    removal.waiter = { ended: () => super.conclude(outcome), wantsOverdue: false, overdue: () => {} }
    removal.start()
  }
}
