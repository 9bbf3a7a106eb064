/** Limits of this process. */
import { syscall } from "./libc.ts"
import { permanent } from "./memory.ts"
import { NR } from "./syscalls.ts"

const RLIMIT_NOFILE = 7

// struct rlimit64: what holds, and what it may be raised to. Permanent, and over with when the call returns.
const limit = new BigUint64Array(2)
const limitAddress = permanent(limit)

/** Descriptors that this process may have at the moment: no number reaches it. getrlimit(2) */
export const descriptorLimit = (): number =>
  syscall(NR.prlimit64, 0, RLIMIT_NOFILE, 0, limitAddress) === 0 ? Number(limit[0]) : Number.POSITIVE_INFINITY
