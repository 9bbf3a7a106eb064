/**
 * A file system in memory: inodes, and the walk from a path to one. path_resolution(7)
 *
 * Plain JavaScript that knows no engine and no Effect. A call does its work at once; an operation that has to wait throws `Waits`.
 */
import { Content, Space } from "./content.ts"
import { NameLog, restore } from "./durability.ts"
import { type Code, fail, failOutside } from "./failure.ts"
import { MAY_EXECUTE, MAY_WRITE, S_ISGID, S_ISUID, S_ISVTX } from "./flags.ts"
import {
  type Device,
  Directory,
  EventCounter,
  Fifo,
  type Inode,
  Process,
  RegularFile,
  Special,
  SymbolicLink
} from "./inode.ts"
import { NAME_MAX, PATH_MAX } from "./paths.ts"
import { Pipe } from "./pipe.ts"
import type { Random } from "./random.ts"

/** Symbolic links followed on the way to one inode. */
const MAX_LINKS = 40

/** The user that makes the requests. */
export interface User {
  readonly uid: number
  readonly gid: number
  readonly groups: ReadonlyArray<number>
}

export interface Settings {
  user: User
  umask: number
  /** Bytes a file may have. */
  maxFileSize: number
}

/** Where a path ends: a directory, and a name in it that may or may not be there. */
export class Place {
  constructor(
    readonly directory: Directory,
    /** Empty: the path was `/`. */
    readonly name: string,
    /** A slash follows the name. */
    readonly trailing: boolean
  ) {}

  /** The inode that the name stands for now. Looked up when it is needed: until then a kernel does not mind that the name is too long. */
  get inode(): Inode | undefined {
    return this.name === "" ? this.directory : lookup(this.directory, this.name)
  }
}

/** Whether a symbolic link at the end of a path is followed; and if so, to create the file that it names (O_CREAT). */
export type Follow = "no" | "yes" | "toCreate"

/** One traversal, through all the links that it follows. */
interface Traversal {
  links: number
  /** The directory that it does not leave. */
  readonly within: Directory | undefined
}

/** Where a relative path starts. */
export interface Start {
  readonly directory: Directory
  /** The path does not leave the directory. */
  readonly isConfined: boolean
}

/** `.`, `..` and `/` name no entry that could be made or removed. */
export const isOrdinary = ({ name }: Place): boolean => name !== "" && name !== "." && name !== ".."

export class FileSystem {
  private nextIno = 2
  readonly root: Directory
  /** Where relative paths start, the first of a request and the second: the current directory, unless a request names another one. */
  private start: Start
  private toStart: Start
  readonly log = new NameLog()
  readonly space: Space

  constructor(
    readonly settings: Settings,
    capacity: number,
    readonly random: Random,
    /** Nanoseconds since 1970. */
    readonly now: () => bigint,
    /** Operations that wait for `target` may try again. */
    readonly wake: (target: object) => void
  ) {
    this.space = new Space(Math.floor(capacity / 4096), random)
    this.root = new Directory(this.nextIno++, { mode: 0o755, uid: 0, gid: 0 }, now())
    this.root.nlink = 1
    this.start = { directory: this.root, isConfined: false }
    this.toStart = this.start
  }

  // --- Permissions

  get isRoot(): boolean {
    return this.settings.user.uid === 0
  }

  owns(inode: Inode): boolean {
    return this.isRoot || this.settings.user.uid === inode.uid
  }

  inGroup(gid: number): boolean {
    const { user } = this.settings
    return user.gid === gid || user.groups.includes(gid)
  }

  permits(inode: Inode, wanted: number): boolean {
    // The superuser may do everything, but not execute a file that no user may execute.
    if (this.isRoot) return (wanted & MAY_EXECUTE) === 0 || inode instanceof Directory || (inode.mode & 0o111) !== 0
    const shift = this.settings.user.uid === inode.uid ? 6 : this.inGroup(inode.gid) ? 3 : 0
    return ((inode.mode >> shift) & wanted) === wanted
  }

  demand(inode: Inode, wanted: number): void {
    if (!this.permits(inode, wanted)) fail("EACCES")
  }

  /** Whether a name may be taken out of a directory. */
  demandRemoval(directory: Directory, inode: Inode): void {
    this.demand(directory, MAY_WRITE | MAY_EXECUTE)
    const sticky = (directory.mode & S_ISVTX) !== 0
    if (sticky && !this.owns(inode) && !this.owns(directory)) fail("EPERM")
  }

  // --- Paths

  /** The place of a path, or of the path in a symbolic link at its end. There may be nothing at that place. */
  locate(path: string, follow: Follow, start = this.start): Place {
    if (path === "") fail("ENOENT")
    if (path.length >= PATH_MAX) fail("ENAMETOOLONG")
    const { directory, isConfined } = start
    return this.walk(directory, path, follow, { links: 0, within: isConfined ? directory : undefined })
  }

  /** The same of the second path of a request. */
  locateTo(path: string, follow: Follow): Place {
    return this.locate(path, follow, this.toStart)
  }

  /** Relative paths start there for as long as `use` runs, which does not wait. */
  startingAt<A>(from: Start | undefined, to: Start | undefined, use: () => A): A {
    const { start, toStart } = this
    this.start = from ?? start
    this.toStart = to ?? toStart
    try {
      return use()
    } finally {
      this.start = start
      this.toStart = toStart
    }
  }

