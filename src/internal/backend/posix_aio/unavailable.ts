/** Why POSIX AIO cannot be had, for a person. */
import { errno } from "../../native/errno.ts"
import type { PosixAioUnavailable } from "../../native/posixAio.ts"
import { failureText, MORE_FILES, OTHERWISE, Unavailable } from "../unavailable.ts"

const explain = ({ call, errno: number }: PosixAioUnavailable): readonly [reason: string, remedy: string] => {
  if (call === "functions") {
    return [
      "the C library has no aio_init and its like: it is not glibc (musl has a POSIX AIO with other rules)",
      `Use a system with glibc, ${OTHERWISE}.`
    ]
  }
  if (call === "layout") {
    return [
      "a read through aio_read(3) gave another result than the file's, or struct aiocb is not laid out as in glibc",
      `Use a system with glibc, ${OTHERWISE}.`
    ]
  }
  if (call === "aio_suspend") {
    return [
      "a read of cached memory through aio_read(3) has not ended within a second: its threads are all busy or gone",
      `Allow more threads, ${OTHERWISE}.`
    ]
  }
  const failure = `${call}: ${failureText(number)}`
  switch (number) {
    case errno.EAGAIN:
      return [failure, `Raise the limit on threads (ulimit -u), ${OTHERWISE}.`]
    case errno.EMFILE:
    case errno.ENFILE:
      return [failure, `${MORE_FILES}, ${OTHERWISE}.`]
    default:
      return [failure, `Check the limits of this process, ${OTHERWISE}.`]
  }
}

export const fromPosixAioUnavailable = (cause: PosixAioUnavailable): Unavailable => {
  const [reason, remedy] = explain(cause)
  return new Unavailable("posix", reason, remedy, cause.errno === 0 ? errno.ENOSYS : cause.errno)
}

/** There is no descriptor that could tell of completions. */
export const withoutDescriptor = (number: number): Unavailable =>
  new Unavailable("posix", failureText(number), `${MORE_FILES}.`, number)
