/** Arguments that fit, of every operation: what tests of what operations make of arguments begin with. */
import type * as catalogue from "effect-aio/internal/operation/catalogue"

export type OperationName = keyof typeof catalogue

/** What the arguments name. */
export interface Named {
  /** A file. */
  readonly path: string
  /** Names that nothing has. */
  readonly absent: string
  readonly other: string
  /** A descriptor of the file, and one of a directory. */
  readonly fd: number
  readonly at: number
}

/** The positional arguments, and options with all the keys that the operation knows. */
export type OperationCall = readonly [positional: ReadonlyArray<unknown>, options?: Readonly<Record<string, unknown>>]

/** An operation without a line does not compile. */
export const operationCalls = ({
  absent,
  at,
  fd,
  other,
  path
}: Named): { readonly [Name in OperationName]: OperationCall } => {
  const bytes = new Uint8Array(8)
  const read = { highPriority: true, uncached: false, noWait: false }
  const write = { ...read, dataSync: true, sync: false, append: false, atomic: false }
  return {
    nop: [[]],
    open: [[path], { at, flag: "r", mode: 0o600 }],
    memfdCreate: [[path], { allowSealing: true }],
    addSeals: [[fd, ["grow"]]],
    getSeals: [[fd]],
    eventfd: [[1], { semaphore: true }],
    pidfdOpen: [[process.pid]],
    pidfdSendSignal: [[fd, 0]],
    pidfdGetfd: [[fd, fd]],
    // Nobody's: it is called.
    close: [[-1]],
    read: [[fd, bytes], { offset: 1, ...read }],
    write: [[fd, bytes], { offset: 1, ...write }],
    readv: [[fd, [bytes]], { offset: 1, ...read }],
    writev: [[fd, [bytes]], { offset: 1, ...write }],
    fsync: [[fd]],
    fdatasync: [[fd]],
    syncFileRange: [[fd], { offset: 1, length: 2, waitBefore: true, write: true, waitAfter: true }],
    syncfs: [[fd]],
    sync: [[]],
    stat: [[path], { at }],
    lstat: [[path], { at }],
    fstat: [[fd]],
    statx: [[path], { at, follow: false, sync: "dont", mountId: "unique" }],
    fstatx: [[fd], { sync: "dont", mountId: "unique" }],
    seek: [[fd, 1, "current"]],
    cachestat: [[fd], { offset: 1, length: 2 }],
    ftruncate: [[fd, 5]],
    truncate: [[path, 5], { at }],
    fallocate: [[fd], { offset: 1, length: 2, mode: "keepSize" }],
    fadvise: [[fd, "random"], { offset: 1, length: 2 }],
    readahead: [[fd], { offset: 1, length: 2 }],
    unlink: [[absent], { at }],
    rmdir: [[absent], { at }],
    rename: [[absent, other], { at, existing: "noReplace", toAt: at, whiteout: true }],
    mkdir: [[path], { at, mode: 0o700 }],
    mknod: [[path, "CharacterDevice"], { at, mode: 0o600, major: 0, minor: 0 }],
    link: [[absent, other], { at, follow: true, toAt: at }],
    symlink: [["target", path], { at }],
    readlink: [[path], { at }],
    statvfs: [[path], { at }],
    fstatvfs: [[fd]],
    readdir: [[fd], { bufferSize: 512 }],
    access: [[path], { read: true, write: true, execute: true, effective: true, follow: false, at }],
    chmod: [[path, 0o600], { follow: false, at }],
    fchmod: [[fd, 0o600]],
    chown: [[path], { follow: false, at, uid: 1, gid: 2 }],
    fchown: [[fd], { uid: 1, gid: 2 }],
    utimes: [[path], { follow: false, at, atimeNs: 1n, mtimeNs: 2n }],
    futimes: [[fd], { atimeNs: 1n, mtimeNs: 2n }],
    setxattr: [[path, "user.name", bytes], { at, mode: "replace", follow: false }],
    fsetxattr: [[fd, "user.name", bytes], { mode: "replace" }],
    getxattr: [[path, "user.name"], { at, follow: false }],
    fgetxattr: [[fd, "user.name"]],
    listxattr: [[path], { at, follow: false }],
    flistxattr: [[fd]],
    removexattr: [[path, "user.name"], { at, follow: false }],
    fremovexattr: [[fd, "user.name"]],
    copyFileRange: [[fd, fd], { offset: 1, toOffset: 2, length: 3 }],
    getPipeSize: [[fd]],
    setPipeSize: [[fd, 4096]],
    sendfile: [[fd, fd], { offset: 1, length: 3 }],
    splice: [[fd, fd], { offset: 1, toOffset: 2, length: 3 }],
    tee: [[fd, fd], { length: 3 }],
    reflink: [[fd, fd], { offset: 4096, toOffset: 8192, length: 4096 }],
    fiemap: [[fd], { offset: 1, length: 2, sync: true, maxExtents: 3 }],
    getInodeFlags: [[fd]],
    setInodeFlags: [[fd, ["noDump", "extents"]]],
    pollFd: [[fd], { readable: true, writable: true, priority: true }],
    flock: [[fd, "shared"], { wait: false }],
    lockRange: [[fd, "shared"], { offset: 1, length: 2, wait: false }],
    lockHolder: [[fd, "shared"], { offset: 1, length: 2 }]
  }
}

/** Of all operations. */
export const operationNames = Object.keys(
  operationCalls({ path: "", absent: "", other: "", fd: 0, at: 0 })
) as ReadonlyArray<OperationName>
