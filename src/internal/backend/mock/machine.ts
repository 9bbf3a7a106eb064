/** A computer for programs under test: a file system, open files, a disk that may lose power. */

import type { Path } from "../../engine/arguments.ts"
import type { Submission } from "../../engine/submission.ts"
import { kept } from "./attributes.ts"
import { Description, Descriptors, join } from "./descriptors.ts"
import { type Attempt, Failure, fail } from "./failure.ts"
import { Files } from "./files.ts"
import { FileSystem, type Settings, type Start } from "./filesystem.ts"
import { O_WRONLY, S_IFIFO } from "./flags.ts"
import { Directory, NO_DEVICE, RegularFile, SymbolicLink } from "./inode.ts"
import { describeTree, existing, mkdir, mknod } from "./names.ts"
import { type Handler, type OperationName, operations, type Parts } from "./operations.ts"
import { PATH_MAX, toByteString, toText } from "./paths.ts"
import { type Random, randomFrom } from "./random.ts"

export interface MachineOptions extends Settings {
  /** Bytes of the disk. */
  readonly capacity: number
  readonly maxDescriptors: number
  readonly seed: number
  /** Nanoseconds since 1970. */
  readonly now: () => bigint
  /** Operations that wait for `target` may try again. */
  readonly wake: (target: object) => void
}

export class Machine implements Parts {
  readonly random: Random
  readonly fs: FileSystem
  readonly open: Descriptors
  readonly files: Files

  constructor(options: MachineOptions) {
    this.random = randomFrom(options.seed)
    const { maxFileSize, umask, user } = options
    const now = (): bigint => kept(options.now())
    this.fs = new FileSystem({ maxFileSize, umask, user }, options.capacity, this.random, now, options.wake)
    this.open = new Descriptors(options.maxDescriptors)
    this.files = new Files(this.fs, this.open)
    this.asRoot(() => {
      mkdir(this.fs, "/tmp", 0o777)
      existing(this.fs, "/tmp").mode = 0o1777
    })
    this.fs.log.syncAll()
  }

  /** The result `>= 0`, or `-errno`. Throws `Waits`. */
  run(name: OperationName, input: any, submission: Submission, attempt: Attempt): number {
    try {
      const { at, beneath, path, to, toAt, toBeneath } = input
      const from = this.startOf(at, beneath !== undefined, path)
      const onto = this.startOf(toAt, toBeneath !== undefined, to)
      const run = operations[name] as Handler<any>
      return this.fs.startingAt(from, onto, () => run(this, input, submission.memory, attempt)) ?? 0
    } catch (problem) {
      if (problem instanceof Failure) return -problem.errno
      throw problem
    }
  }

  /**
   * The directory in which a path of the request starts, if the request names one. For an absolute path it is not looked at, as in the kernel.
   */
  private startOf(at: number | undefined, isConfined: boolean, path: Path | undefined): Start | undefined {
    if (at === undefined || path === undefined) return undefined
    const text = toByteString(path)
    const isIgnored = text === "" || text.startsWith("/") || text.length >= PATH_MAX
    if (isIgnored && !isConfined) return undefined
    const { inode } = this.open.find(at)
    return inode instanceof Directory ? { directory: inode, isConfined } : fail("ENOTDIR")
  }

  /** What the owner of the machine does, without regard to the user of the requests. */
  private asRoot<A>(action: () => A): A {
    const { settings } = this.fs
    const { umask, user } = settings
    settings.user = { uid: 0, gid: 0, groups: [] }
    settings.umask = 0
    try {
      return action()
    } finally {
      settings.user = user
      settings.umask = umask
    }
  }

  /** Puts a file, or with `undefined` a directory, at a path, with the directories above it. It is on the disk at once. */
  put(path: Path, content: Uint8Array | undefined): void {
    const at = toByteString(path)
    this.asRoot(() => {
      const parts = at.split("/").filter((part) => part !== "")
      const directories = content === undefined ? parts : parts.slice(0, -1)
      directories.reduce((above, part) => {
        const directory = `${above}/${part}`
        if (this.fs.locate(directory, "yes").inode === undefined) mkdir(this.fs, directory, 0o777)
        return directory
      }, "")
      if (content !== undefined) this.putFile(at, content)
    })
    this.fs.log.syncAll()
  }

  private putFile(path: string, content: Uint8Array): void {
    const place = this.fs.locate(path, "yes")
    const inode = place.inode ?? this.fs.newFile(place.directory, 0o666)
    if (!(inode instanceof RegularFile)) return fail(inode instanceof Directory ? "EISDIR" : "EINVAL")
    if (place.inode === undefined) {
      place.directory.attach(place.name, inode)
      this.fs.log.record(`create ${place.name}`, [{ directory: place.directory, name: place.name, inode }])
    }
    inode.content.resize(0)
    if (inode.content.write(content, 0) < content.byteLength) fail("ENOSPC")
    inode.content.sync()
  }

  /** The bytes that programs see now. */
  contentOf(path: Path): Uint8Array {
    const inode = this.asRoot(() => existing(this.fs, toByteString(path), true))
    if (!(inode instanceof RegularFile)) return fail("EISDIR")
    const bytes = new Uint8Array(inode.size)
    inode.content.read(bytes, 0)
    return bytes
  }

  /** Open descriptors, and what they were opened with. */
  get descriptors(): ReadonlyMap<number, string> {
    const found = new Map<number, string>()
    this.open.forEach(({ path }, fd) => found.set(fd, toText(path)))
    return found
  }

  /** A new pipe: descriptors to read from, and to write to. pipe(2) */
  pipe(): { readonly read: number; readonly write: number } {
    this.open.demandRoom()
    const fifo = this.fs.newFifo(this.fs.root, 0o600)
    const end = (flags: number): number => {
      const description = new Description(fifo, flags, "pipe")
      join(description, this.fs)
      return this.open.add(description)
    }
    return { read: end(0), write: end(O_WRONLY) }
  }

  mkfifo(path: Path, mode: number): void {
    mknod(this.fs, toByteString(path), S_IFIFO | (mode & 0o7777), NO_DEVICE)
  }

  /** Everything below a directory: the text of files, `-> target` of links. */
  tree(path: Path): Record<string, string> {
    const inode = this.asRoot(() => existing(this.fs, toByteString(path), true))
    if (!(inode instanceof Directory)) return fail("ENOTDIR")
    return Object.fromEntries(
      describeTree(inode).map(([name, inode]) => {
        if (inode instanceof SymbolicLink) return [toText(name), `-> ${toText(inode.target)}`]
        if (!(inode instanceof RegularFile)) return [toText(name), ""]
        const bytes = Buffer.alloc(inode.size)
        inode.content.read(bytes, 0)
        return [toText(name), bytes.toString()]
      })
    )
  }

  /** Loses power and starts again. Returns what was lost. */
  crash(seed: number): ReadonlyArray<string> {
    this.open.restart()
    return this.fs.crash(randomFrom(seed)).map(toText)
  }
}
