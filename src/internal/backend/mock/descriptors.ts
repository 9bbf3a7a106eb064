/** Open files: what a descriptor stands for, and the table of them. open(2), close(2) */
import { type Attempt, fail, Waits } from "./failure.ts"
import { type FileSystem, isOrdinary, type Place } from "./filesystem.ts"
import {
  MAY_READ,
  MAY_WRITE,
  O_ACCMODE,
  O_APPEND,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_EXCL,
  O_NOATIME,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDWR,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY
} from "./flags.ts"
import { Directory, Fifo, type Inode, Process, RegularFile, Special, SymbolicLink } from "./inode.ts"
import { demandCreation, enter, existing } from "./names.ts"

/** An open file description. */
export class Description {
  /** Bytes; of a directory, the position of its next name. */
  position = 0
  /** How many descriptors it has. */
  descriptors = 0
  readonly readable: boolean
  readonly writable: boolean
  readonly isPath: boolean

  constructor(
    readonly inode: Inode,
    readonly flags: number,
    /** The path with which it was opened, for the journal and for faults. */
    readonly path: string
  ) {
    const mode = flags & O_ACCMODE
    this.isPath = (flags & O_PATH) !== 0
    this.readable = !this.isPath && (mode === 0 || mode === O_RDWR)
    this.writable = !this.isPath && (mode === O_WRONLY || mode === O_RDWR)
  }

  get appends(): boolean {
    return (this.flags & O_APPEND) !== 0
  }

  get isDirect(): boolean {
    return (this.flags & O_DIRECT) !== 0
  }

  get waits(): boolean {
    return (this.flags & O_NONBLOCK) === 0
  }
}

/** Standard input, output and error do not belong to the mock. */
const FIRST = 3

export class Descriptors {
  private readonly open = new Map<number, Description>()
  private lowest = FIRST
  private highest = FIRST - 1

  constructor(public limit: number) {}

  /** Calls `visit` for every description, in no order. */
  forEach(visit: (description: Description, fd: number) => void): void {
    this.open.forEach(visit)
  }

  peek(fd: number): Description | undefined {
    return this.open.get(fd)
  }

  /** The description of a descriptor that was not opened with O_PATH. */
  get(fd: number): Description {
    const description = this.find(fd)
    return description.isPath ? fail("EBADF") : description
  }

  find(fd: number): Description {
    return this.open.get(fd) ?? fail("EBADF")
  }

  /** The inode that `/proc/self/fd/N` leads to, also where it has no name. proc_pid_fd(5) */
  behind(path: string): Inode | undefined {
    const number = /^\/proc\/self\/fd\/(\d+)$/.exec(path)?.[1]
    return number === undefined ? undefined : (this.open.get(Number(number))?.inode ?? fail("ENOENT"))
  }

  demandRoom(): void {
    if (this.open.size + FIRST >= this.limit) fail("EMFILE")
  }

  /** The lowest number that is free. */
  add(description: Description): number {
    let fd = this.lowest
    while (this.open.has(fd)) fd++
    this.open.set(fd, description)
    this.lowest = fd + 1
    this.highest = Math.max(this.highest, fd)
    description.inode.opens++
    description.descriptors++
    return fd
  }

  remove(fd: number): Description {
    const description = this.find(fd)
    this.open.delete(fd)
    description.descriptors--
    this.lowest = Math.min(this.lowest, fd)
    return description
  }

  /** Power is lost. Numbers are not used again: a program that still has one must not meet another file. */
  restart(): void {
    this.open.clear()
    this.lowest = this.highest + 1
  }
}

/** `O_CREAT` without `O_EXCL` also makes what a dangling link stands for. */
const placeOf = (fs: FileSystem, path: string, flags: number): Place => {
  const creates = (flags & O_CREAT) !== 0
  const follow = (flags & O_NOFOLLOW) === 0 && !(creates && (flags & O_EXCL) !== 0)
  if (!follow && !path.endsWith("/")) return fs.locate(path, "no")
  return fs.locate(path, creates ? "toCreate" : "yes")
}

const findOrCreate = (fs: FileSystem, path: string, flags: number, mode: number): [inode: Inode, created: boolean] => {
  const place = placeOf(fs, path, flags)
  const { directory, trailing } = place
  if ((flags & O_CREAT) !== 0) {
    if ((flags & O_DIRECTORY) !== 0) fail("EINVAL")
    if (!isOrdinary(place)) fail((flags & O_EXCL) !== 0 ? "EEXIST" : "EISDIR")
    if (trailing) fail("EISDIR")
    const { inode } = place
    if (inode !== undefined && (flags & O_EXCL) !== 0) fail("EEXIST")
    if (inode instanceof Directory) fail("EISDIR")
    if (inode === undefined) {
      demandCreation(fs, directory)
      const made = fs.newFile(directory, mode & 0o7777)
      enter(fs, place, made, "create")
      return [made, true]
    }
  }
  const { inode } = place
  if (inode === undefined) return fail("ENOENT")
  if ((trailing || (flags & O_DIRECTORY) !== 0) && !(inode instanceof Directory)) fail("ENOTDIR")
  return [inode, false]
}

/** A file without a name. */
const temporary = (fs: FileSystem, path: string, flags: number, mode: number): Inode => {
  const directory = existing(fs, path, true)
  if (!(directory instanceof Directory)) return fail("ENOTDIR")
  if ((flags & O_ACCMODE) === 0) fail("EINVAL")
  demandCreation(fs, directory)
  return fs.newFile(directory, mode & 0o7777)
}

