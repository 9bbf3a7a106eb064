/** The bits of open(2) and of modes: Node's own where it has them, Linux's where Node lacks them on this platform. */
import { constants } from "node:fs"
import { O_ACCMODE, O_PATH, O_TMPFILE } from "../../native/layout.ts"

export { O_ACCMODE, O_PATH, O_TMPFILE }
export const { O_APPEND, O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY } = constants
// Typed as if they were always there; on Windows they are not.
const of = (bits: number | undefined, otherwise: number): number => bits ?? otherwise
export const O_DIRECT = of(constants.O_DIRECT, 0o40000)
export const O_DIRECTORY = of(constants.O_DIRECTORY, 0o200000)
export const O_DSYNC = of(constants.O_DSYNC, 0o10000)
export const O_NOATIME = of(constants.O_NOATIME, 0o1000000)
export const O_NOFOLLOW = of(constants.O_NOFOLLOW, 0o400000)
export const O_NONBLOCK = of(constants.O_NONBLOCK, 0o4000)

export const S_IFMT = 0o170000
export const S_IFIFO = 0o010000
export const S_IFCHR = 0o020000
export const S_IFDIR = 0o040000
export const S_IFBLK = 0o060000
export const S_IFREG = 0o100000
export const S_IFLNK = 0o120000
export const S_IFSOCK = 0o140000
export const S_ISUID = 0o4000
export const S_ISGID = 0o2000
export const S_ISVTX = 0o1000

export const MAY_READ = 4
export const MAY_WRITE = 2
export const MAY_EXECUTE = 1
