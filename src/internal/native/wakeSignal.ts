/**
 * The signal that brings a thread out of a system call that may wait without end.
 *
 * Its handler is libc's `abs`, a C function without side effects. A handler has to do no more for the call to return EINTR (without
 * SA_RESTART). A real-time signal without a handler is taken, and never one that other programs may send to the process.
 */
import { errno } from "./errno.ts"
import { functionAddress, sigaction, syscall } from "./libc.ts"
import { permanent } from "./memory.ts"
import { NR } from "./syscalls.ts"

/** `struct sigaction` of glibc and musl, 64 bits: handler, 128 bytes of mask, flags, restorer. */
const SIGACTION_WORDS = 19
const SIG_DFL = 0n
const LAST_SIGNAL = 64
const FIRST_SIGNAL = 36

const action = new BigUint64Array(SIGACTION_WORDS)
const actionAddress = permanent(action)
const previous = new BigUint64Array(SIGACTION_WORDS)
const previousAddress = permanent(previous)

let signal: number | undefined

/** The number of the signal, installed on first use; `undefined` where every candidate is taken. */
export const wakeSignal = (): number | undefined => {
  if (signal !== undefined) return signal
  const harmless = BigInt(functionAddress("abs"))
  action[0] = harmless
  for (let candidate = LAST_SIGNAL; candidate >= FIRST_SIGNAL; candidate--) {
    if (sigaction(candidate, 0, previousAddress) !== 0) continue
    // Another copy of this package, in a worker thread say, has installed the same handler: share the signal.
    if (previous[0] !== SIG_DFL && previous[0] !== harmless) continue
    if (sigaction(candidate, actionAddress, 0) === 0) {
      signal = candidate
      return candidate
    }
  }
  return undefined
}

/** Interrupts the system call in which the thread is, if it is in one that can be interrupted. Repeat until it is out. */
export const wakeThread = (tid: number): void => {
  const number = wakeSignal()
  if (number === undefined) return
  const result = syscall(NR.tgkill, process.pid, tid, number)
  // Refused by a filter that may not know the older call. ESRCH: the thread has ended.
  if (result < 0 && result !== -errno.ESRCH) syscall(NR.tkill, tid, number)
}