/** A file that never had a name, memfd_create(2). */
export const memory = (fs: FileSystem, descriptors: Descriptors, name: string, seals: number): number => {
  descriptors.demandRoom()
  const file = fs.newFile(fs.root, 0)
  file.mode |= 0o777
  file.seals = seals
  return descriptors.add(new Description(file, O_RDWR, `/memfd:${name} (deleted)`))
}

/** eventfd(2) */
export const counter = (fs: FileSystem, descriptors: Descriptors, value: number, isSemaphore: boolean): number => {
  descriptors.demandRoom()
  return descriptors.add(new Description(fs.newCounter(BigInt(value), isSemaphore), O_RDWR, "eventfd"))
}

/** pidfd_open(2) */
export const ownProcess = (fs: FileSystem, descriptors: Descriptors, pid: number): number => {
  if (pid !== process.pid) fail("ESRCH")
  descriptors.demandRoom()
  return descriptors.add(new Description(fs.newProcess(), O_RDWR, "pidfd"))
}

/** pidfd_getfd(2) */
export const duplicate = (descriptors: Descriptors, pidfd: number, fd: number): number => {
  demandProcess(descriptors, pidfd)
  const description = descriptors.find(fd)
  descriptors.demandRoom()
  return descriptors.add(description)
}

/** pidfd_send_signal(2): none is delivered. */
export const signal = (descriptors: Descriptors, pidfd: number, signal: number): void => {
  demandProcess(descriptors, pidfd)
  if (signal !== 0) fail("EPERM")
}

const demandProcess = (descriptors: Descriptors, pidfd: number): void => {
  if (!(descriptors.find(pidfd).inode instanceof Process)) fail("EBADF")
}

const demandAccess = (fs: FileSystem, inode: Inode, flags: number): void => {
  if (inode instanceof SymbolicLink) fail("ELOOP")
  const mode = flags & O_ACCMODE
  const writes = mode !== 0 || (flags & O_TRUNC) !== 0
  if (inode instanceof Directory && writes) fail("EISDIR")
  fs.demand(inode, (mode !== O_WRONLY ? MAY_READ : 0) | (writes ? MAY_WRITE : 0))
  if ((flags & O_NOATIME) !== 0 && !fs.owns(inode)) fail("EPERM")
}

export const open = (
  fs: FileSystem,
  descriptors: Descriptors,
  attempt: Attempt,
  path: string,
  asked: number,
  mode: number
): number => {
  // open(2): with O_PATH, the other bits are ignored.
  const flags = (asked & O_PATH) === 0 ? asked : asked & (O_PATH | O_DIRECTORY | O_NOFOLLOW)
  const waiting = openings.get(attempt)
  if (waiting !== undefined) return waiting()
  descriptors.demandRoom()
  const isTemporary = (flags & O_TMPFILE) === O_TMPFILE
  const opened = descriptors.behind(path)
  const [inode, created] =
    opened !== undefined
      ? [opened, false]
      : isTemporary
        ? [temporary(fs, path, flags, mode), true]
        : findOrCreate(fs, path, flags, mode)
  const description = new Description(inode, flags & ~(O_CREAT | O_EXCL | O_TRUNC), path)
  if (description.isPath) return descriptors.add(description)
  if (!created) demandAccess(fs, inode, flags)
  if (inode instanceof Special) fail("ENXIO")
  if (inode instanceof Fifo) return openFifo(fs, descriptors, attempt, description, inode)
  if ((flags & O_TRUNC) !== 0 && inode instanceof RegularFile && !created) {
    inode.content.resize(0)
    fs.written(inode)
  }
  return descriptors.add(description)
}

/** Opens of FIFOs that wait for the other side. */
const openings = new WeakMap<Attempt, () => number>()

/** fifo(7): the description counts as an end while it waits, so that the other side finds it. */
const openFifo = (
  fs: FileSystem,
  descriptors: Descriptors,
  attempt: Attempt,
  description: Description,
  { pipe }: Fifo
): number => {
  const { readable, waits, writable } = description
  if (writable && !readable && !waits && pipe.readers === 0) fail("ENXIO")
  join(description, fs)
  const { readersSeen, writersSeen } = pipe
  const meets = readable ? pipe.writers > 0 || writable || !waits : pipe.readers > 0
  const done = (): number => {
    attempt.abandon = undefined
    return descriptors.add(description)
  }
  if (meets) return done()
  openings.set(attempt, () => {
    const hasCome = readable ? pipe.writersSeen > writersSeen : pipe.readersSeen > readersSeen
    if (!hasCome) throw new Waits(pipe)
    openings.delete(attempt)
    return done()
  })
  attempt.abandon = () => part(description, fs)
  throw new Waits(pipe)
}

/** Becomes an end of its pipe. */
export const join = ({ inode, readable, writable }: Description, fs: FileSystem): void => {
  if (!(inode instanceof Fifo)) return
  const { pipe } = inode
  if (readable) {
    pipe.readers++
    pipe.readersSeen++
  }
  if (writable) {
    pipe.writers++
    pipe.writersSeen++
  }
  fs.wake(pipe)
}

const part = ({ inode, readable, writable }: Description, fs: FileSystem): void => {
  if (!(inode instanceof Fifo)) return
  const { pipe } = inode
  if (readable) pipe.readers--
  if (writable) pipe.writers--
  // Bytes that have not been read by then are gone.
  if (pipe.readers === 0 && pipe.writers === 0) pipe.restart()
  fs.wake(pipe)
}

export const close = (fs: FileSystem, descriptors: Descriptors, fd: number): void => {
  const description = descriptors.remove(fd)
  const { inode } = description
  inode.opens--
  if (description.descriptors > 0) return
  if (inode.lock.drop(description)) fs.wake(inode.lock)
  if (inode.rangeLocks.drop(description)) fs.wake(inode.rangeLocks)
  part(description, fs)
  fs.freeUnused(inode)
}
