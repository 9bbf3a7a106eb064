/** What every backend says where there is no Linux. */
import { AioUnavailable } from "../../AioError.ts"
import { errno } from "../native/errno.ts"
import { unsupported } from "../native/platform.ts"

/** Off Linux, or on an unknown processor. */
export const notThisPlatform = (backend: string): AioUnavailable =>
  new AioUnavailable({
    backend,
    reason: unsupported!,
    remedy: "Use NodeFileSystem of @effect/platform-node there.",
    errno: errno.ENOSYS
  })
