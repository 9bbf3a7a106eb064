/** The pool, opened for an engine. */
import type { Backend, Host } from "../../engine/backend.ts"
import { errno } from "../../native/errno.ts"
import { checkPlatform, failureText, MORE_FILES, Unavailable } from "../unavailable.ts"
import { type ThreadControls, ThreadsBackend } from "./backend.ts"

const remedyOf = (number: number): string =>
  number === errno.EMFILE || number === errno.ENFILE
    ? `${MORE_FILES}.`
    : "Allow this process executable memory of a file (memfd_create), and memory at all."

/** The pool alone. Threads start on demand. Throws `Unavailable`. */
export const open = (host: Host, { controls }: { readonly controls: ThreadControls }): ReadonlyArray<Backend> => {
  checkPlatform("threads")
  const pool = new ThreadsBackend(host, controls)
  const failure = pool.open()
  if (failure < 0) throw new Unavailable("threads", failureText(-failure), remedyOf(-failure), -failure)
  return [pool]
}
