/** Error codes in the words of @effect/platform. */
import type { SystemErrorReason } from "@effect/platform/Error"
import type { Code } from "../native/errno.ts"

/** As NodeFileSystem has them, since programs test for them, and two more that it calls Unknown. */
const reasons: { readonly [code in Code]?: SystemErrorReason } = {
  EACCES: "PermissionDenied",
  EAGAIN: "WouldBlock",
  EBUSY: "Busy",
  EEXIST: "AlreadyExists",
  EISDIR: "BadResource",
  ELOOP: "BadResource",
  ENOENT: "NotFound",
  ENOTDIR: "BadResource",
  ETIMEDOUT: "TimedOut"
}

export const reasonOf = (code: Code): SystemErrorReason => reasons[code] ?? "Unknown"
