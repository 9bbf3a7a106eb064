/** What `fs.rm` and `fs.cp` refuse themselves, in their words. These have error codes of their own, and so Unknown as their reason. */
import { type PlatformError, SystemError } from "@effect/platform/Error"
import type { AioFailure } from "../../AioError.ts"
import type { Path } from "../engine/arguments.ts"
import { textOfPath } from "../engine/pathNames.ts"
import { errno } from "../native/errno.ts"
import { CopyRefusal } from "./copyRefusal.ts"
import { asText, systemError, translate } from "./errors.ts"

const text = (path: Path | undefined): string => (path === undefined ? "" : textOfPath(path))

const refusal = (method: string, of: string, syscall: string, code: string, description: string): SystemError =>
  new SystemError({
    module: "FileSystem",
    method,
    reason: "Unknown",
    pathOrDescriptor: asText(of),
    syscall,
    description,
    cause: Object.assign(new Error(description), { code, syscall })
  })

const ofPath = new Set<number>([errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG])

/** For `remove`. Without `recursive`, unlink(2) of a directory fails; Node finds that out with lstat(2) beforehand. */
export const removeFailure =
  (method: string, path: string) =>
  (error: AioFailure): PlatformError => {
    if (error._tag !== "AioError") return translate({ method, of: path })(error)
    if (error.errno === errno.EISDIR) {
      return refusal(
        method,
        path,
        "rm",
        "ERR_FS_EISDIR",
        `Path is a directory: rm returned EISDIR (is a directory) ${path}`
      )
    }
    // Node looks first, and finds what is wrong with the path thereby.
    const isFirst = text(error.path) === text(path) && ofPath.has(error.errno)
    return systemError(error.errno, isFirst ? "lstat" : error.operation, { method, of: path, path: text(error.path) })
  }

/** For `copy`. */
export const cpFailure =
  (from: string) =>
  (error: AioFailure): PlatformError => {
    if (error._tag !== "AioError") return translate({ method: "copy", of: from })(error)
    const path = text(error.path)
    const words = CopyRefusal.wordsOf(error)
    if (words !== undefined) {
      const description = `${words.sentence}: cp returned ${error.code} (${error.description}) ${path}`
      return refusal("copy", from, "cp", words.code, description)
    }
    const syscall = error.operation === "copyFile" ? "copyfile" : error.operation
    const dest = error.dest === undefined ? undefined : text(error.dest)
    return systemError(error.errno, syscall, { method: "copy", of: from, path, dest })
  }
