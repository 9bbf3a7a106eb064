/** io_uring, opened for an engine. */
import type { Backend, Host } from "../../engine/backend.ts"
import { errno } from "../../native/errno.ts"
import { IORING_SETUP } from "../../native/uring.ts"
import { ThreadsBackend } from "../threads/backend.ts"
import { checkPlatform } from "../unavailable.ts"
import { IoUringBackend } from "./backend.ts"
import { Ring, RingUnavailable } from "./ring.ts"
import { fromRingUnavailable } from "./unavailable.ts"

const ENTRIES = 4096

/** COOP_TASKRUN: completions do not interrupt JavaScript, they wait for the next system call. See bench/setup-flags.ts. */
const preferredFlags =
  IORING_SETUP.CLAMP | IORING_SETUP.SUBMIT_ALL | IORING_SETUP.COOP_TASKRUN | IORING_SETUP.TASKRUN_FLAG

const makeRing = (entries: number): Ring => {
  try {
    return new Ring(entries, preferredFlags)
  } catch (cause) {
    // Flags newer than the kernel (5.18, 5.19): EINVAL.
    if (cause instanceof RingUnavailable && cause.errno === errno.EINVAL) return new Ring(entries, IORING_SETUP.CLAMP)
    throw cause
  }
}

/** A ring, and the pool behind it. Throws `Unavailable`. */
export const open = (
  host: Host,
  { entries = ENTRIES }: { readonly entries: number | undefined }
): ReadonlyArray<Backend> => {
  checkPlatform("io_uring")
  try {
    return [new IoUringBackend(makeRing(entries), host), new ThreadsBackend(host)]
  } catch (cause) {
    throw cause instanceof RingUnavailable ? fromRingUnavailable(cause) : cause
  }
}
