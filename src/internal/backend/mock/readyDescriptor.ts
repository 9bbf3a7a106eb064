/** A descriptor for other event loops, readable while requests are ready: eventfd(2). Made when it is asked for. */
import { errno } from "../../native/errno.ts"
import { addressOf, syscall } from "../../native/libc.ts"
import { unsupported } from "../../native/platform.ts"
import { NR } from "../../native/syscalls.ts"

const EFD_CLOEXEC = 0o2000000
const EFD_NONBLOCK = 0o4000

export class ReadyDescriptor {
  private descriptor: number | undefined
  private isSet = false
  /** The number that is written to it, and read from it. The kernel uses it only within a call; this object keeps it until then. */
  private readonly count = new BigUint64Array(1)

  /** -errno where there is none. */
  get fd(): number {
    if (this.descriptor === undefined) {
      if (unsupported !== undefined) return -errno.ENOSYS
      const fd = syscall(NR.eventfd2, this.isSet ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK)
      if (fd < 0) return fd
      this.descriptor = fd
    }
    return this.descriptor
  }

  set(isReady: boolean): void {
    if (isReady === this.isSet) return
    this.isSet = isReady
    if (this.descriptor === undefined) return
    this.count[0] = 1n
    syscall(isReady ? NR.write : NR.read, this.descriptor, addressOf(this.count), 8)
  }

  close(): void {
    if (this.descriptor !== undefined) syscall(NR.close, this.descriptor)
    this.descriptor = undefined
  }
}
