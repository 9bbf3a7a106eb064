/** Kernel AIO, opened for an engine. */
import type { Backend, Host } from "../../engine/backend.ts"
import { ThreadsBackend } from "../threads/backend.ts"
import { checkPlatform } from "../unavailable.ts"
import { KernelAioBackend } from "./backend.ts"
import { Context, ContextUnavailable } from "./context.ts"
import { ENTRIES } from "./direct.ts"
import { fromContextUnavailable } from "./unavailable.ts"

/** The most entries that io_setup(2) takes. */
const MOST_ENTRIES = 0x7fffffff

/** A context, and the pool behind it. Throws `Unavailable`. */
export const open = (
  host: Host,
  { entries: wanted = ENTRIES }: { readonly entries: number | undefined }
): ReadonlyArray<Backend> => {
  checkPlatform("kernel")
  const entries = Math.min(wanted, MOST_ENTRIES)
  try {
    return [new KernelAioBackend(new Context(entries), host), new ThreadsBackend(host)]
  } catch (cause) {
    throw cause instanceof ContextUnavailable ? fromContextUnavailable(cause, entries) : cause
  }
}
