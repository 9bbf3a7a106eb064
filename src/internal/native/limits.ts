/** Limits of this process. */
import { syscall } from "./libc.ts"
import { permanent } from "./memory.ts"
import { NR } from "./syscalls.ts"

const RLIMIT_NOFILE = 7

// struct rlimit64: the limit in force, and the one that it may be raised to. Permanent; only used during the call.
const limit = new BigUint64Array(2)
const limitAddress = permanent(limit)

/** The limit on descriptors of this process now: every number is below it. getrlimit(2) */
export const descriptorLimit = (): number =>
  syscall(NR.prlimit64, 0, RLIMIT_NOFILE, 0, limitAddress) === 0 ? Number(limit[0]) : Number.POSITIVE_INFINITY
