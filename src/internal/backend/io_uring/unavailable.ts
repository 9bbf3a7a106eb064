/** Why io_uring cannot be had, for a person. */
import { readFileSync } from "node:fs"
import { errno, errnoName } from "../../native/errno.ts"
import { failureText, MORE_FILES, OTHERWISE, Unavailable } from "../unavailable.ts"
import type { RingUnavailable } from "./ring.ts"

const sysctl = (): string => {
  try {
    return readFileSync("/proc/sys/kernel/io_uring_disabled", "utf8").trim()
  } catch {
    return "0"
  }
}

const forbidden = (code: string): readonly [reason: string, remedy: string] => {
  const value = sysctl()
  return value === "0"
    ? [
        `this process may not call io_uring_setup (${code}): a seccomp filter forbids it, as Docker's and most containers' does`,
        `Allow io_uring_setup, io_uring_enter and io_uring_register in the container's seccomp profile, ${OTHERWISE}.`
      ]
    : [
        `the sysctl kernel.io_uring_disabled is ${value} (${code})`,
        `Set it to 0 (sysctl -w kernel.io_uring_disabled=0), ${OTHERWISE}.`
      ]
}

const explain = ({ call, errno: number }: RingUnavailable): readonly [reason: string, remedy: string] => {
  if (call === "features") {
    return ["this kernel's io_uring is too old (before Linux 5.6)", `Use a newer kernel, ${OTHERWISE}.`]
  }
  const failure = `${call}: ${failureText(number)}`
  switch (number) {
    case errno.EPERM:
    case errno.EACCES:
      return forbidden(errnoName(number))
    case errno.ENOSYS:
      return ["this kernel has no io_uring (ENOSYS)", `Use Linux 5.6 or newer, ${OTHERWISE}.`]
    case errno.ENOMEM:
      return [failure, `Raise the limit on locked memory (ulimit -l), ask for fewer entries, ${OTHERWISE}.`]
    case errno.EMFILE:
    case errno.ENFILE:
      return [failure, `${MORE_FILES}, ${OTHERWISE}.`]
    default:
      return [failure, `Check the options of the Layer, ${OTHERWISE}.`]
  }
}

export const fromRingUnavailable = (cause: RingUnavailable): Unavailable => {
  const [reason, remedy] = explain(cause)
  return new Unavailable("io_uring", reason, remedy, cause.errno)
}
