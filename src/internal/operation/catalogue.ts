/** Every operation there is, by its public name. The support matrix and the conformance tests are made from this list. */
import * as attributes from "./attributes.ts"
import * as copies from "./copies.ts"
import * as descriptors from "./descriptors.ts"
import * as directories from "./directories.ts"
import * as extendedAttributes from "./extendedAttributes.ts"
import * as paths from "./paths.ts"
import * as waiting from "./waiting.ts"

export const { close, fadvise, fallocate, fdatasync, fsync, ftruncate, nop, read, readahead, readv, write, writev } =
  descriptors
export const { fstat, link, lstat, mkdir, open, readlink, rename, rmdir, stat, statvfs, symlink, truncate, unlink } =
  paths
export const { readdir } = directories
export const { access, chmod, chown, utimes } = attributes
export const { fgetxattr, flistxattr, fremovexattr, fsetxattr, getxattr, listxattr, removexattr, setxattr } =
  extendedAttributes
export const { copyFileRange } = copies
export const { flock, pollFd } = waiting
