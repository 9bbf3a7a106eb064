/** The constructors of `AioOperation`: each operation of the catalogue as an opaque value. */
import type { Operation } from "../engine/operation.ts"
import * as catalogue from "../operation/catalogue.ts"
import type { AioOperation } from "./publicOperation.ts"

/** A constructor of the catalogue, without what is the library's own. */
const value = <Args extends ReadonlyArray<any>, A>(
  constructor: (...args: Args) => Operation<A>
): ((...args: Args) => AioOperation<A>) => constructor as never

/**
 * `Aio.nop` as a value. io_uring_prep_nop(3).
 *
 * @since 0.1.0
 * @category constructors
 */
export const nop = value(catalogue.nop)

/**
 * `Aio.open` as a value. open(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = value(catalogue.open)

/**
 * `Aio.memfdCreate` as a value. memfd_create(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const memfdCreate = value(catalogue.memfdCreate)

/**
 * `Aio.eventfd` as a value. eventfd(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const eventfd = value(catalogue.eventfd)

/**
 * `Aio.pidfdOpen` as a value. pidfd_open(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const pidfdOpen = value(catalogue.pidfdOpen)

/**
 * `Aio.pidfdSendSignal` as a value. pidfd_send_signal(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const pidfdSendSignal = value(catalogue.pidfdSendSignal)

/**
 * `Aio.pidfdGetfd` as a value. pidfd_getfd(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const pidfdGetfd = value(catalogue.pidfdGetfd)

/**
 * `Aio.addSeals` as a value. fcntl(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const addSeals = value(catalogue.addSeals)

/**
 * `Aio.getSeals` as a value. fcntl(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const getSeals = value(catalogue.getSeals)

/**
 * `Aio.close` as a value. close(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const close = value(catalogue.close)

/**
 * `Aio.read` as a value. pread(2), read(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = value(catalogue.read)

/**
 * `Aio.write` as a value. pwrite(2), write(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const write = value(catalogue.write)

/**
 * `Aio.readv` as a value. preadv(2), readv(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const readv = value(catalogue.readv)

/**
 * `Aio.writev` as a value. pwritev(2), writev(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const writev = value(catalogue.writev)

/**
 * `Aio.fsync` as a value. fsync(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fsync = value(catalogue.fsync)

/**
 * `Aio.fdatasync` as a value. fdatasync(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fdatasync = value(catalogue.fdatasync)

/**
 * `Aio.seek` as a value. lseek(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const seek = value(catalogue.seek)

/**
 * `Aio.syncFileRange` as a value. sync_file_range(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const syncFileRange = value(catalogue.syncFileRange)

/**
 * `Aio.syncfs` as a value. syncfs(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const syncfs = value(catalogue.syncfs)

/**
 * `Aio.sync` as a value. sync(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const sync = value(catalogue.sync)

/**
 * `Aio.stat` as a value. statx(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const stat = value(catalogue.stat)

/**
 * `Aio.lstat` as a value. statx(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const lstat = value(catalogue.lstat)

/**
 * `Aio.fstat` as a value. statx(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fstat = value(catalogue.fstat)

/**
 * `Aio.statx` as a value. statx(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const statx = value(catalogue.statx)

/**
 * `Aio.fstatx` as a value. statx(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fstatx = value(catalogue.fstatx)

/**
 * `Aio.ftruncate` as a value. ftruncate(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const ftruncate = value(catalogue.ftruncate)

/**
 * `Aio.truncate` as a value. truncate(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const truncate = value(catalogue.truncate)

/**
 * `Aio.fallocate` as a value. fallocate(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fallocate = value(catalogue.fallocate)

/**
 * `Aio.fadvise` as a value. posix_fadvise(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fadvise = value(catalogue.fadvise)

/**
 * `Aio.readahead` as a value. readahead(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const readahead = value(catalogue.readahead)

/**
 * `Aio.cachestat` as a value. cachestat(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const cachestat = value(catalogue.cachestat)

/**
 * `Aio.unlink` as a value. unlink(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const unlink = value(catalogue.unlink)

/**
 * `Aio.rmdir` as a value. rmdir(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const rmdir = value(catalogue.rmdir)

/**
 * `Aio.rename` as a value. rename(2), renameat2(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const rename = value(catalogue.rename)

/**
 * `Aio.mkdir` as a value. mkdir(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const mkdir = value(catalogue.mkdir)

/**
 * `Aio.mknod` as a value. mknod(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const mknod = value(catalogue.mknod)

/**
 * `Aio.link` as a value. link(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const link = value(catalogue.link)

/**
 * `Aio.symlink` as a value. symlink(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const symlink = value(catalogue.symlink)

/**
 * `Aio.readlink` as a value. readlink(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const readlink = value(catalogue.readlink)

/**
 * `Aio.readdir` as a value. getdents64(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const readdir = value(catalogue.readdir)

/**
 * `Aio.access` as a value. access(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const access = value(catalogue.access)

/**
 * `Aio.chmod` as a value. chmod(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const chmod = value(catalogue.chmod)

/**
 * `Aio.fchmod` as a value. fchmod(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fchmod = value(catalogue.fchmod)

/**
 * `Aio.chown` as a value. chown(2), lchown(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const chown = value(catalogue.chown)

/**
 * `Aio.getInodeFlags` as a value. ioctl_iflags(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const getInodeFlags = value(catalogue.getInodeFlags)

/**
 * `Aio.setInodeFlags` as a value. ioctl_iflags(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const setInodeFlags = value(catalogue.setInodeFlags)

/**
 * `Aio.fchown` as a value. fchown(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fchown = value(catalogue.fchown)

/**
 * `Aio.utimes` as a value. utimensat(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const utimes = value(catalogue.utimes)

/**
 * `Aio.futimes` as a value. futimens(3).
 *
 * @since 0.1.0
 * @category constructors
 */
