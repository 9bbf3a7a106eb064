/** What every backend says where it cannot be. */
import { AioUnavailable } from "../../AioError.ts"
import { errno } from "../native/errno.ts"
import { type Unsupported, unsupported } from "../native/platform.ts"

/** Off Linux, on an unknown processor, in another runtime, or where Node was started with too few permissions. */
export const notThisPlatform = (backend: string, why: Unsupported = unsupported!): AioUnavailable =>
  new AioUnavailable({ backend, reason: why.reason, remedy: why.remedy, errno: errno[why.errno] })
