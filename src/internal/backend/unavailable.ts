/** What every backend says where it cannot be. */
import { AioUnavailable } from "../../AioError.ts"
import { errno } from "../native/errno.ts"
import { unsupported } from "../native/platform.ts"

/** Off Linux, on an unknown processor, in another runtime, or where Node was started with too few permissions. */
export const notThisPlatform = (backend: string): AioUnavailable => {
  const { errno: code, reason, remedy } = unsupported!
  return new AioUnavailable({ backend, reason, remedy, errno: errno[code] })
}
