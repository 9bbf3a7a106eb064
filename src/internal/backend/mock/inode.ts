/** The kinds of inodes: files, directories, symbolic links, FIFOs, and those that only have a name here. */
import type { Content } from "./content.ts"
import { S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from "./flags.ts"
import { Lock } from "./lock.ts"
import type { Pipe } from "./pipe.ts"
import { RangeLocks } from "./rangeLocks.ts"

const BLOCK = 512
const PAGE = 4096

export interface Ownership {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

export interface Device {
  readonly major: number
  readonly minor: number
}

export const NO_DEVICE: Device = { major: 0, minor: 0 }

/** Of each file, as on ext4. */
const FS_EXTENT_FL = 0x80000

export abstract class Inode {
  /** How many names it has. */
  nlink = 0
  /** How many descriptors it has. */
  opens = 0
  /** Permission bits, without the type. */
  mode: number
  uid: number
  gid: number
  /** Nanoseconds since 1970. */
  atime: bigint
  mtime: bigint
  ctime: bigint
  lock = new Lock()
  rangeLocks = new RangeLocks()
  /** Which device it stands for. */
  readonly device: Device = NO_DEVICE
  /** `FS_*_FL`. */
  flags = FS_EXTENT_FL
  /** Extended attributes, by their names as byte strings. Made with the first one. */
  xattrs: Map<string, Uint8Array> | undefined

  constructor(
    readonly ino: number,
    { gid, mode, uid }: Ownership,
    readonly birth: bigint
  ) {
    this.mode = mode
    this.uid = uid
    this.gid = gid
    this.atime = birth
    this.mtime = birth
    this.ctime = birth
  }

  /** `S_IF*`. */
  abstract readonly type: number
  /** Bytes. */
  abstract readonly size: number
  /** Units of 512 bytes. */
  get blocks(): number {
    return 0
  }
  /** As stat(2) tells. */
  get links(): number {
    return this.nlink
  }
  /** No name and no descriptor is left. */
  free(): void {}
  /** Power is lost: no descriptor and no lock is left. */
  restart(): void {
    this.opens = 0
    this.lock = new Lock()
    this.rangeLocks = new RangeLocks()
  }
}

export class RegularFile extends Inode {
  readonly type = S_IFREG
  /** `F_SEAL_*`. `undefined` for one that has or had a name: it has none. */
  seals: number | undefined = undefined

  constructor(
    ino: number,
    ownership: Ownership,
    birth: bigint,
    readonly content: Content
  ) {
    super(ino, ownership, birth)
  }

  get size(): number {
    return this.content.size
  }

  override get blocks(): number {
    return (this.content.pages * PAGE) / BLOCK
  }

  override free(): void {
    this.content.free()
  }
}

export class SymbolicLink extends Inode {
  readonly type = S_IFLNK

  constructor(
    ino: number,
    ownership: Ownership,
    birth: bigint,
    readonly target: string
  ) {
    super(ino, ownership, birth)
  }

  get size(): number {
    return this.target.length
  }
}

export class Fifo extends Inode {
  readonly type = S_IFIFO
  readonly size = 0

  constructor(
    ino: number,
    ownership: Ownership,
    birth: bigint,
    readonly pipe: Pipe
  ) {
    super(ino, ownership, birth)
  }

  override restart(): void {
    super.restart()
    this.pipe.restart()
  }
}

/** A device, or the name of a socket. The mock has no drivers, and nobody listens: it cannot be opened. */
export class Special extends Inode {
  readonly size = 0

  constructor(
    ino: number,
    ownership: Ownership,
    birth: bigint,
    /** `S_IFCHR`, `S_IFBLK` or `S_IFSOCK`. */
    readonly type: number,
    override readonly device: Device
  ) {
    super(ino, ownership, birth)
  }
}

/** A counter of eventfd(2). It has no type: stat(2) of it says 0. */
export class EventCounter extends Inode {
  readonly type = 0
  readonly size = 0

  constructor(
    ino: number,
    ownership: Ownership,
    birth: bigint,
    public value: bigint,
    readonly isSemaphore: boolean
  ) {
    super(ino, ownership, birth)
  }
}

/** What a descriptor of pidfd_open(2) stands for: the program's own process, the only one. */
export class Process extends Inode {
  readonly type = 0
  readonly size = 0
}

/** A name, and its place in the order of getdents64(2): later names have larger numbers. */
export interface Name {
  readonly inode: Inode
  readonly position: number
}

/** `.` and `..` come first. */
const FIRST_POSITION = 2

export class Directory extends Inode {
  readonly type = S_IFDIR
  readonly size = PAGE
  /** In the order of their positions. */
  readonly names = new Map<string, Name>()
  /** The names that the disk has, see durability.ts. */
  durable = new Map<string, Inode>()
  /** Null: the root. */
  parent: Directory | null = null
  private nextPosition = FIRST_POSITION
  private subdirectories = 0

  override get blocks(): number {
    return PAGE / BLOCK
  }

  /** Its name, its `.`, and the `..` of the directories in it. */
  override get links(): number {
    return this.nlink === 0 ? 0 : 2 + this.subdirectories
  }

  get isRemoved(): boolean {
    return this.nlink === 0
  }

  attach(name: string, inode: Inode): void {
    this.names.set(name, { inode, position: this.nextPosition++ })
    inode.nlink++
    if (inode instanceof Directory) {
      inode.parent = this
      this.subdirectories++
    }
  }

  /** Forgets all names. The numbers of links of their inodes are wrong then. */
  clear(): void {
    this.names.clear()
    this.subdirectories = 0
  }

  detach(name: string): Inode {
    const { inode } = this.names.get(name)!
    this.names.delete(name)
    inode.nlink--
    if (inode instanceof Directory) this.subdirectories--
    return inode
  }
}
