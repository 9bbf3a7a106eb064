/**
 * Every operation of the catalogue, done to the file system in memory. A handler gets the input, and the submission that the entry has
 * encoded: numbers with their defaults stand in its words, answers go into its cell and its output.
 */

import { BadArgument } from "../../engine/arguments.ts"
import { keptVector } from "../../engine/buffers.ts"
import type { Constructor } from "../../engine/operation.ts"
import type { Submission } from "../../engine/submission.ts"
import { plainView } from "../../native/views.ts"
import type * as catalogue from "../../operation/catalogue.ts"
import { openFlags } from "../../operation/openFlags.ts"
import { boundsOf } from "../../operation/rangeLocks.ts"
import { sealBits } from "../../operation/seals.ts"
import { writeCacheStat, writeExtents, writeLock, writeNames, writeStat, writeStatFs, writeStatx } from "./answers.ts"
import * as attributes from "./attributes.ts"
import * as descriptors from "./descriptors.ts"
import * as xattrs from "./extendedAttributes.ts"
import { type Attempt, fail } from "./failure.ts"
import type { Files } from "./files.ts"
import type { FileSystem } from "./filesystem.ts"
import { MAY_EXECUTE, MAY_READ, MAY_WRITE } from "./flags.ts"
import { Directory, RegularFile } from "./inode.ts"
import * as names from "./names.ts"
import { toByteString, toBytes } from "./paths.ts"
import * as splices from "./splices.ts"

/**
 * The name of an operation: `"read"`, `"fsync"`, ...
 *
 * @since 0.1.0
 * @category models
 */
export type OperationName = keyof typeof catalogue

type Input<Name extends OperationName> = (typeof catalogue)[Name] extends Constructor<any, infer I, any> ? I : never

/** What an operation is done to. */
export interface Parts {
  readonly fs: FileSystem
  readonly open: descriptors.Descriptors
  readonly files: Files
}

/** The result, `>= 0`. Throws `Failure` and `Waits`. `undefined` stands for 0. */
// biome-ignore lint/suspicious/noConfusingVoidType: what a function without a result returns
export type Handler<I> = (machine: Parts, input: I, submission: Submission, attempt: Attempt) => number | void