  private walk(from: Directory, path: string, follow: Follow, traversal: Traversal): Place {
    const parts = path.split("/").filter((part) => part !== "")
    const trailing = parts.length > 0 && path.endsWith("/")
    if (path.startsWith("/") && traversal.within !== undefined) failOutside()
    let directory = path.startsWith("/") ? this.root : from
    const name = parts.pop() ?? ""
    for (const part of parts) directory = this.enter(directory, part, traversal)
    const place = new Place(directory, name, trailing)
    if (name === "") return place
    this.demand(directory, MAY_EXECUTE)
    demandWithin(directory, name, traversal)
    // A slash at the end of a name that is to be created is an error, before any link is followed.
    if (follow === "no" || (follow === "toCreate" && trailing)) return place
    const { inode } = place
    if (!(inode instanceof SymbolicLink)) return place
    const target = this.walkLink(directory, inode, follow, traversal)
    if (trailing) demandDirectory(target.inode, "ENOENT")
    return new Place(target.directory, target.name, target.trailing || trailing)
  }

  private enter(directory: Directory, name: string, traversal: Traversal): Directory {
    this.demand(directory, MAY_EXECUTE)
    demandWithin(directory, name, traversal)
    const inode = lookup(directory, name)
    const target = inode instanceof SymbolicLink ? this.walkLink(directory, inode, "yes", traversal).inode : inode
    return demandDirectory(target, "ENOENT")
  }

  private walkLink(directory: Directory, link: SymbolicLink, follow: Follow, traversal: Traversal): Place {
    if (traversal.links++ >= MAX_LINKS) fail("ELOOP")
    return this.walk(directory, link.target, follow, traversal)
  }

  // --- Inodes

  private ownershipIn(directory: Directory, mode: number) {
    const { umask, user } = this.settings
    const inherits = (directory.mode & S_ISGID) !== 0
    return { mode: mode & ~umask, uid: user.uid, gid: inherits ? directory.gid : user.gid }
  }

  newFile(directory: Directory, mode: number): RegularFile {
    return new RegularFile(this.nextIno++, this.ownershipIn(directory, mode), this.now(), new Content(this.space))
  }

  newDirectory(directory: Directory, mode: number): Directory {
    const inode = new Directory(this.nextIno++, this.ownershipIn(directory, mode), this.now())
    inode.mode |= directory.mode & S_ISGID
    return inode
  }

  newLink(directory: Directory, target: string): SymbolicLink {
    const inode = new SymbolicLink(this.nextIno++, this.ownershipIn(directory, 0o777), this.now(), target)
    inode.mode = 0o777
    return inode
  }

  newFifo(directory: Directory, mode: number): Fifo {
    return new Fifo(this.nextIno++, this.ownershipIn(directory, mode), this.now(), new Pipe())
  }

  newCounter(value: bigint, isSemaphore: boolean): EventCounter {
    return new EventCounter(this.nextIno++, this.ownershipIn(this.root, 0o600), this.now(), value, isSemaphore)
  }

  newProcess(): Process {
    return new Process(this.nextIno++, this.ownershipIn(this.root, 0o600), this.now())
  }

  newSpecial(directory: Directory, type: number, device: Device, mode: number): Special {
    return new Special(this.nextIno++, this.ownershipIn(directory, mode), this.now(), type, device)
  }

  /** Forgets an inode that has no name and no descriptor. */
  freeUnused(inode: Inode): void {
    if (inode.nlink === 0 && inode.opens === 0) inode.free()
  }

  modified(inode: Inode): void {
    inode.mtime = this.now()
    inode.ctime = inode.mtime
  }

  /** The bytes have changed: a program that any user may have written must not run as its owner. */
  written(inode: Inode): void {
    if (!this.isRoot) inode.mode &= ~(S_ISUID | ((inode.mode & 0o010) !== 0 ? S_ISGID : 0))
    this.modified(inode)
  }

  changed(inode: Inode): void {
    inode.ctime = this.now()
  }

  /** sync(2): what was done before it survives. */
  syncAll(): void {
    this.log.syncAll()
    const sync = (directory: Directory): void => {
      for (const { inode } of directory.names.values()) {
        if (inode instanceof RegularFile) inode.content.sync()
        else if (inode instanceof Directory) sync(inode)
      }
    }
    sync(this.root)
  }

  /** Power is lost and comes back: memory is gone, the disk is as it was. Returns what was lost. */
  crash(random: Random): ReadonlyArray<string> {
    const lost = [...this.log.crash(random)]
    this.space.used = 0
    restore(this.root, (inode, path) => {
      inode.restart()
      if (inode instanceof RegularFile) lost.push(...inode.content.crash(random).map((what) => `${path}: ${what}`))
    })
    return lost
  }
}

const demandWithin = (directory: Directory, name: string, { within }: Traversal): void => {
  if (name === ".." && directory === within) failOutside()
}

const lookup = (directory: Directory, name: string): Inode | undefined => {
  if (name === ".") return directory
  if (name === "..") return directory.parent ?? directory
  if (name.length > NAME_MAX) fail("ENAMETOOLONG")
  return directory.names.get(name)?.inode
}

/** The inode as a directory. Fails with `missing` where there is none, and with ENOTDIR where it is not a directory. */
export const demandDirectory = (inode: Inode | undefined, missing: Code): Directory => {
  if (inode === undefined) return fail(missing)
  return inode instanceof Directory ? inode : fail("ENOTDIR")
}
