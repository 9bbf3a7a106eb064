/** Error numbers: names from the running system, sentences of our own. */
import { constants } from "node:os"

/** Numbers by name (`errno.ENOENT` is 2), as `errno(3)` lists them for this system. */
export const errno = constants.errno

const names = new Map<number, string>()
for (const [name, number] of Object.entries(errno)) {
  // EWOULDBLOCK and EAGAIN, EOPNOTSUPP and ENOTSUP are one number each: the first name that programs test for wins.
  if (!names.has(number)) names.set(number, name)
}
names.set(errno.EAGAIN, "EAGAIN")
names.set(errno.EOPNOTSUPP, "EOPNOTSUPP")

const sentences: Record<string, string> = {
  E2BIG: "argument list too long",
  EACCES: "permission denied",
  EAGAIN: "the resource is temporarily unavailable",
  EBADF: "not an open file descriptor, or not open for this",
  EBUSY: "the resource is busy",
  ECANCELED: "the operation was cancelled",
  EDEADLK: "it would wait for itself",
  EDQUOT: "the disk quota is exhausted",
  EEXIST: "the file exists already",
  EFAULT: "the memory is not accessible",
  EFBIG: "the file would be too large",
  EINTR: "interrupted by a signal",
  EINVAL: "the kernel refuses an argument",
  EIO: "the device reported an I/O error",
  EISDIR: "is a directory",
  ELOOP: "too many symbolic links",
  EMFILE: "this process has too many open files",
  EMLINK: "too many links",
  ENAMETOOLONG: "the path is too long",
  ENFILE: "the system has too many open files",
  ENODATA: "no data available",
  ENODEV: "no such device",
  ENOENT: "no such file or directory",
  ENOLCK: "no locks available",
  ENOMEM: "out of memory",
  ENOSPC: "no space left on the device",
  ENOSYS: "this kernel does not have the call",
  ENOTDIR: "a part of the path is not a directory",
  ENOTEMPTY: "the directory is not empty",
  ENOTTY: "not a device for this request",
  ENXIO: "no such device or address",
  EOPNOTSUPP: "the file system does not support this",
  EOVERFLOW: "the value does not fit",
  EPERM: "operation not permitted",
  EPIPE: "nobody reads the other end",
  EROFS: "the file system is read-only",
  ESPIPE: "not seekable",
  ESTALE: "stale file handle",
  ETIMEDOUT: "timed out",
  ETXTBSY: "the file is being executed",
  EXDEV: "not on the same file system"
}

/** `"ENOENT"` for 2; `"E1234"` for a number that the system does not name. */
export const errnoName = (number: number): string => names.get(number) ?? `E${number}`

/** A sentence for a person, without the name. */
export const errnoMessage = (number: number): string => sentences[errnoName(number)] ?? `system error ${number}`
