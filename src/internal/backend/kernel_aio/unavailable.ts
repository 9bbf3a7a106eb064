/** Why kernel AIO cannot be had, for a person. */
import { readFileSync } from "node:fs"
import { errno, errnoName } from "../../native/errno.ts"
import { failureText, MORE_FILES, OTHERWISE, Unavailable } from "../unavailable.ts"
import type { ContextUnavailable } from "./context.ts"

const sysctl = (name: "aio-max-nr" | "aio-nr"): string => {
  try {
    return readFileSync(`/proc/sys/fs/${name}`, "utf8").trim()
  } catch {
    return "unknown"
  }
}

const explain = (
  { call, errno: number }: ContextUnavailable,
  entries: number
): readonly [reason: string, remedy: string] => {
  const failure = `${call}: ${failureText(number)}`
  switch (number) {
    case errno.EAGAIN:
      return [
        `the system's limit on kernel AIO, fs.aio-max-nr = ${sysctl("aio-max-nr")}, leaves no room for ${entries} entries: fs.aio-nr = ${sysctl("aio-nr")} are taken (EAGAIN)`,
        `Raise the limit (sysctl -w fs.aio-max-nr=1048576), ask for fewer entries, ${OTHERWISE}.`
      ]
    case errno.EPERM:
    case errno.EACCES:
      return [
        `this process may not call io_setup (${errnoName(number)}): a seccomp filter forbids it`,
        `Allow io_setup, io_submit, io_getevents, io_cancel and io_destroy in the container's seccomp profile, ${OTHERWISE}.`
      ]
    case errno.ENOSYS:
      return [
        "this kernel has no io_setup: it was built without CONFIG_AIO, or a sandbox hides it (ENOSYS)",
        `Use a kernel with CONFIG_AIO, ${OTHERWISE}.`
      ]
    case errno.EMFILE:
    case errno.ENFILE:
      return [failure, `${MORE_FILES}, ${OTHERWISE}.`]
    case errno.ENOMEM:
      return [failure, `Ask for fewer entries, ${OTHERWISE}.`]
    default:
      return [failure, `Check the options of the Layer, ${OTHERWISE}.`]
  }
}

export const fromContextUnavailable = (cause: ContextUnavailable, entries: number): Unavailable => {
  const [reason, remedy] = explain(cause, entries)
  return new Unavailable("kernel", reason, remedy, cause.errno)
}
