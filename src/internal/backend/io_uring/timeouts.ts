/** Deadlines that the ring keeps itself. */
import type { Slot } from "../../engine/request.ts"
import { addressOf } from "../../native/libc.ts"
import { now } from "../../native/loop.ts"
import { IORING_OP } from "../../native/uring.ts"
import type { Ring } from "./ring.ts"

/** High half of its user data. */
export const OF_TIMEOUT = 2

/** IORING_OP_LINK_TIMEOUT: cancels the entry before it when that entry has been under way for so long. */
export const writeTimeout = (ring: Ring, submission: Slot, deadline: number): void => {
  const nanoseconds = BigInt(Math.max(1, Math.ceil((deadline - now()) * 1e6)))
  // struct timespec. The submission keeps it, though the kernel copies it when it takes the entry.
  const time = BigInt64Array.of(nanoseconds / 1_000_000_000n, nanoseconds % 1_000_000_000n)
  submission.keepAlso(time)
  ring.prepare(IORING_OP.LINK_TIMEOUT, -1, addressOf(time), 1, 0, 0)
  ring.commit(0, 0, submission.slot, OF_TIMEOUT)
}