export const operations: { readonly [Name in OperationName]: Handler<Input<Name>> } = {
  nop: () => {},

  // --- Descriptors
  open: ({ fs, open }, { flag = "r", mode = 0o666, path }, _, attempt) =>
    descriptors.open(fs, open, attempt, toByteString(path), openFlags(flag), mode),
  memfdCreate: ({ fs, open }, { allowSealing, name }) =>
    descriptors.memory(fs, open, toByteString(name), allowSealing === true ? 0 : sealBits.seal),
  addSeals: ({ files }, { fd }, { a2 }) => files.addSeals(fd, Number(a2)),
  getSeals: ({ files }, { fd }) => files.sealsOf(fd),
  eventfd: ({ fs, open }, { semaphore }, { a0 }) => descriptors.counter(fs, open, Number(a0), semaphore === true),
  pidfdOpen: ({ fs, open }, { pid }) => descriptors.ownProcess(fs, open, pid),
  pidfdSendSignal: ({ open }, { pidfd }, { a1 }) => descriptors.signal(open, pidfd, Number(a1)),
  pidfdGetfd: ({ open }, { fd, pidfd }) => descriptors.duplicate(open, pidfd, fd),
  close: ({ fs, open }, { fd }) => descriptors.close(fs, open, fd),
  read: ({ files }, { fd, flags, offset }, submission) => files.read(fd, memoryOf(submission), offset, flags),
  readv: ({ files }, { fd, flags, offset }, submission) => files.readv(fd, memoriesOf(submission), offset, flags),
  write: ({ files }, { fd, flags, offset }, submission, attempt) =>
    files.write(fd, memoryOf(submission), offset, attempt, flags),
  writev: ({ files }, { fd, flags, offset }, submission, attempt) =>
    files.write(fd, memoriesOf(submission), offset, attempt, flags),
  fsync: ({ files }, { fd }) => files.sync(fd),
  fdatasync: ({ files }, { fd }) => files.sync(fd),
  syncFileRange: ({ files }, { fd }) => files.syncRange(fd),
  syncfs: ({ files, fs }, { fd }) => {
    files.demandOpen(fd)
    fs.syncAll()
  },
  sync: ({ fs }) => fs.syncAll(),
  ftruncate: ({ files }, { fd, length }) => files.ftruncate(fd, length),
  fallocate: ({ files }, { fd, length, offset = 0 }, { a1 }) => files.fallocate(fd, Number(a1), offset, length),
  fadvise: ({ files }, { fd }) => files.fadvise(fd),
  readahead: ({ files }, { fd }) => files.readahead(fd),
  reflink: ({ files }, { fd, length = 0, offset = 0, to, toOffset = 0 }) =>
    files.clone(fd, Number(offset), to, Number(toOffset), Number(length)),
  fiemap: ({ open }, { fd }, { output }) => writeExtents(output!, open.get(fd)),
  getInodeFlags: ({ open }, { fd }, { cell }) => {
    cell.u32[0] = attributes.flagsOf(open.get(fd).inode)
  },
  setInodeFlags: ({ fs, open }, { fd }, { cell }) => attributes.setFlags(fs, open.get(fd).inode, cell.u32[0]),
  copyFileRange: ({ files }, { fd, offset, to, toOffset }, { a4 }) => files.copy(fd, offset, to, toOffset, Number(a4)),
  sendfile: (machine, { fd, offset, to }, { a3 }, attempt) =>
    splices.sendfile(machine, { fd, offset }, to, Number(a3), attempt),
  splice: (machine, { fd, offset, to, toOffset }, { a4 }, attempt) =>
    splices.splice(machine, { fd, offset }, { fd: to, offset: toOffset }, Number(a4), attempt),
  tee: (machine, { fd, to }, { a2 }) => splices.tee(machine, fd, to, Number(a2)),
  flock: ({ files }, { fd, lock, wait = true }) => files.flock(fd, lock, wait),
  lockRange: ({ files }, { fd, lock, wait = true, ...range }) => files.lockRange(fd, lock, boundsOf(range), wait),
  lockHolder: ({ files }, { fd, lock, ...range }, { cell }) =>
    writeLock(cell, files.lockHolder(fd, lock === "exclusive", boundsOf(range))),
  pollFd: ({ files }, { events, fd }) => files.poll(fd, events),
  fstat: ({ open }, { fd }, { cell }) => writeStat(cell, open.find(fd).inode),
  fstatx: ({ open }, { fd }, { a3, cell }) => writeStatx(cell, open.find(fd).inode, Number(a3)),
  seek: ({ files }, { fd, from, offset }) => files.seek(fd, offset, from),
  cachestat: ({ open }, { fd, length = 0, offset = 0 }, { cell }) =>
    writeCacheStat(cell, open.get(fd), Number(offset), Number(length)),
  getPipeSize: ({ files }, { fd }) => files.pipe(fd).capacity,
  setPipeSize: ({ files }, { fd, size }) => files.setPipeSize(fd, size),
  readdir: ({ open }, { fd }, submission) => writeNames(submission, open.get(fd)),

  // --- Names
  mkdir: ({ fs }, { path }, { a2 }) => names.mkdir(fs, toByteString(path), Number(a2)),
  mknod: ({ fs }, { major = 0, minor = 0, path }, { a2 }) =>
    names.mknod(fs, toByteString(path), Number(a2), { major, minor }),
  symlink: ({ fs }, { path, target }) => names.symlink(fs, toByteString(target), toByteString(path)),
  link: ({ fs, open }, { beneath, follow = false, path, to }) => {
    const opened = follow && beneath === undefined ? open.behind(toByteString(path)) : undefined
    names.link(fs, opened ?? names.existing(fs, toByteString(path), follow), toByteString(to))
  },
  unlink: ({ fs }, { path }) => names.unlink(fs, toByteString(path)),
  rmdir: ({ fs }, { path }) => names.rmdir(fs, toByteString(path)),
  rename: ({ fs }, { path, to }, { a4 }) => names.rename(fs, toByteString(path), toByteString(to), Number(a4)),
  readlink: ({ fs, open }, { path }, { output }) => {
    const name = toByteString(path)
    const behind = open.behind(name)
    const target = behind instanceof Directory ? names.pathOf(behind) : names.readlink(fs, name)
    return toBytes(target).copy(output!)
  },

  // --- Attributes
  stat: ({ fs }, { path }, { cell }) => writeStat(cell, names.existing(fs, toByteString(path), true)),
  lstat: ({ fs }, { path }, { cell }) => writeStat(cell, names.existing(fs, toByteString(path))),
  statx: ({ fs }, { follow = true, path }, { a3, cell }) =>
    writeStatx(cell, names.existing(fs, toByteString(path), follow), Number(a3)),
  statvfs: ({ fs }, { path }, { cell }) => {
    names.existing(fs, toByteString(path), true)
    writeStatFs(cell, fs)
  },
  fstatvfs: ({ fs, open }, { fd }, { cell }) => {
    open.find(fd)
    writeStatFs(cell, fs)
  },
  // The mock has one user, who is the real and the effective one.
  access: ({ fs }, { execute, follow = true, path, read, write }) => {
    const wanted =
      (read === true ? MAY_READ : 0) | (write === true ? MAY_WRITE : 0) | (execute === true ? MAY_EXECUTE : 0)
    fs.demand(names.existing(fs, toByteString(path), follow), wanted)
  },
  chmod: ({ fs }, { follow = true, mode, path }) =>
    attributes.chmod(fs, names.existing(fs, toByteString(path), follow), mode),
  fchmod: ({ fs, open }, { fd, mode }) => attributes.chmod(fs, open.get(fd).inode, mode),
  chown: ({ fs }, { follow = true, path }, { a2, a3 }) =>
    attributes.chown(fs, names.existing(fs, toByteString(path), follow), Number(a2), Number(a3)),
  fchown: ({ fs, open }, { fd }, { a1, a2 }) => attributes.chown(fs, open.get(fd).inode, Number(a1), Number(a2)),
  utimes: ({ fs }, { atimeNs, beneath, follow = true, mtimeNs, path }) => {
    const isNothing = atimeNs === undefined && mtimeNs === undefined
    // utimensat(2): without a time to set, not even the path is looked at. One that must not leave a directory has been followed before.
    if (isNothing && beneath === undefined) return
    const inode = names.existing(fs, toByteString(path), follow)
    if (!isNothing) attributes.utimes(fs, inode, atimeNs, mtimeNs)
  },
  futimes: ({ fs, open }, { atimeNs, fd, mtimeNs }) => {
    if (atimeNs === undefined && mtimeNs === undefined) return
    attributes.utimes(fs, open.get(fd).inode, atimeNs, mtimeNs)
  },
  fsetxattr: ({ fs, open }, { fd, name }, { a4, output }) =>
    xattrs.set(fs, open.get(fd).inode, toByteString(name), output!, Number(a4)),
  setxattr: ({ fs }, { follow = true, name, path }, { a4, output }) =>
    xattrs.set(fs, names.existing(fs, toByteString(path), follow), toByteString(name), output!, Number(a4)),
  fgetxattr: ({ fs, open }, { fd, name }, { output }) =>
    xattrs.get(fs, open.get(fd).inode, toByteString(name), output!),
  getxattr: ({ fs }, { follow = true, name, path }, { output }) =>
    xattrs.get(fs, names.existing(fs, toByteString(path), follow), toByteString(name), output!),
  fremovexattr: ({ fs, open }, { fd, name }) => xattrs.remove(fs, open.get(fd).inode, toByteString(name)),
  removexattr: ({ fs }, { follow = true, name, path }) =>
    xattrs.remove(fs, names.existing(fs, toByteString(path), follow), toByteString(name)),
  flistxattr: ({ fs, open }, { fd }, { output }) => xattrs.list(fs, open.get(fd).inode, output!),
  listxattr: ({ fs }, { follow = true, path }, { output }) =>
    xattrs.list(fs, names.existing(fs, toByteString(path), follow), output!),
  truncate: ({ files, fs }, { length, path }) => {
    const inode = names.existing(fs, toByteString(path), true)
    if (inode instanceof Directory) fail("EISDIR")
    if (!(inode instanceof RegularFile)) return fail("EINVAL")
    fs.demand(inode, MAY_WRITE)
    files.resize(inode, length)
  }
}

/** So many bytes of the memory that the submission keeps: a kernel would find them at the address. */
const part = (view: ArrayBufferView, length: number): Uint8Array => {
  const bytes = plainView(view)
  if (bytes.length < length)
    throw new BadArgument("buffer", "its memory was taken away while the request was under way")
  return bytes.subarray(0, length)
}

/** With flags, one buffer is a list, too. */
const memoryOf = (submission: Submission): ReadonlyArray<Uint8Array> => {
  const { a2, a5, keep } = submission
  return a5 === 0 ? [part(keep as ArrayBufferView, Number(a2))] : memoriesOf(submission)
}

const memoriesOf = (submission: Submission): ReadonlyArray<Uint8Array> => {
  const { vector, views } = keptVector(submission)
  return views.map((view, index) => part(view, Number(vector[index * 2 + 1])))
}