export const futimes = value(catalogue.futimes)

/**
 * `Aio.setxattr` as a value. setxattr(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const setxattr = value(catalogue.setxattr)

/**
 * `Aio.fsetxattr` as a value. fsetxattr(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fsetxattr = value(catalogue.fsetxattr)

/**
 * `Aio.getxattr` as a value. getxattr(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const getxattr = value(catalogue.getxattr)

/**
 * `Aio.fgetxattr` as a value. fgetxattr(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fgetxattr = value(catalogue.fgetxattr)

/**
 * `Aio.listxattr` as a value. listxattr(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const listxattr = value(catalogue.listxattr)

/**
 * `Aio.flistxattr` as a value. flistxattr(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const flistxattr = value(catalogue.flistxattr)

/**
 * `Aio.removexattr` as a value. removexattr(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const removexattr = value(catalogue.removexattr)

/**
 * `Aio.fremovexattr` as a value. fremovexattr(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fremovexattr = value(catalogue.fremovexattr)

/**
 * `Aio.copyFileRange` as a value. copy_file_range(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const copyFileRange = value(catalogue.copyFileRange)

/**
 * `Aio.reflink` as a value. ioctl_ficlonerange(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const reflink = value(catalogue.reflink)

/**
 * `Aio.fiemap` as a value. FS_IOC_FIEMAP(2const).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fiemap = value(catalogue.fiemap)

/**
 * `Aio.sendfile` as a value. sendfile(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const sendfile = value(catalogue.sendfile)

/**
 * `Aio.splice` as a value. splice(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const splice = value(catalogue.splice)

/**
 * `Aio.tee` as a value. tee(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const tee = value(catalogue.tee)

/**
 * `Aio.pollFd` as a value. poll(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const pollFd = value(catalogue.pollFd)

/**
 * `Aio.getPipeSize` as a value. fcntl(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const getPipeSize = value(catalogue.getPipeSize)

/**
 * `Aio.setPipeSize` as a value. fcntl(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const setPipeSize = value(catalogue.setPipeSize)

/**
 * `Aio.flock` as a value. flock(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const flock = value(catalogue.flock)

/**
 * `Aio.lockRange` as a value. fcntl(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const lockRange = value(catalogue.lockRange)

/**
 * `Aio.lockHolder` as a value. fcntl(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const lockHolder = value(catalogue.lockHolder)

/**
 * `Aio.statvfs` as a value. statvfs(3), by statfs(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const statvfs = value(catalogue.statvfs)

/**
 * `Aio.fstatvfs` as a value. statvfs(3), by fstatfs(2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fstatvfs = value(catalogue.fstatvfs)
