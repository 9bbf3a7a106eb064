/** Operations on names: they make, remove and move entries of directories. */
import { fail } from "./failure.ts"
import { type FileSystem, isOrdinary, type Place } from "./filesystem.ts"
import { MAY_EXECUTE, MAY_WRITE, S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT, S_IFREG } from "./flags.ts"
import { type Device, Directory, type Inode, NO_DEVICE, SymbolicLink } from "./inode.ts"
import { PATH_MAX } from "./paths.ts"

/** What rename(2) does with a name that exists, renameat2(2). */
export const RENAME_NOREPLACE = 1
export const RENAME_EXCHANGE = 2
export const RENAME_WHITEOUT = 4

/** Whether a new name may be made at a place where there is none. */
export const demandCreation = (fs: FileSystem, directory: Directory): void => {
  if (directory.isRemoved) fail("ENOENT")
  fs.demand(directory, MAY_WRITE | MAY_EXECUTE)
}

/** Gives a new inode its first name. */
export const enter = (fs: FileSystem, { directory, name }: Place, inode: Inode, what: string): void => {
  directory.attach(name, inode)
  fs.modified(directory)
  fs.log.record(`${what} ${name}`, [{ directory, name, inode }])
}

/** The place of a name to be made; only that of a directory may have a slash behind it. */
const vacant = (place: Place, forDirectory = false): Place => {
  if (place.inode !== undefined) fail("EEXIST")
  if (place.trailing && !forDirectory) fail("ENOENT")
  return place
}

export const mkdir = (fs: FileSystem, path: string, mode: number): void => {
  const place = vacant(fs.locate(path, "no"), true)
  demandCreation(fs, place.directory)
  enter(fs, place, fs.newDirectory(place.directory, mode & 0o1777), "mkdir")
}

const isWhiteout = (type: number, { major, minor }: Device): boolean => type === S_IFCHR && major === 0 && minor === 0

/** `mode` with the type. */
export const mknod = (fs: FileSystem, path: string, mode: number, device: Device): void => {
  const place = vacant(fs.locate(path, "no"))
  const { directory } = place
  demandCreation(fs, directory)
  const [type, permissions] = [mode & S_IFMT, mode & 0o7777]
  const needsRight = (type === S_IFCHR || type === S_IFBLK) && !isWhiteout(type, device)
  if (needsRight && !fs.isRoot) fail("EPERM")
  const inode =
    type === S_IFREG
      ? fs.newFile(directory, permissions)
      : type === S_IFIFO
        ? fs.newFifo(directory, permissions)
        : fs.newSpecial(directory, type, device, permissions)
  enter(fs, place, inode, "mknod")
}

export const symlink = (fs: FileSystem, target: string, path: string): void => {
  if (target === "") fail("ENOENT")
  if (target.length >= PATH_MAX) fail("ENAMETOOLONG")
  const place = vacant(fs.locate(path, "no"))
  demandCreation(fs, place.directory)
  enter(fs, place, fs.newLink(place.directory, target), "symlink")
}

export const readlink = (fs: FileSystem, path: string): string => {
  const { inode, trailing } = fs.locate(path, path.endsWith("/") ? "yes" : "no")
  if (inode === undefined) return fail("ENOENT")
  if (trailing && !(inode instanceof Directory)) fail("ENOTDIR")
  return inode instanceof SymbolicLink ? inode.target : fail("EINVAL")
}

/** What /proc/self/fd says of an open directory. */
export const pathOf = (directory: Directory): string => {
  let path = directory.isRemoved ? " (deleted)" : ""
  let here = directory
  for (let { parent } = here; parent !== null; { parent } = here) {
    const own = here
    const name = [...parent.names].find(([, { inode }]) => inode === own)?.[0] ?? ""
    path = `/${name}${path}`
    here = parent
  }
  return path === "" ? "/" : path
}

export const link = (fs: FileSystem, inode: Inode, to: string): void => {
  const place = vacant(fs.locateTo(to, "no"))
  demandCreation(fs, place.directory)
  if (inode instanceof Directory) fail("EPERM")
  enter(fs, place, inode, "link")
  fs.changed(inode)
}

/** The inode of a path: of a link the link itself, unless a slash follows it. */
export const existing = (fs: FileSystem, path: string, follow = false): Inode => {
  const { inode, trailing } = fs.locate(path, follow || path.endsWith("/") ? "yes" : "no")
  if (inode === undefined) return fail("ENOENT")
  if (trailing && !(inode instanceof Directory)) fail("ENOTDIR")
  return inode
}

const leave = (fs: FileSystem, { directory, name }: Place, what: string): void => {
  const inode = directory.detach(name)
  fs.modified(directory)
  fs.changed(inode)
  fs.log.record(`${what} ${name}`, [{ directory, name, inode: undefined }])
  fs.freeUnused(inode)
}

