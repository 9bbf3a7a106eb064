/** How many bytes a pipe holds. pipe(7) */
import { bad, checkFd, show } from "../engine/arguments.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { asNumber, define } from "../engine/operation.ts"
import { F_GETPIPE_SZ, F_SETPIPE_SZ } from "../native/layout.ts"
import { NR } from "../native/syscalls.ts"

export const getPipeSize = define(targetOf, {
  name: "getPipeSize",
  man: "fcntl(2)",
  encode: (submission, { fd }) => {
    submission.nr = NR.fcntl
    submission.a0 = checkFd(fd)
    submission.a1 = F_GETPIPE_SZ
  },
  decode: asNumber
})

/** The answer is an int: the kernel has no larger one. */
const MOST = 2 ** 30

export const setPipeSize = define((file: Target, size: number) => ({ ...targetOf(file), size }), {
  name: "setPipeSize",
  man: "fcntl(2)",
  encode: (submission, { fd, size }) => {
    submission.nr = NR.fcntl
    submission.a0 = checkFd(fd)
    submission.a1 = F_SETPIPE_SZ
    submission.a2 =
      Number.isInteger(size) && size >= 1 && size <= MOST
        ? size
        : bad("size", `a whole number of bytes from 1 to ${MOST}, not ${show(size)}`)
  },
  decode: asNumber
})
