/** Kernel AIO beside another backend, for its direct files. */
import type { Host } from "../../engine/backend.ts"
import { KernelAioBackend } from "./backend.ts"
import { Context, ContextUnavailable } from "./context.ts"

/** Requests in the kernel at once: what a disk's own queue holds, since io_submit(2) waits for room in that. */
export const ENTRIES = 256

/** `undefined` where the system has no room for a context, or forbids it: then its direct files are read as others are. */
export const directBackend = (host: Host): KernelAioBackend | undefined => {
  try {
    return new KernelAioBackend(new Context(ENTRIES), host)
  } catch (cause) {
    if (cause instanceof ContextUnavailable) return undefined
    throw cause
  }
}
