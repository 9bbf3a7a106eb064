/** Kernel AIO beside another backend, for its direct files. */
import type { Host } from "../../engine/backend.ts"
import { KernelAioBackend } from "./backend.ts"
import { Context, ContextUnavailable } from "./context.ts"

/** Requests in the kernel at once: as many as a disk's own queue holds, since io_submit(2) waits for room in that queue. */
export const ENTRIES = 256

/** `undefined` where the system has no room for a context, or forbids it: then direct files are read like others. */
export const directBackend = (host: Host): KernelAioBackend | undefined => {
  try {
    return new KernelAioBackend(new Context(ENTRIES), host)
  } catch (cause) {
    if (cause instanceof ContextUnavailable) return undefined
    throw cause
  }
}
