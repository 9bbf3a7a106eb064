/** Error numbers: names and numbers of Linux, sentences of our own. */
import { constants } from "node:os"

/** Numbers by name (`errno.ENOENT` is 2): all of asm-generic/errno.h, which x64 and arm64 have in common. */
const numbers = {
  E2BIG: 7,
  EACCES: 13,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  EADV: 68,
  EAFNOSUPPORT: 97,
  EAGAIN: 11,
  EALREADY: 114,
  EBADE: 52,
  EBADF: 9,
  EBADFD: 77,
  EBADMSG: 74,
  EBADR: 53,
  EBADRQC: 56,
  EBADSLT: 57,
  EBFONT: 59,
  EBUSY: 16,
  ECANCELED: 125,
  ECHILD: 10,
  ECHRNG: 44,
  ECOMM: 70,
  ECONNABORTED: 103,
  ECONNREFUSED: 111,
  ECONNRESET: 104,
  EDEADLK: 35,
  EDESTADDRREQ: 89,
  EDOM: 33,
  EDOTDOT: 73,
  EDQUOT: 122,
  EEXIST: 17,
  EFAULT: 14,
  EFBIG: 27,
  EHOSTDOWN: 112,
  EHOSTUNREACH: 113,
  EHWPOISON: 133,
  EIDRM: 43,
  EILSEQ: 84,
  EINPROGRESS: 115,
  EINTR: 4,
  EINVAL: 22,
  EIO: 5,
  EISCONN: 106,
  EISDIR: 21,
  EISNAM: 120,
  EKEYEXPIRED: 127,
  EKEYREJECTED: 129,
  EKEYREVOKED: 128,
  EL2HLT: 51,
  EL2NSYNC: 45,
  EL3HLT: 46,
  EL3RST: 47,
  ELIBACC: 79,
  ELIBBAD: 80,
  ELIBEXEC: 83,
  ELIBMAX: 82,
  ELIBSCN: 81,
  ELNRNG: 48,
  ELOOP: 40,
  EMEDIUMTYPE: 124,
  EMFILE: 24,
  EMLINK: 31,
  EMSGSIZE: 90,
  EMULTIHOP: 72,
  ENAMETOOLONG: 36,
  ENAVAIL: 119,
  ENETDOWN: 100,
  ENETRESET: 102,
  ENETUNREACH: 101,
  ENFILE: 23,
  ENOANO: 55,
  ENOBUFS: 105,
  ENOCSI: 50,
  ENODATA: 61,
  ENODEV: 19,
  ENOENT: 2,
  ENOEXEC: 8,
  ENOKEY: 126,
  ENOLCK: 37,
  ENOLINK: 67,
  ENOMEDIUM: 123,
  ENOMEM: 12,
  ENOMSG: 42,
  ENONET: 64,
  ENOPKG: 65,
  ENOPROTOOPT: 92,
  ENOSPC: 28,
  ENOSR: 63,
  ENOSTR: 60,
  ENOSYS: 38,
  ENOTBLK: 15,
  ENOTCONN: 107,
  ENOTDIR: 20,
  ENOTEMPTY: 39,
  ENOTNAM: 118,
  ENOTRECOVERABLE: 131,
  ENOTSOCK: 88,
  ENOTSUP: 95,
  ENOTTY: 25,
  ENOTUNIQ: 76,
  ENXIO: 6,
  EOPNOTSUPP: 95,
  EOVERFLOW: 75,
  EOWNERDEAD: 130,
  EPERM: 1,
  EPFNOSUPPORT: 96,
  EPIPE: 32,
  EPROTO: 71,
  EPROTONOSUPPORT: 93,
  EPROTOTYPE: 91,
  ERANGE: 34,
  EREMCHG: 78,
  EREMOTE: 66,
  EREMOTEIO: 121,
  ERESTART: 85,
  ERFKILL: 132,
  EROFS: 30,
  ESHUTDOWN: 108,
  ESOCKTNOSUPPORT: 94,
  ESPIPE: 29,
  ESRCH: 3,
  ESRMNT: 69,
  ESTALE: 116,
  ESTRPIPE: 86,
  ETIME: 62,
  ETIMEDOUT: 110,
  ETOOMANYREFS: 109,
  ETXTBSY: 26,
  EUCLEAN: 117,
  EUNATCH: 49,
  EUSERS: 87,
  EWOULDBLOCK: 11,
  EXDEV: 18,
  EXFULL: 54
}

/** Every name that errno(3) lists for Linux. */
export type ErrnoName = keyof typeof numbers

/** Where the mock runs on another system, the numbers are those of that system. */
const system: Readonly<Record<string, number>> = constants.errno
for (const name of Object.keys(numbers) as Array<ErrnoName>) {
  const number = system[name]
  if (number !== undefined && number !== numbers[name]) numbers[name] = number
}

export const errno: Readonly<typeof numbers> = numbers

/**
 * The names of Linux's error numbers: `"ENOENT"`, `"EACCES"`, ... errno(3)
 *
 * Each number has one name: EWOULDBLOCK and ENOTSUP are `"EAGAIN"` and `"EOPNOTSUPP"`. A number without a name is `"UNKNOWN"`; `errno` of
 * the error has the number.
 *
 * @since 0.1.0
 * @category models
 */
export type Code = Exclude<ErrnoName, "EWOULDBLOCK" | "ENOTSUP"> | "UNKNOWN"

const names = new Map<number, Code>()
for (const [name, number] of Object.entries(numbers)) {
  // On another system one number may have two names: the name that the system itself gives is taken.
  if (!names.has(number) || name in system) names.set(number, name as Code)
}
names.set(errno.EAGAIN, "EAGAIN")
names.set(errno.EOPNOTSUPP, "EOPNOTSUPP")

const sentences: { readonly [code in Code]?: string } = {
  E2BIG: "too much for one call",
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
  ENODATA: "no data, or no such attribute",
  ENODEV: "no such device",
  ENOENT: "no such file or directory",
  ENOLCK: "no locks available",
  ENOMEM: "out of memory",
  ENOMEDIUM: "there is no medium in the drive",
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
  EREMOTEIO: "the other side reported an I/O error",
  ERANGE: "the result does not fit",
  EROFS: "the file system is read-only",
  ESPIPE: "not seekable",
  ESTALE: "stale file handle",
  ETIMEDOUT: "timed out",
  ETXTBSY: "the file is being executed",
  EUCLEAN: "the file system is damaged",
  EXDEV: "not on the same file system"
}

/** `"ENOENT"` for 2; `"UNKNOWN"` for a number that Linux does not name. */
export const errnoName = (number: number): Code => names.get(number) ?? "UNKNOWN"

/** A sentence for a person, without the name. */
export const errnoMessage = (number: number): string => sentences[errnoName(number)] ?? `system error ${number}`