export const unlink = (fs: FileSystem, path: string): void => {
  const place = fs.locate(path, "no")
  if (!isOrdinary(place)) fail("EISDIR")
  const { directory, inode, trailing } = place
  if (inode === undefined) return fail("ENOENT")
  if (trailing) fail(inode instanceof Directory ? "EISDIR" : "ENOTDIR")
  fs.demandRemoval(directory, inode)
  if (inode instanceof Directory) fail("EISDIR")
  leave(fs, place, "unlink")
}

export const rmdir = (fs: FileSystem, path: string): void => {
  const place = fs.locate(path, "no")
  if (place.name === "") fail("EBUSY")
  if (place.name === ".") fail("EINVAL")
  if (place.name === "..") fail("ENOTEMPTY")
  const { directory, inode } = place
  if (inode === undefined) return fail("ENOENT")
  fs.demandRemoval(directory, inode)
  if (!(inode instanceof Directory)) return fail("ENOTDIR")
  if (inode.names.size > 0) fail("ENOTEMPTY")
  leave(fs, place, "rmdir")
}

/** Whether `inode` is `directory`, or a directory around it. */
const isAbove = (inode: Inode, directory: Directory): boolean => {
  for (let at: Directory | null = directory; at !== null; at = at.parent) if (at === inode) return true
  return false
}

/** The order of the checks is the kernel's, `do_renameat2` and `vfs_rename`. */
export const rename = (fs: FileSystem, path: string, toPath: string, flags: number): void => {
  const exchanges = (flags & RENAME_EXCHANGE) !== 0
  const replaces = (flags & RENAME_NOREPLACE) === 0
  const from = fs.locate(path, "no")
  const to = fs.locateTo(toPath, "no")
  if (!isOrdinary(from)) fail("EBUSY")
  if (!isOrdinary(to)) fail(replaces ? "EBUSY" : "EEXIST")
  const source = from.inode ?? fail("ENOENT")
  const target = to.inode
  if (target !== undefined && !replaces) fail("EEXIST")
  if (target === undefined && exchanges) fail("ENOENT")
  if (exchanges && to.trailing && !(target instanceof Directory)) fail("ENOTDIR")
  if (!(source instanceof Directory) && (from.trailing || (!exchanges && to.trailing))) fail("ENOTDIR")
  if (isAbove(source, to.directory)) fail("EINVAL")
  if (target !== undefined && isAbove(target, from.directory)) fail(exchanges ? "EINVAL" : "ENOTEMPTY")
  if (source === target) return
  fs.demandRemoval(from.directory, source)
  if (target === undefined) demandCreation(fs, to.directory)
  else demandReplacement(fs, to.directory, target, source, exchanges)
  if (from.directory !== to.directory) {
    // Its `..` changes.
    if (source instanceof Directory) fs.demand(source, MAY_WRITE)
    if (exchanges && target instanceof Directory) fs.demand(target, MAY_WRITE)
  }
  if (!exchanges && target instanceof Directory && target.names.size > 0) fail("ENOTEMPTY")
  const whiteout = (flags & RENAME_WHITEOUT) === 0 ? undefined : fs.newSpecial(from.directory, S_IFCHR, NO_DEVICE, 0)
  move(fs, from, to, source, target, exchanges ? target : whiteout)
}

const demandReplacement = (
  fs: FileSystem,
  directory: Directory,
  target: Inode,
  source: Inode,
  exchanges: boolean
): void => {
  fs.demandRemoval(directory, target)
  if (exchanges) return
  if (source instanceof Directory && !(target instanceof Directory)) fail("ENOTDIR")
  if (!(source instanceof Directory) && target instanceof Directory) fail("EISDIR")
}

const move = (
  fs: FileSystem,
  from: Place,
  to: Place,
  source: Inode,
  target: Inode | undefined,
  /** What has the old name afterwards. */
  back: Inode | undefined
): void => {
  from.directory.detach(from.name)
  if (target !== undefined) to.directory.detach(to.name)
  to.directory.attach(to.name, source)
  if (back !== undefined) from.directory.attach(from.name, back)
  for (const directory of new Set([from.directory, to.directory])) fs.modified(directory)
  fs.changed(source)
  if (target !== undefined) fs.changed(target)
  const movesDirectory = from.directory !== to.directory && [source, back].some((inode) => inode instanceof Directory)
  fs.log.record(
    `rename ${from.name} to ${to.name}`,
    [
      { directory: from.directory, name: from.name, inode: back },
      { directory: to.directory, name: to.name, inode: source }
    ],
    movesDirectory
  )
  if (target !== undefined) fs.freeUnused(target)
}

/** Files and links with their content, directories with a slash, as tests compare them. */
export const describeTree = (directory: Directory, prefix = ""): Array<readonly [path: string, inode: Inode]> =>
  [...directory.names]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, { inode }]): Array<readonly [string, Inode]> => {
      const path = prefix + name
      return inode instanceof Directory ? [[`${path}/`, inode], ...describeTree(inode, `${path}/`)] : [[path, inode]]
    })
