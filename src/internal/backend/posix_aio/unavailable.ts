/** Why POSIX AIO cannot be had, for a person. */
import { AioUnavailable } from "../../../AioError.ts"
import { errno, errnoMessage, errnoName } from "../../native/errno.ts"
import type { PosixAioUnavailable } from "../../native/posixAio.ts"

const OTHERWISE = "or use another backend (AIO_BACKEND=threads)"

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
  const failure = `${call}: ${errnoMessage(number)} (${errnoName(number)})`
  switch (number) {
    case errno.EAGAIN:
      return [failure, `Raise the limit on threads (ulimit -u), ${OTHERWISE}.`]
    case errno.EMFILE:
    case errno.ENFILE:
      return [failure, `Raise the limit on open files (ulimit -n), ${OTHERWISE}.`]
    default:
      return [failure, `Check the limits of this process, ${OTHERWISE}.`]
  }
}

export const fromPosixAioUnavailable = (cause: PosixAioUnavailable): AioUnavailable => {
  const [reason, remedy] = explain(cause)
  return new AioUnavailable({
    backend: "posix",
    reason,
    remedy,
    errno: cause.errno === 0 ? errno.ENOSYS : cause.errno
  })
}
